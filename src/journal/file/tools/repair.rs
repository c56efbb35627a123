//! Repair of a damaged directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::check::total_file_size;
use super::inventory::{Inventory, ProblemKind, Scope};
use super::load::Loaded;
use super::plan::{RepairPlan, RepairStep, drop_files};
use super::salvage::{SalvagePlan, SalvageReport};
use super::{Raw, backup, disk};
use crate::journal::Recovered;
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::error::{Argument, FileError};
use crate::journal::file::log::begin;
use crate::journal::file::manifest::MANIFEST;
use crate::journal::file::recover;
use crate::journal::file::replay::{Progress, replay};

/// Options of [`repair`].
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
    /// Whether to change the directory. Otherwise the steps are only reported.
    pub write: bool,
    /// Whether to keep intact appends behind damage too, instead of only the longest prefix. The result is not a state
    /// that the store ever had: keys whose changes are lost have older values, and removed keys may reappear.
    pub salvage: bool,
}

impl RepairOptions {
    /// Sets whether to change the directory.
    #[must_use]
    pub fn write(self, write: bool) -> Self {
        Self { write, ..self }
    }

    /// Sets whether to keep intact appends behind damage too.
    #[must_use]
    pub fn salvage(self, salvage: bool) -> Self {
        Self { salvage, ..self }
    }
}

/// Report of [`repair`]: what it would do, or has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// The steps of the repair, in order. Empty if no repair is needed.
    pub steps: Vec<RepairStep>,
    /// The newest revision that is kept. All changes up to it are kept, except for those that a salvage has
    /// [not found](SalvageReport::missing).
    pub revision: u64,
    /// The newest revision that the files or the manifest mention. Changes after [`revision`](Self::revision) are
    /// lost, except for those that can be read in the backup.
    pub seen: u64,
    /// The number of entries of the repaired store.
    pub entries: u64,
    /// What a salvage kept and skipped.
    pub salvaged: Option<SalvageReport>,
    /// The copy of the directory, if the directory was changed.
    pub backup: Option<PathBuf>,
    /// The new id of the store, if the directory was changed.
    pub store: Option<String>,
}

/// Reports what can be kept of a damaged directory, and repairs it if [`write`](RepairOptions::write) is set.
///
/// A repair keeps the longest prefix of the changes that starts at an intact snapshot or at the beginning of the log
/// and belongs to one history, and rebuilds the manifest. If only the header of a segment is damaged, it is restored.
/// With [`salvage`](RepairOptions::salvage), intact appends behind damage are kept too. Before it changes anything, it
/// copies the directory to `<directory>.backup-1`, or the first such name that is free. The store gets a new id, so
/// that no subscriber resumes after a change that is lost.
///
/// # Errors
///
/// If nothing can be kept, if another version wrote something that this version cannot decode, if a store has the
/// directory open, or if it cannot be written.
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
    let (total, mut done) = (2 * total_file_size(&*disk), 0);
    let mut report = |bytes| {
        done += bytes;
        progress(Progress { done: done.min(total), total });
    };
    let listed = Inventory::read(&*disk, Scope::Listed, &mut report)?;
    if let Some((revision, entries)) = state_if_startable(&*disk, &listed)? {
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
    let all = Inventory::read(&*disk, Scope::All, &mut report)?;
    let seen = all.seen();
    let copy = || {
        let copied = options.write.then(|| backup::copy(&*disk)).transpose();
        copied.map_err(FileError::io(disk.path(), "copy the directory"))
    };
    if options.salvage {
        let salvage = SalvagePlan::make(&*disk, &all)?;
        let backup = copy()?;
        let store = options.write.then(|| salvage.carry_out(&disk)).transpose()?;
        let (steps, entries) = (salvage.steps, salvage.loaded.count());
        let salvaged = Some(salvage.salvaged);
        return Ok(RepairReport { steps, revision: seen, seen, entries, salvaged, backup, store });
    }
    let Some(plan) = RepairPlan::longest_prefix(&all) else {
        return Err(FileError::Impossible(format!(
            "{}: nothing can be kept, because no snapshot is intact and the log does not reach back to its beginning; restore \
                         a backup, or run `mainspring journal repair --salvage {}` to see what it would keep",
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
    let RepairPlan { steps, revision, .. } = plan;
    let seen = seen.max(revision);
    Ok(RepairReport { steps, revision, seen, entries, salvaged: None, backup, store })
}

/// Returns the newest revision and the number of entries, if a start succeeds without a repair.
fn state_if_startable(
    disk: &dyn Disk,
    inventory: &Inventory,
) -> Result<Option<(u64, u64)>, FileError> {
    for (file, problem) in inventory.problems() {
        if problem.kind == ProblemKind::Unreadable {
            return Err(FileError::Impossible(format!(
                "{}: the data at byte {} is intact, but this version cannot decode it ({}); nothing is repaired: use the \
                                 version of mainspring that wrote it",
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
        loaded.apply(recovered);
        Ok(())
    });
    match replayed {
        Ok(replayed) => Ok(Some((replayed.revision, loaded.count()))),
        // The files are intact, but do not belong together.
        Err(FileError::Damaged { .. } | FileError::Manifest { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Counts the entries that a start will find.
fn entries_of(disk: &dyn Disk, plan: &RepairPlan) -> Result<u64, FileError> {
    let mut loaded = Loaded::new();
    let apply = |recovered: Recovered<Raw>| loaded.apply(recovered);
    plan.load(disk, apply)?;
    Ok(loaded.count())
}

/// Executes a plan. If this is interrupted, the backup exists, and another repair completes the work.
fn carry_out(disk: &Arc<dyn Disk>, plan: &RepairPlan) -> Result<(), FileError> {
    let last = recover::open_to_write(&**disk, &plan.last)?;
    for segment in &plan.headers {
        let io = FileError::io(disk.path().join(segment.file()), "write the header");
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
