//! The journal that a URL names.

use std::fmt;
use std::path::PathBuf;

/// Where the changes are recorded. An engine of another kind is another variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JournalUrl {
    /// Nowhere: the data ends with the process.
    None,
    /// In a folder of this machine.
    File(PathBuf),
}

const KNOWN: &str = "file:DIR (a folder), none";

impl JournalUrl {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(format!(
                "{text:?} does not say which kind of journal it is; known: {KNOWN}. For a folder write {:?}",
                format!("file:{text}")
            ));
        };
        if scheme != "file" {
            return Err(format!("no journal is of the kind {scheme:?}; known: {KNOWN}"));
        }
        // file:///dir is how a browser writes it: no machine between the second slash and the third.
        let path = match rest.strip_prefix("//") {
            Some(path) if path.starts_with('/') => path,
            Some(path) => {
                return Err(format!("{text:?} names a machine: write file:{path} or file:/{path}"));
            }
            None => rest,
        };
        if path.is_empty() {
            return Err(format!("{text:?} names no folder: write file:DIR"));
        }
        Ok(Self::File(path.into()))
    }
}

impl fmt::Display for JournalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            // So that the slashes do not stand where a machine would.
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
    fn urls() {
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
