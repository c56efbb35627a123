//! Reads and checks all entries of an import, and sorts them into the order in which they are set.

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
    /// The line number, from 1.
    pub(super) line: u64,
    /// The revision in the exporting store.
    revision: Option<u64>,
    pub(super) key: Key,
    pub(super) value: Value<Json>,
    pub(super) deadline: Deadline,
    /// The length of its line.
    pub(super) bytes: usize,
}

/// The deadline of an entry: none, a time, or a duration from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    Never,
    At(Timestamp),
    After(Duration),
}

/// The parsed input.
#[derive(Debug, Default)]
pub(super) struct Input {
    /// Sorted by revision.
    pub(super) entries: Vec<Entry>,
    /// The number of lines that a later line of the same key supersedes.
    pub(super) superseded: u64,
}

/// Read the input in a thread, because a read from a terminal or a pipe cannot be cancelled.
///
/// # Cancel safety
///
/// Not cancel safe: the thread keeps reading the input.
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
        // The receiver is gone if the command was interrupted.
        let _ = sender.send(read);
    });
    read.await.context("the thread that reads the input has panicked")?
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
            Failure::usage(format!(
                "line {number} is not a valid entry: {why}; nothing was set: correct or remove the line"
            ))
        })?;
        superseded += u64::from(entries.insert(entry.key.clone(), entry).is_some());
    }
    let mut entries: Vec<_> = entries.into_values().collect();
    entries.sort_unstable_by_key(|entry| (entry.revision.unwrap_or(u64::MAX), entry.line));
    Ok(Input { entries, superseded })
}

/// The imported members of a line.
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
    let value = read_value(row.value.get()).map_err(|error| format!("invalid value: {error}"))?;
    if !(1..=Key::MAX_LENGTH).contains(&row.key.len()) {
        return Err(Error::InvalidKey { length: row.key.len() }.to_string());
    }
    let is_list = value.list().is_some();
    match row.kind.as_deref() {
        None => {}
        Some("string" | "json") if !is_list => {}
        Some("string_slice" | "json_slice") if is_list => {}
        // Exported by a store whose elements are arrays. Here the value would become a list of its elements.
        Some(kind) => return Err(format!("the value does not have the kind {kind:?}")),
    }
    let deadline = match (row.expires_in, row.ttl) {
        (Some(left), _) => Deadline::After(
            parse_duration(&left).map_err(|error| format!("invalid expires_in: {error}"))?,
        ),
        (None, Some(time)) => {
            Deadline::At(time_of(&time).map_err(|error| format!("invalid ttl: {error}"))?)
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
    /// The write that sets the entry to this value, which is the whole or the first part. `None` if it has expired.
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
    fn last_line_of_a_key_is_used() {
        let text = r#"{"key":"a","value":1,"revision":3}
            {"key":"b","value":1,"revision":2}
            {"key":"a","value":2,"revision":1}"#;
        let Input { entries, superseded } = read(text).unwrap();
        assert_eq!((entries.len(), superseded), (2, 1));
        assert_eq!((entries[0].line, &*entries[0].key), (3, "a"));
    }

    #[test]
    fn expires_in_takes_precedence_over_ttl() {
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
    fn value_of_another_kind_is_rejected() {
        for (kind, value) in
            [("json", "[1]"), ("string", "[\"a\"]"), ("json_slice", "1"), ("set", "1")]
        {
            let error =
                read(&format!(r#"{{"key":"a","kind":"{kind}","value":{value}}}"#)).unwrap_err();
            assert!(error.to_string().contains("does not have the kind"), "{error}");
        }
    }
}
