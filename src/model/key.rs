//! Keys.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use compact_str::CompactString;

use crate::model::Error;
use crate::model::error::MAX_KEY_LENGTH;

/// The name of an entry: 1 to 1024 bytes of UTF-8.
///
/// Keys of up to 24 bytes are stored inline, longer ones on the heap. Methods that take a key accept
/// everything that converts into one: `&str`, `String`, `&Key`.
///
/// # Examples
///
/// ```
/// use mainspring::Key;
///
/// let key = Key::from("car/speed");
/// assert!(key.starts_with("car/"));
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(CompactString);

impl Key {
    /// The maximum length of a key, in bytes.
    pub const MAX_LENGTH: usize = MAX_KEY_LENGTH;

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The empty key of a change that affects all keys.
    pub(crate) const fn none() -> Self {
        Self(CompactString::const_new(""))
    }

    #[doc(hidden)]
    pub fn validate(&self) -> Result<(), Error> {
        match self.0.len() {
            1..=Self::MAX_LENGTH => Ok(()),
            length => Err(Error::InvalidKey { length }),
        }
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Key {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&String> for Key {
    fn from(text: &String) -> Self {
        Self(text.as_str().into())
    }
}

impl From<Box<str>> for Key {
    fn from(text: Box<str>) -> Self {
        Self(text.into())
    }
}

impl From<Arc<str>> for Key {
    fn from(text: Arc<str>) -> Self {
        Self((&*text).into())
    }
}

impl From<Cow<'_, str>> for Key {
    fn from(text: Cow<'_, str>) -> Self {
        Self(text.into())
    }
}

impl From<&Key> for Key {
    fn from(key: &Key) -> Self {
        key.clone()
    }
}

impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<String> for Key {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Key> for str {
    fn eq(&self, other: &Key) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Key> for &str {
    fn eq(&self, other: &Key) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<&str> for Key {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_length_is_1_to_1024_bytes() {
        assert_eq!(Key::from("").validate(), Err(Error::InvalidKey { length: 0 }));
        assert_eq!(Key::from("k").validate(), Ok(()));
        assert_eq!(Key::from("é".repeat(512)).validate(), Ok(()));
        assert_eq!(Key::from("k".repeat(1025)).validate(), Err(Error::InvalidKey { length: 1025 }));
    }

    #[test]
    fn key_is_24_bytes() {
        assert_eq!(size_of::<Key>(), 24);
        assert_eq!(size_of::<Option<Key>>(), 24);
    }
}
