//! Entries from elsewhere, as a new journal.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::disk;
use super::legacy::Entries;
use super::new::NewJournal;
use crate::journal::codec::{Unreadable, read_exported};
use crate::journal::file::error::FileError;
use crate::journal::file::replay::Progress;
use crate::model::{Key, Timestamp};

/// What an import was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// Rows, as [`export`](super::export) writes them.
    Export,
    /// A log of document 002: a command in each line, without revisions and checksums.
    Log002,
    /// A snapshot of document 003: one object of keys and texts.
    Snapshot003,
}

/// What [`import`] has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// What it was made of.
    pub format: Format,
    /// How many entries there are.
    pub entries: u64,
    /// The revision of the new store.
    pub revision: u64,
    /// The id of the new store.
    pub store: String,
    /// What of the input was left out: the last line of a log that was cut off while it was written.
    pub torn: Option<TornLine>,
}

/// The last line of a log, which is not complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TornLine {
    /// Its number, from 1.
    pub line: u64,
    /// What there is of it.
    pub text: String,
}

/// How many lines there are between two words about progress.
const NOW_AND_THEN: u64 = 1_024;

/// Make a journal of an [export](super::export), or of what the Go programs that this store replaces have written: a
/// log of commands (`test_db.log`), or a snapshot (`file.tmp`). Which it is shows in its content; an empty input is an
/// empty log.
///
/// Exported entries keep their revisions and times, and the store continues at the highest revision. An entry with
/// `expires_in` expires that long after the import; one without keeps its deadline, also if it has passed: then it
/// expires at the first start. Logs and snapshots have no revisions, and are numbered from 1. The store has a new id.
///
/// # Errors
///
/// If the input is none of these or is damaged, of which only a log may have one incomplete line, its last; or
/// if the folder has a journal already. Then no journal is begun.
pub fn import(
    mut input: impl Read,
    folder: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<ImportReport, FileError> {
    let io = FileError::io(PathBuf::from("the input"), "read");
    let mut text = Vec::new();
    input.read_to_end(&mut text).map_err(io)?;
    let text = without_torn_character(&text)?;
    let format = format_of(text)?;
    let (entries, torn) = match format {
        Format::Export => {
            let mut left = Vec::new();
            let (mut entries, torn) = each_line(text, progress, |entries, line| {
                left.extend(take_row(entries, line)?);
                Ok(())
            })?;
            entries.expire_in(left);
            (entries, torn)
        }
        Format::Log002 => each_line(text, progress, Entries::follow)?,
        Format::Snapshot003 => {
            let entries = Entries::of_object(text);
            let why = |Unreadable(why)| FileError::Impossible(format!("the input: {why}"));
            (entries.map_err(why)?, None)
        }
    };
    // What 002 had not written to the end, it had not acknowledged. An export is written as a whole.
    if let Some(torn) = torn.as_ref().filter(|_| format == Format::Export) {
        return Err(bad_line(torn.line, "it is not complete"));
    }
    let mut journal = NewJournal::create(disk(folder.as_ref()))?;
    for (key, entry) in &entries.map {
        journal.entry(key, entry)?;
    }
    let store = journal.finish(entries.revision)?;
    Ok(ImportReport {
        format,
        entries: entries.map.len() as u64,
        revision: entries.revision,
        store: store.to_string(),
        torn,
    })
}

/// The text, perhaps without a last line that ends inside a character.
fn without_torn_character(bytes: &[u8]) -> Result<&str, FileError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if error.error_len().is_none() => {
            Ok(std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default())
        }
        Err(error) => {
            let why = format!("the input: byte {} is not UTF-8", error.valid_up_to());
            Err(FileError::Impossible(why))
        }
    }
}

/// By the fields of the first line; what is no line of its own is an object of many.
fn format_of(text: &str) -> Result<Format, FileError> {
    #[derive(Deserialize)]
    struct Fields {
        command: Option<serde::de::IgnoredAny>,
        key: Option<serde::de::IgnoredAny>,
        revision: Option<serde::de::IgnoredAny>,
        kind: Option<serde::de::IgnoredAny>,
    }
    let first = text.trim_start().lines().next().unwrap_or_default();
    // A log is empty until its program has done a first command.
    if first.is_empty() {
        return Ok(Format::Log002);
    }
    if !first.starts_with('{') {
        let why = "the input: it is no export, no log of commands and no object of keys";
        return Err(FileError::Impossible(why.into()));
    }
    Ok(match serde_json::from_str(first) {
        Ok(Fields { command: Some(_), key: Some(_), .. }) => Format::Log002,
        Ok(Fields { revision: Some(_), kind: Some(_), key: Some(_), .. }) => Format::Export,
        Err(_) if first.starts_with("{\"command\":") => Format::Log002,
        Ok(_) | Err(_) => Format::Snapshot003,
    })
}

/// Take every line. The last one is left if it has no newline and makes no sense.
fn each_line(
    text: &str,
    progress: &mut dyn FnMut(Progress),
    mut take: impl FnMut(&mut Entries, &str) -> Result<(), Unreadable>,
) -> Result<(Entries, Option<TornLine>), FileError> {
    let (mut entries, mut number, mut done) = (Entries::default(), 0, 0);
    for line in text.split_inclusive('\n') {
        number += 1;
        done += line.len() as u64;
        if number % NOW_AND_THEN == 0 {
            progress(Progress { done, total: text.len() as u64 });
        }
        let content = line.trim();
        if content.is_empty() {
            continue;
        }
        if let Err(Unreadable(why)) = take(&mut entries, content) {
            let is_json = serde_json::from_str::<serde::de::IgnoredAny>(content).is_ok();
            if !line.ends_with('\n') && !is_json {
                return Ok((entries, Some(TornLine { line: number, text: content.into() })));
            }
            return Err(bad_line(number, &why));
        }
    }
    Ok((entries, None))
}

fn bad_line(number: u64, why: &str) -> FileError {
    FileError::Impossible(format!("the input, line {number}: {why}"))
}

/// Take an exported entry. Returns how long it has to live, if its row says so.
fn take_row(entries: &mut Entries, line: &str) -> Result<Option<(Key, Duration)>, Unreadable> {
    let (key, entry, left) = read_exported(line)?;
    entries.revision = entries.revision.max(entry.revision);
    match entries.map.insert(key.clone(), entry) {
        Some(_) => Err(Unreadable("there is another line with this key before it".into())),
        None => Ok(left.map(|left| (key, left))),
    }
}

impl Entries {
    /// Let entries expire so long after now. A start takes the newest recorded time for now if the clock is behind it, so
    /// that counts here too: or entries from a machine whose clock is ahead would have expired by then.
    fn expire_in(&mut self, left: Vec<(Key, Duration)>) {
        let now = Timestamp::from(SystemTime::now());
        let now = self.map.values().map(|entry| entry.updated_at).fold(now, Timestamp::max);
        for (key, left) in left {
            if let Some(entry) = self.map.get_mut(&key) {
                entry.expires_at = Some(now + left);
            }
        }
    }
}
