//! Where the server is, and the addresses of what is in it.

use std::fmt;

use mainspring::{Error, Key};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use reqwest::Url;

use crate::protocol::Operation;

/// Everything but what RFC 3986 calls unreserved: a key is one segment of a path whatever is in it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where the server is. Shown without the name and the password that may be in it.
pub(super) struct Address {
    /// Without a slash at its end.
    base: Box<str>,
    shown: Box<str>,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        // Neither text repeats what was given: there may be a password in it.
        let refuse = |why: &str| {
            Err(Error::Rejected(
                format!("{why}: an address is written as http://127.0.0.1:8080").into(),
            ))
        };
        let mut url = match Url::parse(text.trim()) {
            Ok(url) => url,
            Err(error) => return refuse(&format!("this is no address ({error})")),
        };
        match url.scheme() {
            "http" => {}
            "https" if cfg!(feature = "tls") => {}
            "https" => {
                return refuse(
                    "https is not built in, which the feature `tls` of mainspring-http does",
                );
            }
            _ => return refuse("an address begins with http:// or https://"),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("an address has neither a query nor a fragment");
        }
        let base = url.as_str().trim_end_matches('/').into();
        // Neither can fail where there is a host, and http has one.
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
    pub(super) fn of_key(&self, operation: Operation, key: &Key) -> Result<String, Error> {
        key.validate()?;
        if matches!(key.as_str(), "." | "..") {
            // Also as %2E they are steps within the path to every reader of addresses, and taken out.
            let why =
                "the keys \".\" and \"..\" cannot be in the address of a request: use another key";
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
                    return Err(Error::Rejected(format!("{name:?} is no name").into()));
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

/// Add a member to the query of an address.
pub(super) fn ask(url: &mut String, name: &str, value: impl fmt::Display) {
    use fmt::Write;

    let mark = if url.contains('?') { '&' } else { '?' };
    // Writing to memory does not fail.
    let _ = write!(url, "{mark}{name}={}", encoded(&value.to_string()));
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(base: &str, key: &str) -> String {
        Address::parse(base).unwrap().of_key(Operation::Get, &key.into()).unwrap()
    }

    #[test]
    fn a_key_is_one_segment() {
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
            let url = of("http://h:1", key);
            assert_eq!(url, format!("http://h:1/api/v1/{segment}"));
            // What is sent is what was meant: nothing of it is taken out on the way.
            assert_eq!(Url::parse(&url).unwrap().as_str(), url);
        }
    }

    #[test]
    fn a_store_may_be_below_a_path() {
        assert_eq!(of("http://h/store", "k"), "http://h/store/api/v1/k");
        assert_eq!(of(" http://h:80/a/b// ", "k"), "http://h/a/b/api/v1/k");
        let address = Address::parse("http://h/store/").unwrap();
        let mut url = address.at(Operation::Keys);
        ask(&mut url, "prefix", "a&b=");
        ask(&mut url, "limit", 7);
        assert_eq!(url, "http://h/store/keys?prefix=a%26b%3D&limit=7");
    }

    #[test]
    fn what_cannot_be_in_an_address_is_refused() {
        let address = Address::parse("http://h").unwrap();
        for key in [".", ".."] {
            let error = address.of_key(Operation::Get, &key.into()).unwrap_err();
            assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        }
        let empty = address.of_key(Operation::Get, &"".into());
        assert_eq!(empty, Err(Error::InvalidKey { length: 0 }));
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_it() {
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
            Ok(_) => panic!("it is not built in"),
            Err(why) => assert!(why.contains("not built in") && !why.contains("secret"), "{why}"),
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let address = Address::parse("http://ada:secret@h:1/store").unwrap();
        assert_eq!(address.to_string(), "http://h:1/store");
        assert_eq!(address.at(Operation::Keys), "http://ada:secret@h:1/store/keys");
    }
}
