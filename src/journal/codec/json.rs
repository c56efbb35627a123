//! [`Json`]: an element of any JSON type.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::model::{IntoElement, Value};

/// An element of any JSON type except `null` and array: a string, a number, a boolean, or an object.
///
/// This is the element type of `mainspring serve`. It keeps the JSON text that it was parsed from, including spaces,
/// the order of members, and every digit of a number. Only line breaks outside of strings are replaced by spaces,
/// because server-sent events cannot contain them. Clones share the text.
///
/// An array is not an element, because a key may hold a list of elements.
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

/// Error of parsing a [`Json`] element.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidJson(Box<str>);

impl From<serde_json::Error> for InvalidJson {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string().into())
    }
}

impl Json {
    /// Creates an element that is a JSON string.
    pub fn text(text: &str) -> Self {
        match serde_json::value::to_raw_value(text) {
            Ok(raw) => Self(raw.into()),
            Err(_) => unreachable!("every string can be encoded as JSON"),
        }
    }

    /// Returns the JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Returns the decoded string, or `None` if the element is of another JSON type.
    pub fn as_text(&self) -> Option<String> {
        if self.is_text() { serde_json::from_str(self.as_str()).ok() } else { None }
    }

    /// Returns whether the element is a string.
    pub fn is_text(&self) -> bool {
        self.as_str().starts_with('"')
    }

    fn new(raw: Box<RawValue>) -> Result<Self, InvalidJson> {
        if raw.get().contains("\\u") {
            // An unpaired surrogate is invalid in a string, and only decoding detects it.
            serde_json::from_str::<serde_json::Value>(raw.get())?;
        }
        let reason = match raw.get().as_bytes().first() {
            Some(b'[') => "a list cannot contain a list",
            Some(b'n') => "null is not a value",
            _ if raw.get().contains(['\r', '\n']) => {
                // JSON does not allow them inside of strings.
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

/// Compares the JSON texts.
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

/// Formats the JSON text.
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
    fn unpaired_surrogate_is_rejected() {
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
