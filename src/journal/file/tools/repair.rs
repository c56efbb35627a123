//! Keeping what can be kept of a damaged directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::check::bytes_in;
use super::inventory::{Inventory, ProblemKind, Scope};
use super::load::Loaded;
use super::plan::{Plan, RepairStep, drop_files};
use super::salvage::{self, SalvageReport};
use super::{Raw, backup, disk};
use crate::journal::Recovered;
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::error::{Argument, FileError};
use crate::journal::file::log::begin;
use crate::journal::file::manifest::MANIFEST;
use crate::journal::file::recover;
use crate::journal::file::replay::{Progress, replay};

/// How to [`repair`].
///
/// # Examples
///
/// ```
/// use mainspring::journal::file::tools::RepairOptions;
///
/// let options = RepairOptions::default().write(true);
/// assert!(options.write && !options.salvage);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct RepairOptions {
    /// Do it, rather than say what would be done.
    pub write: bool,
    /// Keep valid appends behind damage too, rather than the longest prefix. The result is not a state that the store
    /// ever had: keys that changed in what is lost have older values, or are back.
    pub salvage: bool,
}

impl RepairOptions {
    /// Whether to do it.
    #[must_use]
    pub fn write(self, write: bool) -> Self {
        Self { write, ..self }
    }

    /// Whether to keep valid appends behind damage too.
    #[must_use]
    pub fn salvage(self, salvage: bool) -> Self {
        Self { salvage, ..self }
    }
}

/// What [`repair`] would do, or has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// What it takes, in order. Empty if a start would do without a repair.
    pub steps: Vec<RepairStep>,
    /// The newest revision that is kept. Changes up to it are kept, but for those that a salvage
    /// [misses](SalvageReport::missing).
    pub revision: u64,
    /// The newest revision that the files or the manifest tell of. Changes after [`revision`](Self::revision) are
    /// lost, but for what of them is in the backup.
    pub seen: u64,
    /// How many entries the repaired store has.
    pub entries: u64,
    /// What a salvage kept and missed.
    pub salvaged: Option<SalvageReport>,
    /// Where the directory was copied to, if it was written to.
    pub backup: Option<PathBuf>,
    /// The new id of the store, if it was written to.
    pub store: Option<String>,
}

/// Say what can be kept of a damaged directory, and if [`write`](RepairOptions::write) is set, do it.
///
/// It keeps the longest prefix of the changes that begins at a good snapshot or at the very beginning and is of one
/// history, and rebuilds the manifest. The header of a segment is written anew where that alone is damaged. With
/// [`salvage`](RepairOptions::salvage) it also keeps the valid appends behind damage. Before it writes it copies the
/// directory to `<directory>.backup-1`, or the first such name that is free. The store gets a new id, so that no
/// subscriber goes on from a change that is lost.
///
/// # Errors
///
/// If nothing can be kept, if something was written by another version in a format that this one cannot read, if a
/// store has the directory open, or if it cannot be written to.
pub fn repair(
    folder: impl AsRef<Path>,
    options: RepairOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<RepairReport, FileError> {
    let disk = disk(folder.as_ref());
    if !disk.path().is_dir() {
        return Err(FileError::Missing { path: disk.path() });
    }
    let _lock = if options.write { Some(recover::lock(&*disk)?) } else { None };
    let (total, mut done) = (2 * bytes_in(&*disk), 0);
    let mut show = |bytes| {
        done += bytes;
        progress(Progress { done: done.min(total), total });
    };
    let listed = Inventory::take(&*disk, Scope::Listed, &mut show)?;
    if let Some((revision, entries)) = needs_none(&*disk, &listed)? {
        let (steps, salvaged, backup, store) = (Vec::new(), None, None, None);
        return Ok(RepairReport {
            steps,
            revision,
            seen: revision,
            entries,
            salvaged,
            backup,
            store,
        });
    }
    // The manifest may be older than the files beside it.
    let all = Inventory::take(&*disk, Scope::All, &mut show)?;
    let seen = all.seen();
    let copy = || {
        let copied = options.write.then(|| backup::copy(&*disk)).transpose();
        copied.map_err(FileError::io(disk.path(), "copy the directory"))
    };
    if options.salvage {
        let salvage = salvage::Plan::make(&*disk, &all)?;
        let backup = copy()?;
        let store = options.write.then(|| salvage.carry_out(&disk)).transpose()?;
        let (steps, entries) = (salvage.steps, salvage.loaded.count());
        let salvaged = Some(salvage.salvaged);
        return Ok(RepairReport { steps, revision: seen, seen, entries, salvaged, backup, store });
    }
    let Some(plan) = Plan::longest_prefix(&all) else {
        return Err(FileError::Impossible(format!(
            "{}: nothing can be kept: no snapshot is good, and the log does not reach back to the beginning: restore a \
             backup, or see what `mainspring journal repair --salvage {}` would keep",
            disk.path().display(),
            Argument(&disk.path())
        )));
    };
    let entries = entries_of(&*disk, &plan)?;
    let (mut backup, mut store) = (None, None);
    if options.write {
        backup = copy()?;
        carry_out(&disk, &plan)?;
        store = Some(plan.manifest.store);
    }
    let Plan { steps, revision, .. } = plan;
    let seen = seen.max(revision);
    Ok(RepairReport { steps, revision, seen, entries, salvaged: None, backup, store })
}

/// The newest revision and the number of entries, if nothing is wrong but what a start puts right by itself.
fn needs_none(disk: &dyn Disk, inventory: &Inventory) -> Result<Option<(u64, u64)>, FileError> {
    for (file, problem) in inventory.problems() {
        if problem.kind == ProblemKind::Unreadable {
            return Err(FileError::Impossible(format!(
                "{}: what is at byte {} is whole, and this version cannot read it ({}): nothing is repaired, use the \
                 version that wrote it",
                disk.path().join(file).display(),
                problem.offset,
                problem.what
            )));
        }
    }
    let Some(manifest) = &inventory.manifest else { return Ok(None) };
    if inventory.problems().any(|(_, problem)| problem.kind != ProblemKind::Torn) {
        return Ok(None);
    }
    let mut loaded = Loaded::new();
    let replayed = replay::<Raw>(disk, manifest, &mut |_| {}, &mut |recovered| {
        loaded.take(recovered);
        Ok(())
    });
    match replayed {
        Ok(replayed) => Ok(Some((replayed.revision, loaded.count()))),
        // Each file by itself is good, and together they are not.
        Err(FileError::Damaged { .. } | FileError::Manifest { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How many entries a start will find.
fn entries_of(disk: &dyn Disk, plan: &Plan) -> Result<u64, FileError> {
    let mut loaded = Loaded::new();
    let take = |recovered: Recovered<Raw>| loaded.take(recovered);
    plan.load(disk, take)?;
    Ok(loaded.count())
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
    recover::save_cut(&**disk, &plan.last, plan.end)?;
    begin(&*last, &plan.last, plan.end)
        .and_then(|_| disk.sync_folder())
        .map_err(FileError::io(path, "write"))?;
    let io = FileError::io(disk.path().join(MANIFEST), "write");
    plan.manifest.write(&**disk).map_err(io)?;
    drop_files(&**disk, &plan.steps)
}
