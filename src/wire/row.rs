//! An entry as a row of JSON: `key`, `kind`, `value`, `revision`, `ttl`, `created_at`, `updated_at`.

use std::borrow::Cow;
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    InvalidTime, LONGEST_DURATION, Text, format_duration, put_text, put_time, text_of, time_of,
};
use crate::{Entry, Key, Timestamp, Value};

/// Write a value, and say of which kind it is: `string` or `string_slice` if there is nothing but text in it,
/// otherwise `json` or `json_slice`.
pub(crate) fn put_value<T: Serialize>(
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

/// Write a row, without its closing brace: members may follow. Returns where in `out` the value is.
pub(crate) fn put_row<T: Serialize>(
    out: &mut Vec<u8>,
    key: &str,
    entry: &Entry<T>,
) -> serde_json::Result<Range<usize>> {
    let mut value = Vec::new();
    let kind = put_value(&mut value, &entry.value)?;
    out.reserve(value.len() + key.len() + 200);
    out.extend_from_slice(b"{\"key\":");
    put_text(out, key);
    let _ = write!(Text(out), ",\"kind\":\"{kind}\",\"value\":");
    let start = out.len();
    out.extend_from_slice(&value);
    let range = start..out.len();
    let _ = write!(Text(out), ",\"revision\":{},", entry.revision);
    put_ttl(out, entry.expires_at);
    out.extend_from_slice(b",\"created_at\":\"");
    put_time(out, entry.created_at);
    out.extend_from_slice(b"\",\"updated_at\":\"");
    put_time(out, entry.updated_at);
    out.push(b'"');
    Ok(range)
}

/// Write a row of an export, which was made at `now`: it says besides how long the entry had left, so that an import
/// can give it as much.
pub(crate) fn put_exported<T: Serialize>(
    out: &mut Vec<u8>,
    key: &str,
    entry: &Entry<T>,
    now: Timestamp,
) -> serde_json::Result<()> {
    put_row(out, key, entry)?;
    let left = entry.expires_at.map(|deadline| deadline.saturating_since(now));
    // A longer one could not be read again. Then the deadline itself has to do.
    if let Some(left) = left.filter(|left| *left <= LONGEST_DURATION) {
        let _ = write!(Text(out), ",\"expires_in\":\"{}\"", format_duration(left));
    }
    out.push(b'}');
    Ok(())
}

pub(super) fn put_ttl(out: &mut Vec<u8>, expires_at: Option<Timestamp>) {
    let _ = match expires_at {
        Some(time) => write!(Text(out), "\"ttl\":\"{}\"", text_of(time)),
        None => Text(out).write_str("\"ttl\":null"),
    };
}

/// A row that is read.
#[derive(Debug, Deserialize)]
pub(crate) struct ReadRow<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
    revision: u64,
    #[serde(borrow, default)]
    ttl: Option<Cow<'a, str>>,
    #[serde(borrow)]
    created_at: Cow<'a, str>,
    #[serde(borrow)]
    updated_at: Cow<'a, str>,
    /// Only in exports: how long the entry had left.
    #[cfg(feature = "file")]
    #[serde(borrow, default)]
    expires_in: Option<Cow<'a, str>>,
}

/// What is wrong with a row.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidRow {
    #[error("{0:?} is no kind of value")]
    Kind(String),
    #[error("its value: {0}")]
    Value(#[from] serde_json::Error),
    #[error(transparent)]
    Time(#[from] InvalidTime),
    #[cfg(feature = "file")]
    #[error("its expires_in: {0}")]
    Left(#[from] super::InvalidDuration),
    #[error(transparent)]
    Key(#[from] crate::Error),
}

impl ReadRow<'_> {
    pub(crate) fn entry<T: DeserializeOwned>(&self) -> Result<(Key, Entry<T>), InvalidRow> {
        let key = Key::from(&*self.key);
        key.validate()?;
        let entry = Entry {
            value: value_of_kind(&self.kind, self.value)?,
            revision: self.revision,
            created_at: time_of(&self.created_at)?,
            updated_at: time_of(&self.updated_at)?,
            expires_at: self.ttl.as_deref().map(time_of).transpose()?,
        };
        Ok((key, entry))
    }

    /// How long the entry had left at the export. `None` if it had no deadline, or if the export was made before rows
    /// said so: then it has the deadline that `entry` has.
    #[cfg(feature = "file")]
    pub(crate) fn left(&self) -> Result<Option<Duration>, InvalidRow> {
        Ok(self.expires_in.as_deref().map(super::parse_duration).transpose()?)
    }
}

pub(super) fn value_of_kind<T: DeserializeOwned>(
    kind: &str,
    value: &RawValue,
) -> Result<Value<T>, InvalidRow> {
    match kind {
        "string" | "json" => Ok(Value::Item(serde_json::from_str(value.get())?)),
        "string_slice" | "json_slice" => Ok(Value::List(serde_json::from_str(value.get())?)),
        other => Err(InvalidRow::Kind(other.to_owned())),
    }
}

/// A value whose kind is not said: what begins with a bracket is a list.
///
/// # Errors
///
/// `null`, a list inside a list, and what `T` does not take.
pub(crate) fn value_of<T: DeserializeOwned>(value: &RawValue) -> serde_json::Result<Value<T>> {
    let refuse = |what| Err(serde::de::Error::custom(what));
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
