//! Any JSON as an element.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{IntoElement, Value};

/// An element that is JSON: a text, a number, a boolean or an object, as it was written.
///
/// What the server of the command line stores. It is read once, when it comes in, and goes out as it came:
/// with its spaces, the order of its members, and every digit of its numbers; only line breaks between its parts
/// become spaces, because a stream of events cannot carry them. Cloning it copies a pointer.
///
/// `null` is no element, and neither is a list, because a list of elements is what a key may hold.
///
/// # Examples
///
/// ```
/// use mainspring::wire::Json;
///
/// let speed: Json = r#"{"value": 42.50, "unit": "km/h"}"#.parse()?;
/// assert_eq!(speed.as_str(), r#"{"value": 42.50, "unit": "km/h"}"#);
/// assert_eq!(speed.as_text(), None);
///
/// let text = Json::text("with \"quotes\"");
/// assert_eq!(text.as_str(), r#""with \"quotes\"""#);
/// assert_eq!(text.as_text().unwrap(), "with \"quotes\"");
///
/// assert!("null".parse::<Json>().is_err());
/// assert!("[1]".parse::<Json>().is_err());
/// # Ok::<(), mainspring::wire::InvalidJson>(())
/// ```
#[derive(Clone)]
pub struct Json(Arc<RawValue>);

/// A text that is no element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidJson(Box<str>);

impl From<serde_json::Error> for InvalidJson {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string().into())
    }
}

impl Json {
    /// A text as an element.
    pub fn text(text: &str) -> Self {
        match serde_json::value::to_raw_value(text) {
            Ok(raw) => Self(raw.into()),
            Err(_) => unreachable!("every text can be written as JSON"),
        }
    }

    /// The JSON as it was written.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The text that it stands for, unless it is something else.
    pub fn as_text(&self) -> Option<String> {
        if self.is_text() { serde_json::from_str(self.as_str()).ok() } else { None }
    }

    /// Whether it is a text.
    pub fn is_text(&self) -> bool {
        self.as_str().starts_with('"')
    }

    fn new(raw: Box<RawValue>) -> Result<Self, InvalidJson> {
        if raw.get().contains("\\u") {
            // Half of a surrogate pair is no text, and only those who decode it notice.
            serde_json::from_str::<serde_json::Value>(raw.get())?;
        }
        let reason = match raw.get().as_bytes().first() {
            Some(b'[') => "a list cannot be inside a list",
            Some(b'n') => "null is no value",
            _ if raw.get().contains(['\r', '\n']) => {
                // Inside of a text there are none: JSON does not allow it.
                let text = raw.get().replace(['\r', '\n'], " ");
                let raw = RawValue::from_string(text);
                return raw.map(|raw| Self(raw.into())).map_err(InvalidJson::from);
            }
            _ => return Ok(Self(raw.into())),
        };
        Err(InvalidJson(reason.into()))
    }
}

impl FromStr for Json {
    type Err = InvalidJson;

    fn from_str(text: &str) -> Result<Self, InvalidJson> {
        Self::new(serde_json::from_str(text)?)
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Box::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Equal if they were written alike.
impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Json {}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The JSON as it was written.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<&str> for Value<Json> {
    fn from(text: &str) -> Self {
        Self::Item(Json::text(text))
    }
}

impl IntoElement<Json> for &str {
    fn into_element(self) -> Json {
        Json::text(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_surrogate_pair_is_no_text() {
        for text in [r#""\ud800""#, r#"{"a": "\udc00 b"}"#, r#"{"\ud800": 1}"#] {
            assert!(text.parse::<Json>().is_err(), "{text}");
        }
        assert_eq!(r#""\ud83d\ude00""#.parse::<Json>().unwrap().as_text().unwrap(), "\u{1F600}");
    }

    #[test]
    fn line_breaks_become_spaces() {
        let json: Json = "{\r\n \"a\":\n\"b\\n\"}".parse().unwrap();
        assert_eq!(json.as_str(), "{   \"a\": \"b\\n\"}");
    }
}
