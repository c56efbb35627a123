//! URLs that select a journal.

use std::fmt;
use std::path::PathBuf;

/// The journal of a store. Another journal engine is another variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalUrl {
    /// No journal: the data ends with the process.
    None,
    /// A directory on this machine.
    File(PathBuf),
}

const EXPECTED: &str = "file:DIR (a directory) or none";

impl JournalUrl {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(format!(
                "invalid journal URL {text:?}: the scheme is missing; expected {EXPECTED}; for a directory write {:?}",
                format!("file:{text}")
            ));
        };
        if scheme != "file" {
            return Err(format!("unknown journal scheme {scheme:?}; expected {EXPECTED}"));
        }
        // Browsers write file:///dir, with an empty host between the second and the third slash.
        let path = match rest.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            Some(path) => {
                return Err(format!(
                    "invalid journal URL {text:?}: it contains a host; write file:{path} or file:/{path}"
                ));
            }
            None => rest,
        };
        if path.is_empty() {
            return Err(format!(
                "invalid journal URL {text:?}: the directory is missing; write file:DIR"
            ));
        }
        Ok(Self::File(path.into()))
    }
}

impl fmt::Display for JournalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            // With an empty host, so that the first component of the path is not read as a host.
            Self::File(path) if path.to_string_lossy().starts_with("//") => {
                write!(f, "file://{}", path.display())
            }
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_parses_and_prints_as_the_same_url() {
        for (text, path) in [
            ("file:data", "data"),
            ("file:/var/lib/mainspring", "/var/lib/mainspring"),
            ("file:///var/lib/mainspring", "/var/lib/mainspring"),
            ("file:a:b", "a:b"),
            ("file:////data", "//data"),
        ] {
            let url = JournalUrl::parse(text);
            assert_eq!(url, Ok(JournalUrl::File(path.into())));
            assert_eq!(JournalUrl::parse(&url.unwrap().to_string()), JournalUrl::parse(text));
        }
        assert_eq!(JournalUrl::parse("none"), Ok(JournalUrl::None));
        for text in ["", "data", "file:", "file://", "file://data", "mysql://x", "None:"] {
            assert!(JournalUrl::parse(text).is_err(), "{text}");
        }
    }
}
