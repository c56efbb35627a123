//! The servers that are compared: how to start them, and their requests.

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tempfile::TempDir;

use crate::process::{Placement, Server, exists, free_port, send_request};
use crate::programs;
use crate::wrk::{KEYS, key};

/// The type of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum RequestKind {
    GetJson,
    PutJson,
    GetText,
    PutText,
}

impl RequestKind {
    pub(crate) const ALL: [Self; 4] = [Self::GetJson, Self::PutJson, Self::GetText, Self::PutText];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::GetJson => "GET, JSON",
            Self::PutJson => "PUT, JSON",
            Self::GetText => "GET, text",
            Self::PutText => "PUT, text",
        }
    }

    /// The request that writes the data for this one.
    fn before(self) -> Option<Self> {
        match self {
            Self::GetJson => Some(Self::PutJson),
            Self::GetText => Some(Self::PutText),
            Self::PutJson | Self::PutText => None,
        }
    }
}

/// A request template: `{key}` stands for the key, `{key64}` for the key in base 64.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: &'static str,
    path: &'static str,
    body: Option<String>,
    /// Additional headers.
    headers: String,
}

impl Request {
    fn get(path: &'static str) -> Self {
        Self { method: "GET", path, body: None, headers: String::new() }
    }

    fn put(path: &'static str, body: impl Into<String>) -> Self {
        Self { method: "PUT", path, body: Some(body.into()), headers: String::new() }
    }

    fn post(path: &'static str, body: impl Into<String>) -> Self {
        Self { method: "POST", path, body: Some(body.into()), headers: String::new() }
    }

    /// Adapt the request to a server.
    pub(crate) fn to(self, server: &Server) -> Self {
        let headers = match &server.token {
            Some(token) => format!("Authorization: Bearer {token}\r\n"),
            None => String::new(),
        };
        Self { headers, ..self }
    }

    pub(crate) fn text(&self, key: &str) -> String {
        let Self { method, path, body, headers } = self;
        let path = path.replace("{key}", key);
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}");
        let Some(body) = body else { return format!("{head}\r\n") };
        let body = body.replace("{key64}", &BASE64_STANDARD.encode(key));
        let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
        format!("{head}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }
}

/// 100 bytes.
fn value() -> String {
    "v".repeat(100)
}

/// A server that is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Contender {
    Bare,
    Mainspring,
    /// Another build of `mainspring`.
    Beside,
    /// With authentication.
    WithAuthentication,
    Journaled,
    LockedMap,
    LockedMapInGo,
    Webdis,
    Etcd,
    Nginx,
}

