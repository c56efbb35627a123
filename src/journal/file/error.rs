//! Why a file journal cannot be opened or read, and what helps.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::scan::{Damage, ScanError};
use super::segment::FORMAT;
use crate::journal::JournalError;
use crate::journal::codec::Unreadable;

/// Why a file journal could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// An operation of the file system failed.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{}: {holder}: stop it, or use another folder", .path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who has it.
        holder: String,
    },
    /// There is no journal in this folder.
    #[error("{}: there is no journal in this folder", .path.display())]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds no journal, but data of the Go program that this store replaces: a start would ignore it.
    #[error(
        "{}: {file} was written by the old Go program, and there is no journal: to take over its data run \
         `mainspring journal import {} {}`; to start without it, use another folder",
        .path.display(), Argument(.path), Argument(&.path.join(.file))
    )]
    NotImported {
        /// The folder.
        path: PathBuf,
        /// The name of the file in it.
        file: &'static str,
    },
    /// The manifest is missing or damaged, and there are files that it should list.
    #[error(
        "{}: the MANIFEST {why}: `mainspring journal repair {}` shows what can be rebuilt",
        .path.display(), Argument(.path)
    )]
    Manifest {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It was written by another version, in another format.
    #[error("{}: {}", .path.display(), unknown_format(*.format))]
    Format {
        /// The file.
        path: PathBuf,
        /// The version of the format that it is of.
        format: u32,
    },
    /// Something that was acknowledged is damaged. Nothing was changed.
    #[error(
        "{}: damaged at byte {offset}: {what}. It was acknowledged, so nothing is cut: restore a backup, or \
         see what `mainspring journal repair {}` would keep", .path.display(), Argument(.path.parent().unwrap_or(.path))
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A line is whole, and still cannot be read.
    #[error("{}: the line at byte {offset} is whole, and cannot be read: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// Why.
        why: String,
    },
    /// A backup is not whole.
    #[error(
        "{}: the backup is incomplete or damaged: {what}. Nothing of it is used: take another backup",
        .path.display()
    )]
    Backup {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where.
        what: String,
    },
    /// What is asked for cannot be had from this journal.
    #[error("{0}")]
    Impossible(String),
}

/// What is to be said of it, in one place.
pub(crate) fn unknown_format(format: u32) -> String {
    format!(
        "it is of format {format}, and this version of mainspring reads formats 1 to {FORMAT}: use a version of \
         mainspring that reads it"
    )
}

/// A path as a shell takes it.
pub(crate) struct Argument<'a>(pub(crate) &'a Path);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.to_string_lossy();
        // What cannot be quoted cannot be the name of a file.
        f.write_str(&shlex::try_quote(&path).unwrap_or(Cow::Borrowed(&path)))
    }
}

impl FileError {
    /// For `map_err`: this operation failed.
    pub(crate) fn io(path: PathBuf, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path, action, source }
    }

    /// For `map_err`: what begins at this offset is whole, and cannot be read.
    pub(crate) fn unreadable(path: PathBuf, offset: u64) -> impl FnOnce(Unreadable) -> Self {
        move |Unreadable(why)| Self::Unreadable { path, offset, why }
    }

    pub(crate) fn damaged(path: PathBuf, damage: &Damage) -> Self {
        Self::Damaged { path, offset: damage.offset, what: damage.what }
    }
}

impl ScanError<FileError> {
    /// The error of a segment in this file.
    pub(crate) fn of_file(self, path: PathBuf) -> FileError {
        match self {
            Self::Stopped(error) => error,
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
