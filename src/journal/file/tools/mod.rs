//! Tools for the directory of a journal: inspect, repair, export, and restore it without a store.
//!
//! The `mainspring journal` command uses these functions. They handle elements as JSON text, so they work for every
//! element type.
//!
//! | function | while a store is running | |
//! |---|---|---|
//! | [`check`] | yes | verify all files, and report what a start would do |
//! | [`stat`] | yes | report sizes and revisions, without reading everything |
//! | [`Dump`] | yes | read the changes in the log, and follow new ones |
//! | [`export`], [`import`] | only export | convert the entries to and from JSON lines |
//! | [`restore`] | yes | create a new journal with the store at an earlier revision or time |
//! | [`check_backup`], [`restore_backup`] | yes | verify a backup of a server, and create a journal from it |
//! | [`compact`] | no | replace the log by a snapshot |
//! | [`repair`] | no | keep the intact part of a damaged directory |

mod backup;
mod check;
mod compact;
mod damaged_header;
mod dump;
mod export;
mod import;
mod inventory;
mod legacy;
mod load;
mod new_journal;
mod plan;
mod repair;
mod restore;
mod restore_backup;
mod salvage;
mod stat;

use std::path::Path;
use std::sync::Arc;

use serde_json::value::RawValue;

pub use self::check::{CheckReport, CheckedFile, Verdict, check};
pub use self::compact::{CompactReport, compact};
pub use self::dump::{Dump, DumpLine};
pub use self::export::{ExportReport, export};
pub use self::import::{Format, ImportReport, TornLine, import};
pub use self::inventory::{Problem, ProblemKind};
pub use self::plan::RepairStep;
pub use self::repair::{RepairOptions, RepairReport, repair};
pub use self::restore::{InvalidRestoreTarget, RestoreReport, RestoreTarget, restore};
pub use self::restore_backup::{
    BackupPart, BackupReport, BackupRestoreReport, check_backup, restore_backup,
};
pub use self::salvage::SalvageReport;
pub use self::stat::{SegmentStat, SnapshotStat, StatReport, stat};

use super::disk::Disk;
use super::error::FileError;
use super::folder::Folder;
use super::manifest::Manifest;
use super::recover;

/// An element as JSON text, unchanged: numbers keep their digits, and strings their escapes.
type Raw = Box<RawValue>;

fn disk(folder: &Path) -> Arc<dyn Disk> {
    Arc::new(Folder::new(folder.to_owned()))
}

/// Reads the manifest of a directory that must contain a journal.
fn manifest(disk: &dyn Disk) -> Result<Manifest, FileError> {
    let missing = || FileError::Missing { path: disk.path() };
    if !disk.path().is_dir() {
        return Err(missing());
    }
    recover::manifest(disk)?.ok_or_else(missing)
}

/// Retries a read of a directory that a running store may change at the same time. An error that occurs twice in the
/// same way is returned.
fn retry_read<R>(mut read: impl FnMut() -> Result<R, FileError>) -> Result<R, FileError> {
    let mut previous = None;
    for _ in 0..3 {
        let error = match read() {
            Err(
                error @ (FileError::Io { .. }
                | FileError::Damaged { .. }
                | FileError::Manifest { .. }),
            ) => error,
            result => return result,
        };
        let text = Some(error.to_string());
        if previous == text {
            return Err(error);
        }
        previous = text;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    read()
}
