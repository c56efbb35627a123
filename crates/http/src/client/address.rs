//! The address of the server, and the URLs of operations.

use std::fmt;

use mainspring::{Error, Key};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use reqwest::Url;

use crate::protocol::Operation;

/// All characters but the unreserved ones of RFC 3986, so that any key is one segment of a path.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of the server. Its `Display` output hides the user name and the password.
pub(super) struct Address {
    /// Without a slash at its end.
    base: Box<str>,
    shown: Box<str>,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        // The error must not repeat the text, which may contain a password.
        let invalid = |why: &str| {
            Err(Error::Rejected(
                format!("invalid address: {why}; expected one such as http://127.0.0.1:8080")
                    .into(),
            ))
        };
        let mut url = match Url::parse(text.trim()) {
            Ok(url) => url,
            Err(error) => return invalid(&error.to_string()),
        };
        match url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "tls") => {}
            "https" => {
                return invalid(
                    "https is not built in; enable the feature `tls` of mainspring-http",
                );
            }
            _ => return invalid("it does not begin with http:// or https://"),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return invalid("it has a query or a fragment");
        }
        let base = url.as_str().trim_end_matches('/').into();
        // Both fail only for URLs without a host, and http URLs have one.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self { base, shown: url.as_str().trim_end_matches('/').into() })
    }

    /// Whether connections are encrypted.
    #[cfg(feature = "tls")]
    pub(super) fn is_encrypted(&self) -> bool {
        self.base.starts_with("https:")
    }

    /// The URL of an operation whose path has no parameters.
    pub(super) fn at(&self, operation: Operation) -> String {
        format!("{}{}", self.base, operation.path())
    }

    /// The URL of an operation on a key.
    pub(super) fn for_key(&self, operation: Operation, key: &Key) -> Result<String, Error> {
        key.validate()?;
        if matches!(key.as_str(), "." | "..") {
            // Every URL parser resolves them as relative segments, even encoded as %2E.
            let why = "the keys \".\" and \"..\" cannot be in a URL; use another key";
            return Err(Error::Rejected(why.into()));
        }
        self.with(operation, &[key])
    }

    /// The URL of an operation with the parameters of its path, in their order.
    pub(super) fn with(&self, operation: Operation, parameters: &[&str]) -> Result<String, Error> {
        let mut url = self.base.to_string();
        let mut parameters = parameters.iter();
        for segment in operation.path().split('/').skip(1) {
            url.push('/');
            match if segment.starts_with('{') { parameters.next() } else { None } {
                None => url.push_str(segment),
                Some(name) if matches!(*name, "" | "." | "..") => {
                    return Err(Error::Rejected(format!("invalid name {name:?}").into()));
                }
                Some(parameter) => url.extend(encoded(parameter)),
            }
        }
        Ok(url)
    }
}

fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, RESERVED)
}

/// Adds a parameter to the query of a URL.
pub(super) fn push_query(url: &mut String, name: &str, value: impl fmt::Display) {
    use fmt::Write;

    let separator = if url.contains('?') { '&' } else { '?' };
    // Writing to a `String` cannot fail.
    let _ = write!(url, "{separator}{name}={}", encoded(&value.to_string()));
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_of(base: &str, key: &str) -> String {
        Address::parse(base).unwrap().for_key(Operation::Get, &key.into()).unwrap()
    }

    #[test]
    fn key_is_one_path_segment() {
        for (key, segment) in [
            ("k", "k"),
            ("car/speed", "car%2Fspeed"),
            ("a b?c#d%e", "a%20b%3Fc%23d%25e"),
            ("é", "%C3%A9"),
            ("a.b-c_d~e", "a.b-c_d~e"),
            ("...", "..."),
            ("../..", "..%2F.."),
            ("\0\n\\", "%00%0A%5C"),
            ("set", "set"),
        ] {
            let url = url_of("http://h:1", key);
            assert_eq!(url, format!("http://h:1/api/v1/{segment}"));
            // A URL parser changes nothing.
            assert_eq!(Url::parse(&url).unwrap().as_str(), url);
        }
    }

    #[test]
    fn base_path_is_kept() {
        assert_eq!(url_of("http://h/store", "k"), "http://h/store/api/v1/k");
        assert_eq!(url_of(" http://h:80/a/b// ", "k"), "http://h/a/b/api/v1/k");
        let address = Address::parse("http://h/store/").unwrap();
        let mut url = address.at(Operation::Keys);
        push_query(&mut url, "prefix", "a&b=");
        push_query(&mut url, "limit", 7);
        assert_eq!(url, "http://h/store/keys?prefix=a%26b%3D&limit=7");
    }

    #[test]
    fn keys_that_cannot_be_in_a_url_are_rejected() {
        let address = Address::parse("http://h").unwrap();
        for key in [".", ".."] {
            let error = address.for_key(Operation::Get, &key.into()).unwrap_err();
            assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        }
        let empty = address.for_key(Operation::Get, &"".into());
        assert_eq!(empty, Err(Error::InvalidKey { length: 0 }));
    }

    #[test]
    fn invalid_address_is_rejected_without_repeating_it() {
        for text in [
            "",
            "127.0.0.1:8080",
            "localhost:8080",
            "/store",
            "http://",
            "http://h:99999",
            "https://secret@h/?q=1",
            "ftp://secret@h",
            "http://secret@h/?q=1",
            "http://secret@h/#f",
        ] {
            match Address::parse(text) {
                Err(Error::Rejected(why)) => assert!(!why.contains("secret"), "{why}"),
                other => panic!("{text}: {:?}", other.map(|address| address.base)),
            }
        }
        let https = Address::parse("https://secret@h").map_err(|error| error.to_string());
        match https {
            Ok(_) if cfg!(feature = "tls") => {}
            Ok(_) => panic!("https is not built in"),
            Err(why) => assert!(why.contains("not built in") && !why.contains("secret"), "{why}"),
        }
    }

    #[test]
    fn display_hides_the_password() {
        let address = Address::parse("http://ada:secret@h:1/store").unwrap();
        assert_eq!(address.to_string(), "http://h:1/store");
        assert_eq!(address.at(Operation::Keys), "http://ada:secret@h:1/store/keys");
    }
}
