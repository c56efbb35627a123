//! Keeping what can be kept of a damaged folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::check::bytes_in;
use super::inventory::Inventory;
use super::plan::{Plan, Step};
use super::{backup, disk};
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::error::FileError;
use crate::journal::file::log::begin;
use crate::journal::file::manifest::MANIFEST;
use crate::journal::file::recover;
use crate::journal::file::replay::Progress;

/// What [`repair`] would do, or has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Repair {
    /// What it takes, in order. Empty if a start would do without a repair.
    pub steps: Vec<Step>,
    /// The newest revision that is kept.
    pub revision: u64,
    /// The newest revision that the damaged files tell of: what is after [`revision`](Self::revision) is lost,
    /// but for what of it is in the backup.
    pub seen: u64,
    /// Where the folder was copied to, if it was written to.
    pub backup: Option<PathBuf>,
    /// The new id of the store, if it was written to.
    pub store: Option<String>,
}

/// Say what can be kept of a damaged folder, and if `write` is set, do it.
///
/// It keeps the longest good prefix of the changes that begins at a good snapshot or at the very beginning,
/// and rebuilds the manifest if that is missing or damaged. Before it writes it copies the folder to
/// `<folder>.backup-1`, or the first such name that is free. The header of a segment is written anew where that
/// alone is damaged. The store gets a new id, so that nobody who was
/// told of what is lost goes on from there.
///
/// # Errors
///
/// If nothing can be kept, if it was written by another version in a format that this one cannot read, if a store has the folder open, or if it cannot be written to.
pub fn repair(
    folder: impl AsRef<Path>,
    write: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Repair, FileError> {
    let disk = disk(folder.as_ref());
    if !disk.path().is_dir() {
        return Err(FileError::Missing { path: disk.path() });
    }
    let _lock = if write { Some(recover::lock(&*disk)?) } else { None };
    let (total, mut done) = (bytes_in(&*disk), 0);
    let inventory = Inventory::take(&*disk, &mut |bytes| {
        done += bytes;
        progress(Progress { done: done.min(total), total });
    })?;
    let name = disk.path().display().to_string();
    let Some(plan) = Plan::make(&inventory, &name)? else {
        let newest = inventory.segments.last().map_or(0, |found| found.info.revision);
        let steps = Vec::new();
        return Ok(Repair { steps, revision: newest, seen: newest, backup: None, store: None });
    };
    let (mut backup, mut store) = (None, None);
    if write {
        let copy = backup::copy(&*disk);
        backup = Some(copy.map_err(FileError::io(disk.path(), "make a copy of it"))?);
        carry_out(&disk, &plan)?;
        store = Some(plan.manifest.store);
    }
    let Plan { steps, revision, seen, .. } = plan;
    Ok(Repair { steps, revision, seen, backup, store })
}

/// If this is cut short, the backup is there, and another repair goes on.
fn carry_out(disk: &Arc<dyn Disk>, plan: &Plan) -> Result<(), FileError> {
    let last = recover::open_to_write(&**disk, &plan.last)?;
    for segment in &plan.headers {
        let io = FileError::io(disk.path().join(segment.file()), "write its header");
        let write = |file: Arc<dyn DiskFile>| {
            file.write_all_at(&segment.header(), 0)?;
            file.sync()
        };
        disk.create(&segment.file()).and_then(write).map_err(io)?;
    }
    let path = disk.path().join(plan.last.file());
    recover::put_aside(&**disk, &plan.last, plan.end)?;
    begin(&*last, &plan.last, plan.end)
        .and_then(|_| disk.sync_folder())
        .map_err(FileError::io(path, "write it"))?;
    let io = FileError::io(disk.path().join(MANIFEST), "write it");
    plan.manifest.write(&**disk).map_err(io)?;
    for step in &plan.steps {
        if let Step::Drop { file } = step {
            // What is left the next start removes.
            let _ = disk.remove(file);
        }
    }
    Ok(())
}
