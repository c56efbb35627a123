//! Errors of the file journal and its tools.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::scan::{Damage, ScanError};
use super::segment::FORMAT;
use crate::journal::JournalError;
use crate::journal::codec::Unreadable;

/// Error of opening, reading or writing a file journal. The message includes what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// An operation of the file system failed.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The operation, as a verb.
        action: &'static str,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another process has the journal open.
    #[error("{}: {holder}; stop it, or use another directory", .path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
        /// A text that names the process.
        holder: String,
    },
    /// The directory contains no journal.
    #[error("{}: there is no journal in this directory", .path.display())]
    Missing {
        /// The directory.
        path: PathBuf,
    },
    /// The directory contains no journal, but data of the earlier Go server, which a start would ignore.
    #[error(
        "{}: found {file} of the earlier Go server, and no journal; to import its data, run \
        `mainspring journal import {} {}`; to start without it, use another directory",
        .path.display(), Argument(.path), Argument(&.path.join(.file))
    )]
    NotImported {
        /// The directory.
        path: PathBuf,
        /// The name of the file in it.
        file: &'static str,
    },
    /// The manifest is missing or damaged, or does not match the files in the directory.
    #[error(
        "{}: the MANIFEST {why}; `mainspring journal repair {}` shows what can be rebuilt",
        .path.display(), Argument(.path)
    )]
    Manifest {
        /// The directory.
        path: PathBuf,
        /// What is wrong with the manifest.
        why: String,
    },
    /// The file was written by another version, in a format that this version cannot read.
    #[error("{}: {}", .path.display(), unknown_format(*.format))]
    Format {
        /// The file.
        path: PathBuf,
        /// The version of its format.
        format: u32,
    },
    /// Acknowledged data is damaged. Nothing was changed.
    #[error(
    "{}: damaged at byte {offset}: {what}; the data was acknowledged, so nothing is cut off: restore a backup, or \
    run `mainspring journal repair {}` to see what it would keep", .path.display(), Argument(.path.parent().unwrap_or(.path))
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The offset of the damage in bytes.
        offset: u64,
        /// What is wrong at that offset.
        what: &'static str,
    },
    /// A line has a valid checksum and cannot be decoded, by this version or with this element type.
    #[error("{}: the line at byte {offset} is intact, but cannot be decoded: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The offset of the line in bytes.
        offset: u64,
        /// The reason.
        why: String,
    },
    /// A backup is incomplete or damaged.
    #[error(
        "{}: the backup is incomplete or damaged: {what}; nothing of it was used: use another backup",
        .path.display()
    )]
    Backup {
        /// The file.
        path: PathBuf,
        /// What is wrong with the backup, and where.
        what: String,
    },
    /// The operation is not possible with this journal or this input.
    #[error("{0}")]
    Impossible(String),
}

/// The message for a format that this version cannot read.
pub(crate) fn unknown_format(format: u32) -> String {
    format!(
        "unknown format {format}; this version of mainspring reads formats 1 to {FORMAT}: use a version that reads format \
        {format}"
    )
}

/// Displays a path quoted for a shell.
pub(crate) struct Argument<'a>(pub(crate) &'a Path);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.to_string_lossy();
        // Only a path with a NUL byte cannot be quoted, and no file has such a name.
        f.write_str(&shlex::try_quote(&path).unwrap_or(Cow::Borrowed(&path)))
    }
}

impl FileError {
    /// Returns a function for `map_err`, for a failed operation.
    pub(crate) fn io(path: PathBuf, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path, action, source }
    }

    /// Returns a function for `map_err`, for an intact line at this offset that cannot be decoded.
    pub(crate) fn unreadable(path: PathBuf, offset: u64) -> impl FnOnce(Unreadable) -> Self {
        move |Unreadable(why)| Self::Unreadable { path, offset, why }
    }

    pub(crate) fn damaged(path: PathBuf, damage: &Damage) -> Self {
        Self::Damaged { path, offset: damage.offset, what: damage.what }
    }
}

impl ScanError<FileError> {
    /// Converts the error of scanning the segment in this file.
    pub(crate) fn into_file_error(self, path: PathBuf) -> FileError {
        match self {
            Self::Visit(error) => error,
            Self::Format(format) => FileError::Format { path, format },
            Self::Unreadable(offset, why) => FileError::unreadable(path, offset)(why),
        }
    }
}

impl From<FileError> for JournalError {
    fn from(error: FileError) -> Self {
        Self::new(error)
    }
}
