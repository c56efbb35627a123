//! Import of entries into a new journal.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::disk;
use super::legacy::Entries;
use super::new_journal::NewJournal;
use crate::journal::codec::{Unreadable, read_exported};
use crate::journal::file::error::FileError;
use crate::journal::file::replay::Progress;
use crate::model::{Key, Timestamp};

/// The format of the input of [`import`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Format {
    /// The output of [`export`](super::export).
    Export,
    /// A log of an earlier Go server: one command per line, without revisions and checksums.
    #[serde(rename = "log002")]
    CommandLog,
    /// A snapshot of an earlier Go server: one object with keys and their values.
    #[serde(rename = "snapshot003")]
    SnapshotObject,
}

/// Report of [`import`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ImportReport {
    /// The format of the input.
    pub format: Format,
    /// The number of entries.
    pub entries: u64,
    /// The revision of the new store.
    pub revision: u64,
    /// The id of the new store.
    pub store: String,
    /// The incomplete last line of a log, which was skipped.
    pub torn: Option<TornLine>,
}

/// The incomplete last line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TornLine {
    /// The number of the line, from 1.
    pub line: u64,
    /// The text of the line.
    pub text: String,
}

/// The number of lines between two reports of progress.
const REPORT_EVERY: u64 = 1_024;

/// Creates a journal from an [export](super::export), or from a file of the earlier Go servers: a log of commands
/// (`test_db.log`) or a snapshot (`file.tmp`). The format is detected from the content; an empty input is an empty
/// log.
///
/// Exported entries keep their revisions and times, and the store continues at the highest revision. An entry with
/// `expires_in` expires that long after the import. An entry without it keeps its deadline, and if that has passed, it
/// expires at the first start. Logs and snapshots have no revisions, so their entries are numbered from 1. The store
/// gets a new id.
///
/// # Errors
///
/// If the input has another format or is damaged (only the last line of a log may be incomplete), or if the directory
/// contains a journal already. Then nothing is created.
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
                left.extend(add_row(entries, line)?);
                Ok(())
            })?;
            entries.expire_in(left);
            (entries, torn)
        }
        Format::CommandLog => each_line(text, progress, Entries::apply_command)?,
        Format::SnapshotObject => {
            let entries = Entries::from_object(text);
            let why = |Unreadable(why)| FileError::Impossible(format!("the input: {why}"));
            (entries.map_err(why)?, None)
        }
    };
    // The Go server had not acknowledged an incomplete line. An export is complete, so an incomplete line is an error.
    if let Some(torn) = torn.as_ref().filter(|_| format == Format::Export) {
        return Err(bad_line(torn.line, "the line is incomplete"));
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

/// Decodes the input as UTF-8. A character that is cut off at the end is removed.
fn without_torn_character(bytes: &[u8]) -> Result<&str, FileError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) if error.error_len().is_none() => {
            Ok(std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default())
        }
        Err(error) => {
            let why = format!("the input: invalid UTF-8 at byte {}", error.valid_up_to());
            Err(FileError::Impossible(why))
        }
    }
}

/// Detects the format from the members of the first line. A first line that is not a complete object is the beginning
/// of a snapshot.
fn format_of(text: &str) -> Result<Format, FileError> {
    #[derive(Deserialize)]
    struct Fields {
        command: Option<serde::de::IgnoredAny>,
        key: Option<serde::de::IgnoredAny>,
        revision: Option<serde::de::IgnoredAny>,
        kind: Option<serde::de::IgnoredAny>,
    }
    let first = text.trim_start().lines().next().unwrap_or_default();
    // A log is empty until its server has executed a command.
    if first.is_empty() {
        return Ok(Format::CommandLog);
    }
    if !first.starts_with('{') {
        let why = "the input: unknown format; expected an export, a log of commands, or an object with keys";
        return Err(FileError::Impossible(why.into()));
    }
    Ok(match serde_json::from_str(first) {
        Ok(Fields { command: Some(_), key: Some(_), .. }) => Format::CommandLog,
        Ok(Fields { revision: Some(_), kind: Some(_), key: Some(_), .. }) => Format::Export,
        Err(_) if first.starts_with("{\"command\":") => Format::CommandLog,
        Ok(_) | Err(_) => Format::SnapshotObject,
    })
}

/// Passes every line to `apply`. A last line without a newline that is not valid JSON is returned instead.
fn each_line(
    text: &str,
    progress: &mut dyn FnMut(Progress),
    mut apply: impl FnMut(&mut Entries, &str) -> Result<(), Unreadable>,
) -> Result<(Entries, Option<TornLine>), FileError> {
    let (mut entries, mut number, mut done) = (Entries::default(), 0, 0);
    for line in text.split_inclusive('\n') {
        number += 1;
        done += line.len() as u64;
        if number % REPORT_EVERY == 0 {
            progress(Progress { done, total: text.len() as u64 });
        }
        let content = line.trim();
        if content.is_empty() {
            continue;
        }
        if let Err(Unreadable(why)) = apply(&mut entries, content) {
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

/// Adds an exported entry. Returns its remaining time to live, if the row has one.
fn add_row(entries: &mut Entries, line: &str) -> Result<Option<(Key, Duration)>, Unreadable> {
    let (key, entry, left) = read_exported(line)?;
    entries.revision = entries.revision.max(entry.revision);
    match entries.map.insert(key.clone(), entry) {
        Some(_) => Err(Unreadable("the key is already used by an earlier line".into())),
        None => Ok(left.map(|left| (key, left))),
    }
}

impl Entries {
    /// Sets deadlines relative to the current time. If the newest recorded time is later than the clock, a start uses
    /// it as the current time, so this does too. Otherwise entries from a machine whose clock is ahead would expire at
    /// once.
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