impl Contender {
    pub(crate) const ALL: [Self; 10] = [
        Self::Bare,
        Self::Mainspring,
        Self::Beside,
        Self::WithAuthentication,
        Self::Journaled,
        Self::LockedMap,
        Self::LockedMapInGo,
        Self::Webdis,
        Self::Etcd,
        Self::Nginx,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bare => "a bare axum handler",
            Self::Mainspring => "mainspring",
            Self::Beside => "the build beside it",
            Self::WithAuthentication => "mainspring, with a token",
            Self::Journaled => "mainspring, journal, synced",
            Self::LockedMap => "a locked map, axum",
            Self::LockedMapInGo => "a locked map, Go's net/http",
            Self::Webdis => "webdis and Redis",
            Self::Etcd => "etcd's gateway",
            Self::Nginx => "nginx, a constant",
        }
    }

    /// The Debian packages that it requires, and a program of each.
    fn packages(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::LockedMapInGo => &[("golang-go", "go")],
            Self::Webdis => &[("webdis", "webdis"), ("redis-server", "redis-server")],
            Self::Etcd => &[("etcd-server", "etcd")],
            Self::Nginx => &[("nginx-light", "nginx")],
            _ => &[],
        }
    }

    /// The missing packages.
    pub(crate) fn missing(self) -> Vec<&'static str> {
        let missing = self.packages().iter().filter(|(_, program)| !exists(program));
        missing.map(|(package, _)| *package).collect()
    }

    /// The request of this type, if the server supports it.
    pub(crate) fn request(self, what: RequestKind) -> Option<Request> {
        use RequestKind::{GetJson, GetText, PutJson, PutText};
        let json = || format!("{{\"value\":\"{}\"}}", value());
        Some(match (self, what) {
            (Self::Bare, GetJson) => Request::get("/json"),
            (Self::Bare, PutJson) => Request::put("/json", json()),
            (Self::Bare, GetText) => Request::get("/text"),
            (Self::Bare, PutText) => Request::put("/text", value()),
            // Reads do not use the journal.
            (Self::Journaled, GetJson | GetText) => return None,
            (
                Self::Mainspring
                | Self::Beside
                | Self::WithAuthentication
                | Self::Journaled
                | Self::LockedMap
                | Self::LockedMapInGo,
                what,
            ) => match what {
                GetJson => Request::get("/api/v1/{key}"),
                PutJson => Request::put("/api/v1/{key}", json()),
                GetText => Request::get("/v1/{key}"),
                PutText => Request::put("/v1/{key}", value()),
            },
            (Self::Webdis, GetJson) => Request::get("/GET/{key}"),
            (Self::Webdis, PutJson) => Request::put("/SET/{key}", value()),
            (Self::Webdis, GetText) => Request::get("/GET/{key}.txt"),
            (Self::Etcd, GetJson) => Request::post("/v3/kv/range", "{\"key\":\"{key64}\"}"),
            (Self::Etcd, PutJson) => {
                let value = BASE64_STANDARD.encode(value());
                let body = format!("{{\"key\":\"{{key64}}\",\"value\":\"{value}\"}}");
                Request::post("/v3/kv/put", body)
            }
            (Self::Nginx, GetJson) => Request::get("/"),
            (Self::Webdis | Self::Etcd | Self::Nginx, _) => return None,
        })
    }

    /// Start the server with a value for each key. `lengths` are those of the constant responses.
    pub(crate) fn start(self, placement: Placement, lengths: [usize; 3]) -> Result<Server> {
        let port = free_port()?;
        let directory = directory(self == Self::Journaled)?;
        let path = directory.path();
        let own = env::current_exe()?;
        let own = own.to_str().context("the path is not UTF-8")?;
        let address = format!("127.0.0.1:{port}");
        let mut server = match self {
            Self::Bare => {
                let mut command = placement.server(own);
                command.args(["own", "bare", "--port", &port.to_string(), "--lengths"]);
                Server::start(port, command.args(lengths.map(|length| length.to_string())))?
            }
            Self::LockedMap => {
                let mut command = placement.server(own);
                Server::start(port, command.args(["own", "map", "--port", &port.to_string()]))?
            }
            Self::LockedMapInGo => {
                let mut command = placement.server(&programs::locked_map_in_go()?);
                Server::start(port, command.arg(port.to_string()))?
            }
            Self::Mainspring | Self::WithAuthentication | Self::Journaled | Self::Beside => {
                let program = match programs::beside() {
                    Some(other) if self == Self::Beside => other.to_owned(),
                    _ => programs::mainspring()?,
                };
                let mut command = placement.server(&program);
                clear(&mut command);
                command.args(["serve", "--log-level", "warn", "--health-port", "0"]);
                command.args(["--port", &port.to_string()]);
                if self == Self::Journaled {
                    command.arg("--journal").arg(format!("file:{}", path.display()));
                }
                if self == Self::WithAuthentication {
                    command.args([
                        "--auth-enabled",
                        "--admin-user",
                        NAME,
                        "--admin-password",
                        NAME,
                    ]);
                }
                let mut server = Server::start(port, &mut command)?;
                if self == Self::WithAuthentication {
                    server.token = Some(log_in(port)?);
                }
                server
            }
            Self::Webdis => {
                let redis = free_port()?;
                let mut command = placement.server("redis-server");
                command.args(["--port", &redis.to_string(), "--save", "", "--appendonly", "no"]);
                let mut server = Server::start(redis, &mut command)?;
                let settings = serde_json::json!({
                    "redis_host": "127.0.0.1", "redis_port": redis, "http_host": "127.0.0.1", "http_port": port,
                    "threads": 2, "pool_size": 10, "daemonize": false, "database": 0, "verbosity": 0,
                    "logfile": path.join("log"), "acl": [],
                });
                let file = path.join("webdis.json");
                std::fs::write(&file, settings.to_string())?;
                server.add(port, placement.server("webdis").arg(&file))?;
                server.port = port;
                server
            }
            Self::Etcd => {
                let mut command = placement.server("etcd");
                let url = format!("http://{address}");
                command.args(["--listen-client-urls", &url, "--advertise-client-urls", &url]);
                let peers = format!("http://127.0.0.1:{}", free_port()?);
                command.args(["--listen-peer-urls", &peers]);
                command.args(["--initial-advertise-peer-urls", &peers]);
                command.args(["--initial-cluster", &format!("default={peers}")]);
                command.args(["--logger", "zap", "--log-level", "error"]);
                Server::start(port, command.arg("--data-dir").arg(path))?
            }
            Self::Nginx => {
                let file = path.join("nginx.conf");
                let constant = "v".repeat(lengths[0]);
                let settings = format!(
                    "daemon off; master_process off; pid {0}/pid; error_log stderr crit; \
                     events {{ worker_connections 1024; }} \
                     http {{ access_log off; keepalive_requests 1000000000; \
                     server {{ listen {address}; return 200 {constant}; }} }}",
                    path.display()
                );
                std::fs::write(&file, settings)?;
                let mut command = placement.server("nginx");
                Server::start(port, command.arg("-c").arg(&file).arg("-p").arg(path))?
            }
        };
        server = server.with(directory);
        self.fill(&server)?;
        Ok(server)
    }

    /// Write all keys, and check that the server responds to the requests.
    fn fill(self, server: &Server) -> Result<()> {
        for what in RequestKind::ALL {
            let Some(request) = self.request(what) else { continue };
            if let Some(put) = what.before().and_then(|put| self.request(put)) {
                (0..KEYS).try_for_each(|n| {
                    send_request(server.port, &put.clone().to(server).text(&key(n))).map(drop)
                })?;
            }
            let length = send_request(server.port, &request.to(server).text(&key(KEYS - 1)))?.len();
            let reads = matches!(what, RequestKind::GetJson | RequestKind::GetText);
            ensure!(!reads || length >= 100, "{} answers {length} bytes", self.name());
        }
        Ok(())
    }

    /// The length of a response to this request.
    pub(crate) fn length(self, server: &Server, what: RequestKind) -> Result<usize> {
        let request = self.request(what).context("request not supported")?;
        Ok(send_request(server.port, &request.to(server).text(&key(0)))?.len())
    }
}

