//! Decoding of files of the earlier Go servers: logs of commands, and snapshots.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Raw;
use crate::journal::codec::{Record, Unreadable, parse_key, parse_time, parse_value};
use crate::model::{Entry, Key, Timestamp, Value};

/// Decoded entries, and the newest revision.
#[derive(Default)]
pub(super) struct Entries {
    pub(super) map: BTreeMap<Key, Entry<Raw>>,
    pub(super) revision: u64,
}

/// Parses a time in a log of commands, in which the year 1 means none.
fn parse_optional_time(text: &str) -> Result<Option<Timestamp>, Unreadable> {
    if text.is_empty() || text.starts_with("0001-01-01T") {
        return Ok(None);
    }
    parse_time(text).map(Some)
}

impl Entries {
    /// Applies a line of a log of commands. The log has no revisions, so each line gets the next one.
    pub(super) fn apply_command(&mut self, line: &str) -> Result<(), Unreadable> {
        // The lines have members of a record.
        let line: Record<'_> = serde_json::from_str(line)?;
        let key = parse_key(&line.key)?;
        let time = parse_time(&line.time)?;
        let revision = self.revision + 1;
        let updated_at = parse_optional_time(&line.updated_at)?.unwrap_or(time);
        let value = || line.value.ok_or_else(|| Unreadable("the value is missing".into()));
        let absent = || Unreadable(format!("there is no list at {:?} at this line", line.key));
        match &*line.name {
            "set" | "update" => {
                let entry = Entry {
                    value: parse_value(value()?)?,
                    revision,
                    created_at: parse_optional_time(&line.created_at)?.unwrap_or(time),
                    updated_at,
                    expires_at: parse_optional_time(line.ttl.as_deref().unwrap_or_default())?,
                };
                self.map.insert(key, entry);
            }
            "remove" => drop(self.map.remove(&key)),
            "push" | "pop" => {
                let entry = self.map.get_mut(&key).ok_or_else(absent)?;
                let Value::List(list) = &mut entry.value else { return Err(absent()) };
                if line.name == "push" {
                    list.extend(parse_value(value()?)?.elements().iter().cloned());
                } else {
                    list.pop().ok_or_else(absent)?;
                }
                (entry.revision, entry.updated_at) = (revision, updated_at);
            }
            other => {
                return Err(Unreadable(format!(
                    "unknown command {other:?}; expected set, update, remove, push or pop"
                )));
            }
        }
        self.revision = revision;
        Ok(())
    }

    /// Decodes a snapshot: one object with the keys and their values. It has no times.
    pub(super) fn from_object(text: &str) -> Result<Self, Unreadable> {
        let Pairs(pairs) = serde_json::from_str(text)?;
        let now = Timestamp::from(SystemTime::now());
        let mut entries = Self::default();
        for (key, value) in pairs {
            entries.revision += 1;
            let value = parse_value(value).map_err(|error| {
                Unreadable(format!("invalid value of the key {key:?}: {error}"))
            })?;
            let entry = Entry {
                value,
                revision: entries.revision,
                created_at: now,
                updated_at: now,
                expires_at: None,
            };
            entries.map.insert(parse_key(&key)?, entry);
        }
        Ok(entries)
    }
}

/// The members of an object, in order.
struct Pairs<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Pairs<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;
        impl<'de> Visitor<'de> for PairsVisitor {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object with keys and their values")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs<'de>, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(PairsVisitor)
    }
}
