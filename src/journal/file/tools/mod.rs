//! What can be done with a folder without a store: look into it, repair it, take it elsewhere.
//!
//! The `mainspring journal` command is made of these. Elements are taken as the JSON that they are, so every
//! one of them works whatever the element type of the store is.
//!
//! | function | beside a running store | |
//! |---|---|---|
//! | [`check`] | yes | what is intact, and whether a start would refuse or cut |
//! | [`stat`] | yes | numbers, without reading everything |
//! | [`Dump`] | yes | the changes as the log has them, and those to come |
//! | [`export`], [`import`] | export | the entries as JSON lines |
//! | [`restore`] | yes | the store as it was at a revision or a time, in a new folder |
//! | [`check_backup`], [`restore_backup`] | yes | a backup of a server: whether it is whole, and as a new journal |
//! | [`compact`] | no | put a snapshot in the place of the log |
//! | [`repair`] | no | what can be kept of a damaged folder |

mod backup;
mod check;
mod compact;
mod dump;
mod export;
mod headless;
mod import;
mod inventory;
mod legacy;
mod load;
mod new;
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

/// An element as it is in the file: numbers keep their digits, and texts their escapes.
type Raw = Box<RawValue>;

fn disk(folder: &Path) -> Arc<dyn Disk> {
    Arc::new(Folder::new(folder.to_owned()))
}

/// The manifest of a folder that has to have one.
fn manifest(disk: &dyn Disk) -> Result<Manifest, FileError> {
    let missing = || FileError::Missing { path: disk.path() };
    if !disk.path().is_dir() {
        return Err(missing());
    }
    recover::manifest(disk)?.ok_or_else(missing)
}

/// What is read beside a running store may have changed while it was read. What is wrong in the same way twice
/// is wrong.
fn patiently<R>(mut read: impl FnMut() -> Result<R, FileError>) -> Result<R, FileError> {
    let mut before = None;
    for _ in 0..3 {
        let error = match read() {
            Err(
                error @ (FileError::Io { .. }
                | FileError::Damaged { .. }
                | FileError::Manifest { .. }),
            ) => error,
            other => return other,
        };
        let text = Some(error.to_string());
        if before == text {
            return Err(error);
        }
        before = text;
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    read()
}
