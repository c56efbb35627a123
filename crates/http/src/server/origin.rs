//! Rejects requests that pages of other sites send through the browser of a user who can reach the server.
//!
//! A page may send simple requests to any server, and its own host name may resolve to this machine. A client that is not
//! a browser can send any header, so this is not authentication: requests without these headers pass.

use std::net::IpAddr;

use axum::http::header::{HOST, HeaderName, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, Request};

use super::ServerOptions;
use super::response::Failure;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The hosts and origins that may send requests.
#[derive(Debug)]
pub(super) struct OriginPolicy {
    /// The host names of the server, if they are checked.
    hosts: Option<Vec<String>>,
    origins: Vec<String>,
}

impl OriginPolicy {
    /// `is_local`: whether the server listens at a loopback address, to which no foreign host name should resolve.
    pub(super) fn new(options: &ServerOptions, is_local: bool) -> Self {
        let hosts = &options.allowed_hosts;
        let any = hosts.iter().any(|host| host == "*");
        let checked = (is_local || !hosts.is_empty()) && !any;
        Self { hosts: checked.then(|| hosts.clone()), origins: options.cors_origins.clone() }
    }

    /// Checks the host and the origin of a request.
    ///
    /// # Errors
    ///
    /// If it is for another host, or a write from a page of another site.
    pub(super) fn check<B>(&self, request: &Request<B>) -> Result<(), Failure> {
        if let Some(hosts) = &self.hosts
            && let Some(other) = hosts_of(request).find(|host| !is_ours(host, hosts))
        {
            let other = String::from_utf8_lossy(other);
            return Err(Failure::new(
                "misdirected",
                format!(
                    "{other:?} is not a name of this server; use localhost or its IP address, or allow the name in the \
                     server (--allowed-hosts)"
                ),
            ));
        }
        if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
            || self.may_write(request)
        {
            return Ok(());
        }
        Err(Failure::new(
            "forbidden",
            "writes from pages of other origins are forbidden; allow the origin in the server (--cors-origins)",
        ))
    }

    /// Whether a write comes from the server's own pages, from an allowed origin, or not from a page.
    fn may_write<B>(&self, request: &Request<B>) -> bool {
        let headers = request.headers();
        let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
        let is_own = match headers.get(FETCH_SITE) {
            // Browsers set this header, and pages cannot change it.
            Some(site) => matches!(site.as_bytes(), b"same-origin" | b"none"),
            None => origin.is_none_or(|origin| {
                let is_host = |host: &[u8]| host.eq_ignore_ascii_case(without_scheme(origin));
                hosts_of(request).any(is_host)
            }),
        };
        is_own || origin.is_some_and(|origin| is_allowed(origin, &self.origins))
    }

    /// Returns the origin of the page that sent the request, if it is allowed.
    pub(super) fn allowed_origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN).filter(|_| !self.origins.is_empty())?;
        is_allowed(origin.as_bytes(), &self.origins).then(|| origin.clone())
    }
}

fn is_allowed(origin: &[u8], origins: &[String]) -> bool {
    origins.iter().any(|allowed| allowed == "*" || allowed.as_bytes() == origin)
}

/// The hosts that a request names: one or none, unless it is malformed or malicious.
fn hosts_of<B>(request: &Request<B>) -> impl Iterator<Item = &[u8]> {
    let authority = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let headers = request.headers().get_all(HOST).iter().map(HeaderValue::as_bytes);
    authority.into_iter().chain(headers).filter(|host| !host.is_empty())
}

/// Whether this is a host of the server, with any port. IP addresses are accepted, because they cannot be rebound.
fn is_ours(host: &[u8], hosts: &[String]) -> bool {
    let Ok(authority) = Authority::try_from(host) else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost")
        || address.parse::<IpAddr>().is_ok()
        || hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn without_scheme(origin: &[u8]) -> &[u8] {
    let scheme = origin.windows(3).position(|part| part == b"://");
    scheme.map_or(origin, |at| &origin[at + 3..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Request<()> {
        let request = Request::builder().method(method).uri("/flush");
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap()
    }

    fn code(policy: &OriginPolicy, request: &Request<()>) -> Option<String> {
        policy.check(request).err().map(|Failure(problem)| problem.code.into_owned())
    }

    fn options(hosts: &[&str], origins: &[&str]) -> ServerOptions {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let (allowed_hosts, cors_origins) = (texts(hosts), texts(origins));
        ServerOptions { allowed_hosts, cors_origins, ..ServerOptions::default() }
    }

    #[test]
    fn writes_require_own_or_allowed_origin() {
        let policy = OriginPolicy::new(&options(&[], &["https://app.example"]), false);
        let write = |headers: &[(&str, &str)]| code(&policy, &request("DELETE", headers)).is_none();
        let (host, own) = (("host", "db.example:8080"), ("origin", "http://DB.example:8080"));
        let site = |site| ("sec-fetch-site", site);
        let other = ("origin", "https://evil.example");
        let allowed = ("origin", "https://app.example");
        assert!(write(&[host]), "not a browser");
        assert!(write(&[]), "an HTTP/1.0 client");
        assert!(write(&[host, own]));
        assert!(write(&[host, own, site("same-origin")]));
        assert!(write(&[host, site("none")]), "entered by the user");
        assert!(
            write(&[("host", "upstream"), own, site("same-origin")]),
            "behind a proxy that sets another host"
        );
        assert!(write(&[host, allowed]));
        assert!(write(&[host, allowed, site("cross-site")]));
        assert!(!write(&[host, other]));
        assert!(!write(&[host, ("origin", "null")]));
        assert!(!write(&[host, ("origin", "http://db.example:3000")]), "another port");
        assert!(!write(&[host, own, site("cross-site")]));
        assert!(!write(&[host, site("cross-site")]));
        assert!(!write(&[host, site("same-site")]));
        assert!(!write(&[other]));
        for method in ["GET", "HEAD", "OPTIONS"] {
            assert_eq!(code(&policy, &request(method, &[host, other, site("cross-site")])), None);
        }
        let open = OriginPolicy::new(&options(&[], &["*"]), false);
        assert_eq!(code(&open, &request("POST", &[host, other, site("cross-site")])), None);
    }

    #[test]
    fn local_server_rejects_foreign_host_names() {
        let local = OriginPolicy::new(&options(&["db.example"], &[]), true);
        let anywhere = OriginPolicy::new(&options(&[], &[]), false);
        let open = OriginPolicy::new(&options(&["*"], &[]), true);
        for (host, is_ours) in [
            ("localhost", true),
            ("LocalHost:8080", true),
            ("127.0.0.1:8080", true),
            ("[::1]:8080", true),
            ("192.168.1.7", true),
            ("DB.example:80", true),
            ("", true),
            ("evil.example:8080", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("evil.example@localhost:1:2", false),
            ("a b", false),
        ] {
            let request = request("GET", &[("host", host)]);
            let rejection = (!is_ours).then(|| "misdirected".to_owned());
            assert_eq!(code(&local, &request), rejection, "{host}");
            assert_eq!((code(&anywhere, &request), code(&open, &request)), (None, None), "{host}");
        }
        let both = request("GET", &[("host", "localhost"), ("host", "evil.example")]);
        assert_eq!(code(&local, &both).as_deref(), Some("misdirected"));
        let http2 = Request::get("http://evil.example/keys").body(()).unwrap();
        assert_eq!(code(&local, &http2).as_deref(), Some("misdirected"));
        assert_eq!(code(&local, &request("GET", &[])), None, "HTTP/1.0");
    }
}