/// The name and the password of an administrator.
const NAME: &str = "benchmark";

/// An access token.
fn log_in(port: u16) -> Result<String> {
    let body = format!("{{\"name\":\"{NAME}\",\"password\":\"{NAME}\"}}");
    let tokens = send_request(port, &Request::post("/auth/login", body).text(""))?;
    let tokens: serde_json::Value = serde_json::from_slice(tokens.as_ref())?;
    Ok(tokens["access_token"].as_str().context("no access token")?.to_owned())
}

/// A directory for the data of a server: in memory if possible, so that etcd, which always syncs, does not wait for a
/// disk.
fn directory(on_disk: bool) -> Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() && !on_disk {
        return Ok(tempfile::tempdir_in(memory)?);
    }
    let disk = concat!(env!("CARGO_MANIFEST_DIR"), "/target/http");
    std::fs::create_dir_all(disk)?;
    Ok(tempfile::tempdir_in(disk)?)
}

/// Without variables of the environment that configure `mainspring`.
fn clear(command: &mut Command) {
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("MAINSPRING_")) {
        command.env_remove(name);
    }
    for name in [
        "PORT",
        "HEALTH_PORT",
        "VERBOSE",
        "PERSISTENCE_ENABLED",
        "DB_PATH",
        "DEFAULT_TTL",
        "AUTH_ENABLED",
    ] {
        command.env_remove(name);
    }
}
