//! An entry as a row of JSON, as the HTTP API shows it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Raw;
use crate::journal::file::line::{Unreadable, text_of, time_of};
use crate::{Entry, Key, Value};

/// What is written.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    key: &'a str,
    kind: &'static str,
    value: Elements<'a>,
    revision: u64,
    ttl: Option<String>,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Elements<'a> {
    Item(&'a RawValue),
    List(&'a [Raw]),
}

impl<'a> Row<'a> {
    pub(super) fn new(key: &'a Key, entry: &'a Entry<Raw>) -> Self {
        let is_text = |element: &Raw| element.get().starts_with('"');
        let (kind, value) = match &entry.value {
            Value::Item(item) if is_text(item) => ("string", Elements::Item(item)),
            Value::Item(item) => ("json", Elements::Item(item)),
            Value::List(list) if list.iter().all(is_text) => ("string_slice", Elements::List(list)),
            Value::List(list) => ("json_slice", Elements::List(list)),
        };
        Self {
            key: key.as_str(),
            kind,
            value,
            revision: entry.revision,
            ttl: entry.expires_at.map(text_of),
            created_at: text_of(entry.created_at),
            updated_at: text_of(entry.updated_at),
        }
    }
}

/// What is read.
#[derive(Deserialize)]
pub(super) struct ReadRow<'a> {
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
}

impl ReadRow<'_> {
    pub(super) fn entry(&self) -> Result<(Key, Entry<Raw>), Unreadable> {
        let value = match &*self.kind {
            "string" | "json" => Value::Item(self.value.to_owned()),
            "string_slice" | "json_slice" => Value::List(list_of(self.value)?),
            other => return Err(Unreadable(format!("{other:?} is no kind of value"))),
        };
        let entry = Entry {
            value,
            revision: self.revision,
            created_at: time_of(&self.created_at)?,
            updated_at: time_of(&self.updated_at)?,
            expires_at: self.ttl.as_deref().map(time_of).transpose()?,
        };
        Ok((valid(&self.key)?, entry))
    }
}

pub(super) fn valid(key: &str) -> Result<Key, Unreadable> {
    let key = Key::from(key);
    key.validate().map_err(|error| Unreadable(error.to_string()))?;
    Ok(key)
}

pub(super) fn list_of(value: &RawValue) -> Result<Vec<Raw>, Unreadable> {
    serde_json::from_str(value.get()).map_err(|error| Unreadable(format!("its value: {error}")))
}

/// A value from a program that knows texts, and lists of them.
pub(super) fn value_of(value: &RawValue) -> Result<Value<Raw>, Unreadable> {
    let is_element = |text: &str| !text.starts_with('[') && text != "null";
    let text = value.get();
    if text.starts_with('[') {
        let list = list_of(value)?;
        if let Some(odd) = list.iter().find(|element| !is_element(element.get())) {
            return Err(Unreadable(format!("{odd} is no element of a list")));
        }
        return Ok(Value::List(list));
    }
    if is_element(text) {
        Ok(Value::Item(value.to_owned()))
    } else {
        Err(Unreadable(format!("{text} is no value")))
    }
}
