//! The entries of an import, read and checked as a whole, in the order in which they are set.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use mainspring::wire::{Json, parse_duration, read_value};
use mainspring::{Error, Key, Timestamp, Value, Write};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::client::failure::Failure;
use crate::output::is_standard;

/// An entry to be set.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its line, from 1.
    pub(super) line: u64,
    /// The revision that it had where it was exported.
    revision: Option<u64>,
    pub(super) key: Key,
    pub(super) value: Value<Json>,
    pub(super) deadline: Deadline,
    /// How long its line is.
    pub(super) bytes: usize,
}

/// When an entry expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    Never,
    At(Timestamp),
    After(Duration),
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// Sorted: an entry with a lower revision comes first.
    pub(super) entries: Vec<Entry>,
    /// How many lines have a later one with the same key.
    pub(super) superseded: u64,
}

/// Read all of it, in a thread of its own: a read of a terminal or a pipe cannot be cancelled.
pub(super) async fn all(input: PathBuf) -> anyhow::Result<Input> {
    let (sender, read) = oneshot::channel();
    thread::spawn(move || {
        let read = if is_standard(&input) {
            lines(stdin().lock())
        } else {
            File::open(&input)
                .with_context(|| format!("cannot open {}", input.display()))
                .and_then(|file| lines(BufReader::new(file)))
        };
        // Without a receiver the command was interrupted.
        let _ = sender.send(read);
    });
    read.await.context("the thread that reads the input has ended")?
}

fn lines(input: impl BufRead) -> anyhow::Result<Input> {
    let mut entries: HashMap<Key, Entry> = HashMap::new();
    let mut superseded = 0;
    for (number, line) in (1..).zip(input.lines()) {
        let line = line.with_context(|| format!("cannot read line {number} of the input"))?;
        if line.trim().is_empty() {
            continue;
        }
        let entry = entry(number, &line).map_err(|why| {
            Failure::misused(format!(
                "line {number} is no entry: {why}; nothing was set: correct the line, or remove it"
            ))
        })?;
        superseded += u64::from(entries.insert(entry.key.clone(), entry).is_some());
    }
    let mut entries: Vec<_> = entries.into_values().collect();
    entries.sort_unstable_by_key(|entry| (entry.revision.unwrap_or(u64::MAX), entry.line));
    Ok(Input { entries, superseded })
}

/// The members of a row that are imported.
#[derive(Deserialize)]
struct Row<'a> {
    key: String,
    kind: Option<String>,
    #[serde(borrow)]
    value: &'a RawValue,
    revision: Option<u64>,
    ttl: Option<String>,
    expires_in: Option<String>,
}

fn entry(line: u64, text: &str) -> Result<Entry, String> {
    let row: Row<'_> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let value = read_value(row.value.get()).map_err(|error| format!("its value: {error}"))?;
    if !(1..=Key::MAX_LENGTH).contains(&row.key.len()) {
        return Err(Error::InvalidKey { length: row.key.len() }.to_string());
    }
    let is_list = value.list().is_some();
    match row.kind.as_deref() {
        None => {}
        Some("string" | "json") if !is_list => {}
        Some("string_slice" | "json_slice") if is_list => {}
        // Of a store whose elements are lists themselves. Here it would become a list of their elements.
        Some(kind) => return Err(format!("its value is none of the kind {kind:?}")),
    }
    let deadline = match (row.expires_in, row.ttl) {
        (Some(left), _) => Deadline::After(
            parse_duration(&left).map_err(|error| format!("its expires_in: {error}"))?,
        ),
        (None, Some(time)) => {
            Deadline::At(time_of(&time).map_err(|error| format!("its ttl is no time: {error}"))?)
        }
        (None, None) => Deadline::Never,
    };
    let (key, bytes) = (Key::from(row.key), text.len());
    Ok(Entry { line, revision: row.revision, key, value, deadline, bytes })
}

fn time_of(text: &str) -> Result<Timestamp, jiff::Error> {
    let time: jiff::Timestamp = text.parse()?;
    let nanos = u64::try_from(time.as_nanosecond()).unwrap_or_default();
    Ok(Timestamp::from_nanos(nanos))
}

impl Entry {
    /// Set it, or its value's first part. `None` if it has no time left.
    pub(super) fn write(&self, value: Value<Json>, now: Timestamp) -> Option<Write<Json>> {
        let left = match self.deadline {
            Deadline::Never => return Some(Write::set(self.key.clone(), value).no_ttl()),
            Deadline::At(time) => time.saturating_since(now),
            Deadline::After(left) => left,
        };
        (!left.is_zero()).then(|| Write::set(self.key.clone(), value).ttl(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<Input> {
        lines(text.as_bytes())
    }

    #[test]
    fn entries_are_sorted_by_revision_and_then_by_line() {
        let text = r#"{"key":"c","value":1,"revision":30}
            {"key":"y","value":1}

            {"key":"a","value":1,"revision":9}
            {"key":"x","value":1}
            {"key":"b","value":1,"revision":10}"#;
        let keys: Vec<_> =
            read(text).unwrap().entries.into_iter().map(|entry| entry.key.to_string()).collect();
        assert_eq!(keys, ["a", "b", "c", "y", "x"]);
    }

    #[test]
    fn last_line_of_a_key_counts() {
        let text = r#"{"key":"a","value":1,"revision":3}
            {"key":"b","value":1,"revision":2}
            {"key":"a","value":2,"revision":1}"#;
        let Input { entries, superseded } = read(text).unwrap();
        assert_eq!((entries.len(), superseded), (2, 1));
        assert_eq!((entries[0].line, &*entries[0].key), (3, "a"));
    }

    #[test]
    fn time_left_at_the_export_counts_before_the_deadline() {
        let row = |more: &str| {
            read(&format!(r#"{{"key":"a","value":1{more}}}"#)).unwrap().entries[0].deadline
        };
        assert_eq!(row(""), Deadline::Never);
        assert_eq!(row(r#","ttl":null,"expires_in":null"#), Deadline::Never);
        let at = Deadline::At(Timestamp::from_nanos(1_000_000_000));
        assert_eq!(row(r#","ttl":"1970-01-01T00:00:01Z""#), at);
        let after = Deadline::After(Duration::from_millis(90_500));
        assert_eq!(row(r#","ttl":"1970-01-01T00:00:01Z","expires_in":"1m30.5s""#), after);
    }

    #[test]
    fn value_of_another_kind_is_refused() {
        for (kind, value) in
            [("json", "[1]"), ("string", "[\"a\"]"), ("json_slice", "1"), ("set", "1")]
        {
            let error =
                read(&format!(r#"{{"key":"a","kind":"{kind}","value":{value}}}"#)).unwrap_err();
            assert!(error.to_string().contains("none of the kind"), "{error}");
        }
    }
}
