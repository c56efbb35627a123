//! Encoding of values: items and lists of elements.

use std::any::type_name;
use std::str::from_utf8;

use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde_json::value::RawValue;

use super::error::Unreadable;
use crate::model::Value;

/// Whether a value is a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Item,
    List,
}

impl Kind {
    /// Parses the name of a kind, or its number in a journal of format 1.
    pub(super) fn parse(kind: &RawValue) -> Result<Self, Unreadable> {
        match kind.get() {
            "\"string\"" | "\"json\"" | "0" => Ok(Self::Item),
            "\"string_slice\"" | "\"json_slice\"" | "1" => Ok(Self::List),
            other => Err(Unreadable(format!(
                "unknown kind of value {other}; expected string, json, string_slice or json_slice"
            ))),
        }
    }

    pub(super) fn of<T>(value: &Value<T>) -> Self {
        match value {
            Value::Item(_) => Self::Item,
            Value::List(_) => Self::List,
        }
    }
}

/// Encodes a value. Returns the name of its kind: `string` or `string_slice` if all elements are JSON strings,
/// otherwise `json` or `json_slice`.
pub fn put_value<T: Serialize>(
    out: &mut Vec<u8>,
    value: &Value<T>,
) -> serde_json::Result<&'static str> {
    let put = |out: &mut Vec<u8>, element: &T| {
        let start = out.len();
        serde_json::to_writer(&mut *out, element).map(|()| out.get(start) == Some(&b'"'))
    };
    match value {
        Value::Item(item) => Ok(if put(out, item)? { "string" } else { "json" }),
        Value::List(list) => {
            let mut is_text = true;
            out.push(b'[');
            for (n, element) in list.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                is_text &= put(out, element)?;
            }
            out.push(b']');
            Ok(if is_text { "string_slice" } else { "json_slice" })
        }
    }
}

/// Decodes a value of unknown kind: JSON that begins with a bracket is a list.
///
/// # Errors
///
/// If the JSON is `null`, contains a list inside a list, or does not match the element type.
pub fn parse_value<T: DeserializeOwned>(value: &RawValue) -> serde_json::Result<Value<T>> {
    let invalid = |reason| Err(serde_json::Error::custom(reason));
    let text = value.get();
    if text == "null" {
        return invalid("null is not a value");
    }
    if !text.starts_with('[') {
        return serde_json::from_str(text).map(Value::Item);
    }
    let elements: Vec<&RawValue> = serde_json::from_str(text)?;
    if elements.iter().any(|element| element.get() == "null") {
        return invalid("a list cannot contain null");
    }
    if elements.iter().any(|element| element.get().starts_with('[')) {
        return invalid("a list cannot contain a list");
    }
    let read = |element: &RawValue| serde_json::from_str(element.get());
    elements.into_iter().map(read).collect::<Result<_, _>>().map(Value::List)
}

/// Decodes a value of a record, or one element.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let name = type_name::<T>();
        Unreadable(format!("cannot decode the value as {name}: {error}"))
    })
}

/// A value with at most this many brackets cannot exceed the depth of 128 levels that serde_json decodes.
const SAFE_BRACKETS: usize = 100;

/// Checks that an encoded value can be decoded again.
///
/// JSON has no infinities and no NaN: serde_json encodes them as `null`, which cannot be decoded as a number. A deeply
/// nested value can be encoded and not decoded. Therefore a value that contains `null` or many brackets is decoded
/// here as a check. (A NaN in an `Option` is decoded as `None`, which this check does not detect.)
///
/// A type may encode itself as JSON on several lines. A newline would end the line of a journal, so every newline is
/// replaced by a space. JSON strings are not affected, because they escape newlines.
pub(super) fn ensure_readable<T: DeserializeOwned>(
    encoded: &mut [u8],
    kind: Kind,
) -> Result<(), Unreadable> {
    if memchr::memchr(b'\n', encoded).is_some() {
        encoded.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
    let brackets = memchr::memchr2_iter(b'[', b'{', encoded).count();
    if brackets > SAFE_BRACKETS || memchr::memmem::find(encoded, b"null").is_some() {
        let text = from_utf8(encoded).map_err(|error| Unreadable(error.to_string()))?;
        match kind {
            Kind::Item => from_json::<T>(text).map(drop)?,
            Kind::List => from_json::<Vec<T>>(text).map(drop)?,
        }
    }
    Ok(())
}
