//! Values: items and lists of elements.

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
    /// From its name, or in a journal of format 1 its number.
    pub(super) fn parse(kind: &RawValue) -> Result<Self, Unreadable> {
        match kind.get() {
            "\"string\"" | "\"json\"" | "0" => Ok(Self::Item),
            "\"string_slice\"" | "\"json_slice\"" | "1" => Ok(Self::List),
            other => Err(Unreadable(format!(
                "{other} is no kind of value; expected string, json, string_slice or json_slice"
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

/// Write a value. Returns the name of its kind: `string` or `string_slice` if its elements are written as strings,
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

/// Read a value whose kind is not given: what begins with a bracket is a list.
///
/// # Errors
///
/// If it is `null`, a list inside a list, or not of the element type.
pub fn parse_value<T: DeserializeOwned>(value: &RawValue) -> serde_json::Result<Value<T>> {
    let refuse = |what| Err(serde_json::Error::custom(what));
    let text = value.get();
    if text == "null" {
        return refuse("null is no value");
    }
    if !text.starts_with('[') {
        return serde_json::from_str(text).map(Value::Item);
    }
    let elements: Vec<&RawValue> = serde_json::from_str(text)?;
    if elements.iter().any(|element| element.get() == "null") {
        return refuse("null cannot be in a list");
    }
    if elements.iter().any(|element| element.get().starts_with('[')) {
        return refuse("a list cannot be inside a list");
    }
    let read = |element: &RawValue| serde_json::from_str(element.get());
    elements.into_iter().map(read).collect::<Result<_, _>>().map(Value::List)
}

/// Read a value of a record, or an element of it.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|error| {
        let name = type_name::<T>();
        Unreadable(format!("the value is not a {name}: {error}"))
    })
}

/// A value with no more brackets than that is not nested too deeply to be read: serde_json goes 128 levels deep.
const MANY_BRACKETS: usize = 100;

/// Make sure that a value that was written can be read.
///
/// JSON has no infinities and no NaN: they are written as `null`, which cannot be read as a number. A deeply nested value
/// can be written and cannot be read. So a value that contains `null` or many brackets is read back here. (A NaN in an
/// `Option` is read as `None`, which this does not notice.)
///
/// A type may write JSON on several lines. Strings contain no newline, because they escape it, so every newline is
/// replaced by a space: it would end a line of a journal.
pub(super) fn ensure_readable<T: DeserializeOwned>(
    written: &mut [u8],
    kind: Kind,
) -> Result<(), Unreadable> {
    if memchr::memchr(b'\n', written).is_some() {
        written.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    }
    let brackets = memchr::memchr2_iter(b'[', b'{', written).count();
    if brackets > MANY_BRACKETS || memchr::memmem::find(written, b"null").is_some() {
        let text = from_utf8(written).map_err(|error| Unreadable(error.to_string()))?;
        match kind {
            Kind::Item => from_json::<T>(text).map(drop)?,
            Kind::List => from_json::<Vec<T>>(text).map(drop)?,
        }
    }
    Ok(())
}
