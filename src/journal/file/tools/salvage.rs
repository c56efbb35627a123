//! Salvage: keeps intact appends behind damage.
//!
//! The longest intact prefix is a state that the store once had; the result of a salvage is not. It starts with the
//! newest intact snapshot, adds the entries of newer damaged snapshots, and then applies every intact append in the
//! order of the log. A change that does not fit the current state of its key is skipped, for example a pop from a list
//! whose creation is lost. Appends of another history are skipped too. The result is written as one snapshot, at the
//! newest revision that any file mentions.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use super::Raw;
use super::inventory::Inventory;
use super::load::Loaded;
use super::new_journal::{begin_segment, cannot_write};
use super::plan::{RepairPlan, RepairStep, drop_files, last_steps};
use crate::journal::Recovered;
use crate::journal::codec::{Decoder, Unreadable};
use crate::journal::file::SyncPolicy;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::line::{END, ENTRY, Line, Sum, unseal};
use crate::journal::file::manifest::{MANIFEST, Manifest, SnapshotInfo};
use crate::journal::file::replay::{differ, read_snapshot};
use crate::journal::file::scan::{Append, next_line, parse_append_at};
use crate::journal::file::segment::{SegmentInfo, read_header};
use crate::journal::file::snapshot::SnapshotWriter;
use crate::model::{Change, StoreId, Timestamp};

/// Report of a salvage: what it kept and skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Number of changes behind the longest prefix that are kept.
    pub changes: u64,
    /// Number of intact changes that do not fit the state of their keys.
    pub unfit: u64,
    /// Number of revisions after the first snapshot for which no change was found.
    pub missing: u64,
    /// Number of changes of another history: in a segment of another store, or of a diverged copy of this one.
    pub foreign: u64,
}

/// What a salvage keeps, and its steps.
pub(super) struct SalvagePlan {
    pub(super) loaded: Loaded,
    pub(super) salvaged: SalvageReport,
    pub(super) steps: Vec<RepairStep>,
    store: StoreId,
    manifest: Manifest,
}

impl SalvagePlan {
    pub(super) fn make(disk: &dyn Disk, inventory: &Inventory) -> Result<Self, FileError> {
        let prefix = RepairPlan::longest_prefix(inventory).map_or(0, |plan| plan.revision);
        let mut salvage =
            Salvage { loaded: Loaded::new(), prefix, counts: SalvageReport::default() };
        let intact = inventory.snapshots.iter().rfind(|found| found.problem.is_none());
        let base = intact.map_or(0, |found| found.info.revision);
        if let Some(found) = intact {
            read_snapshot(disk, &found.info, |_, recovered| {
                salvage.loaded.apply(recovered);
                Ok(())
            })?;
        }
        for found in inventory.snapshots.iter().filter(|found| found.info.revision > base) {
            salvage.snapshot(disk, &found.name, base)?;
        }
        let mut found = 0;
        for segment in &inventory.segments {
            found += salvage.segment(disk, &segment.info.info, base)?;
        }
        let seen = inventory.seen();
        salvage.counts.missing = seen.saturating_sub(base).saturating_sub(found);
        let Salvage { mut loaded, counts, .. } = salvage;
        loaded.apply(Recovered::SnapshotEnd(seen));

        let store = StoreId::random();
        let prev = Sum::of_store(store);
        let segment = SegmentInfo::new(seen, store, prev);
        let snapshot = SnapshotInfo { revision: seen, bytes: 0, prev: Some(prev) };
        let mut steps = vec![
            RepairStep::Snapshot { file: snapshot.file() },
            RepairStep::Begin { file: segment.file() },
        ];
        let sync = inventory.manifest.as_ref().map(|manifest| manifest.sync.clone());
        let sync = sync.unwrap_or_else(|| SyncPolicy::Always.to_string());
        let manifest = Manifest::new(store, sync, Some(snapshot), segment);
        steps.extend(last_steps(inventory, &manifest));
        Ok(Self { loaded, salvaged: counts, steps, store, manifest })
    }

    /// Executes the steps. Returns the new id of the store. If this is interrupted, the backup exists, and another
    /// repair completes the work.
    pub(super) fn carry_out(&self, disk: &Arc<dyn Disk>) -> Result<String, FileError> {
        let path = disk.path();
        let io = |action| FileError::io(path.clone(), action);
        let mut writer =
            SnapshotWriter::create(Arc::clone(disk), self.store).map_err(io("write a snapshot"))?;
        let mut written = Ok(());
        self.loaded.each(Timestamp::from_nanos(0), |key, entry| {
            written = writer.entry(key, entry).map_err(|error| cannot_write(&**disk, error));
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written?;
        let prev = Some(Sum::of_store(self.store));
        let snapshot = writer.finish(self.loaded.revision(), prev);
        let mut manifest = self.manifest.clone();
        manifest.snapshots = vec![snapshot.map_err(io("write a snapshot"))?];
        for segment in &manifest.segments {
            begin_segment(&**disk, segment.clone())?;
        }
        manifest.write(&**disk).map_err(FileError::io(path.join(MANIFEST), "write"))?;
        drop_files(&**disk, &self.steps)?;
        Ok(manifest.store)
    }
}

struct Salvage {
    loaded: Loaded,
    /// The newest revision of the longest prefix.
    prefix: u64,
    counts: SalvageReport,
}

impl Salvage {
    /// Adds the intact entries of a damaged snapshot, and the changes that were made while it was written.
    fn snapshot(&mut self, disk: &dyn Disk, name: &str, base: u64) -> Result<(), FileError> {
        let bytes = read(disk, name)?;
        let mut decoder = Decoder::default();
        let mut at = 0;
        while let Some(line) = next_line(&bytes, at) {
            at = line.end + 1;
            let text = &bytes[line.clone()];
            if unseal(text).is_none() {
                continue;
            }
            let unreadable = |why| unreadable(disk, name, line.start, why);
            let line = Line::parse(text).map_err(unreadable)?;
            match &*line.name {
                // The header and the end have no data.
                "" | END => {}
                ENTRY => {
                    let (key, entry) = decoder.entry(&line).map_err(unreadable)?;
                    if entry.revision > base && self.loaded.revision_of(&key) < entry.revision {
                        self.loaded.apply(Recovered::Entry(key, entry));
                    }
                }
                _ => {
                    let changes: Vec<Change<Raw>> = decoder.changes(&line).map_err(unreadable)?;
                    for change in changes.into_iter().filter(|change| change.revision > base) {
                        // A change that does not fit is applied later from the log, if it is intact there.
                        self.loaded.apply_if_it_fits(change);
                    }
                }
            }
        }
        Ok(())
    }

    /// Applies every intact append of this history. Returns the number of its changes after the snapshot.
    fn segment(
        &mut self,
        disk: &dyn Disk,
        info: &SegmentInfo,
        base: u64,
    ) -> Result<u64, FileError> {
        let name = &info.file();
        let bytes = read(disk, name)?;
        let header = read_header(&bytes).map_err(|why| unreadable(disk, name, 0, why))?;
        let is_foreign = header.as_ref().is_some_and(|(found, _)| !info.has_header(found));
        let mut found = 0;
        // The checksum that the next append must follow; unknown in format 1 and behind damage.
        let mut prev = header.as_ref().and_then(|(header, _)| header.prev);
        let mut at = header.map_or(0, |(_, length)| length);
        while let Some(line) = next_line(&bytes, at) {
            let text = &bytes[line.clone()];
            let parsed = unseal(text).and_then(|_| Line::parse(text).ok());
            let before = parsed.map(|line| match line.is_close() {
                true => line.revision(),
                false => line.first_revision().saturating_sub(1),
            });
            let append =
                before.map(|before| parse_append_at(&bytes, line.start, 0, (before, None)));
            let append = match append {
                Some(Ok(Ok(append))) => append,
                Some(Err((offset, why))) => {
                    return Err(unreadable(disk, name, offset as usize, why));
                }
                Some(Ok(Err(_))) | None => {
                    // Preallocated newlines are not damage.
                    prev = prev.filter(|_| line.is_empty());
                    at = line.end + 1;
                    continue;
                }
            };
            at = append.next;
            let follows = append.lines.first().and_then(|(_, line)| line.extra.prev);
            if is_foreign || differ(prev, follows) {
                self.counts.foreign += append.changes();
                continue;
            }
            if !append.is_close() {
                prev = follows.and(Some(append.sum));
            }
            let applied = self.append(&append, base);
            found += applied.map_err(|why| unreadable(disk, name, line.start, why))?;
        }
        Ok(found)
    }

    fn append(&mut self, append: &Append<'_>, base: u64) -> Result<u64, Unreadable> {
        let (mut decoder, mut found) = (Decoder::default(), 0);
        for (_, line) in append.lines.iter().filter(|(_, line)| !line.is_close()) {
            let changes: Vec<Change<Raw>> = decoder.changes(line)?;
            for change in changes.into_iter().filter(|change| change.revision > base) {
                found += 1;
                let revision = change.revision;
                if !self.loaded.apply_if_it_fits(change) {
                    self.counts.unfit += 1;
                } else if revision > self.prefix {
                    self.counts.changes += 1;
                }
            }
        }
        Ok(found)
    }
}

/// Reads a file; returns nothing if it is missing.
fn read(disk: &dyn Disk, name: &str) -> Result<Vec<u8>, FileError> {
    match disk.open(name).and_then(|file| file.read_all()) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(FileError::io(disk.path().join(name), "read")(error)),
    }
}

fn unreadable(disk: &dyn Disk, name: &str, offset: usize, why: Unreadable) -> FileError {
    FileError::unreadable(disk.path().join(name), offset as u64)(why)
}
