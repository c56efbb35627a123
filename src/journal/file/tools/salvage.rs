//! Keeping valid appends behind damage.
//!
//! The longest prefix is a state that the store had; a salvage is not. It begins with the newest good snapshot, takes the
//! entries of damaged snapshots that are newer, and then every append that is whole, in the order of the log. A change
//! is left out if it does not fit what its key is by then: a pop of a list that is not there, because what made it is
//! lost. Appends of another history are left out too. What is written is one snapshot, at the newest revision that
//! anything tells of.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use super::Raw;
use super::inventory::Inventory;
use super::load::Loaded;
use super::new::{begin_segment, cannot_write};
use super::plan::{self, RepairStep, drop_files, last_steps};
use crate::journal::Recovered;
use crate::journal::codec::{Decoder, Unreadable};
use crate::journal::file::SyncPolicy;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::line::{END, ENTRY, Line, Sum, unseal};
use crate::journal::file::manifest::{MANIFEST, Manifest, SnapshotInfo};
use crate::journal::file::replay::{differ, read_snapshot};
use crate::journal::file::scan::{Append, append_at, next_line};
use crate::journal::file::segment::{SegmentInfo, read_header};
use crate::journal::file::snapshot::SnapshotWriter;
use crate::model::{Change, StoreId, Timestamp};

/// What a salvage keeps and misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct SalvageReport {
    /// Changes behind the longest prefix that are kept.
    pub changes: u64,
    /// Changes that are whole, and do not fit what is left of their keys.
    pub unfit: u64,
    /// Revisions after the snapshot that the salvage begins with of which no change is left.
    pub missing: u64,
    /// Changes of another history: of a segment that another store wrote, or another copy of this one.
    pub foreign: u64,
}

/// What is kept, and what it takes.
pub(super) struct Plan {
    pub(super) loaded: Loaded,
    pub(super) salvaged: SalvageReport,
    pub(super) steps: Vec<RepairStep>,
    store: StoreId,
    manifest: Manifest,
}

impl Plan {
    pub(super) fn make(disk: &dyn Disk, inventory: &Inventory) -> Result<Self, FileError> {
        let prefix = plan::Plan::longest_prefix(inventory).map_or(0, |plan| plan.revision);
        let mut salvage =
            Salvage { loaded: Loaded::new(), prefix, counts: SalvageReport::default() };
        let good = inventory.snapshots.iter().rfind(|found| found.problem.is_none());
        let base = good.map_or(0, |found| found.info.revision);
        if let Some(found) = good {
            read_snapshot(disk, &found.info, |_, recovered| {
                salvage.loaded.take(recovered);
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
        loaded.take(Recovered::SnapshotEnd(seen));

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

    /// Write it. Returns the new id of the store. If this is cut short, the backup is there, and another repair goes
    /// on.
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
    /// Take the entries of a damaged snapshot, and the changes that were made while it was written.
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
                // The header, and the end.
                "" | END => {}
                ENTRY => {
                    let (key, entry) = decoder.entry(&line).map_err(unreadable)?;
                    if entry.revision > base && self.loaded.revision_of(&key) < entry.revision {
                        self.loaded.take(Recovered::Entry(key, entry));
                    }
                }
                _ => {
                    let changes: Vec<Change<Raw>> = decoder.changes(&line).map_err(unreadable)?;
                    for change in changes.into_iter().filter(|change| change.revision > base) {
                        // One that does not fit is in the log too, if that is left.
                        self.loaded.take_if_it_fits(change);
                    }
                }
            }
        }
        Ok(())
    }

    /// Take every append that is whole and of this history. Returns how many changes they have after the snapshot.
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
        // What the next append follows; not known in format 1 and behind damage.
        let mut prev = header.as_ref().and_then(|(header, _)| header.prev);
        let mut at = header.map_or(0, |(_, length)| length);
        while let Some(line) = next_line(&bytes, at) {
            let text = &bytes[line.clone()];
            let parsed = unseal(text).and_then(|_| Line::parse(text).ok());
            let before = parsed.map(|line| match line.is_close() {
                true => line.revision(),
                false => line.first_revision().saturating_sub(1),
            });
            let append = before.map(|before| append_at(&bytes, line.start, 0, (before, None)));
            let append = match append {
                Some(Ok(Ok(append))) => append,
                Some(Err((offset, why))) => {
                    return Err(unreadable(disk, name, offset as usize, why));
                }
                Some(Ok(Err(_))) | None => {
                    // Newlines were allocated ahead, and are no damage.
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
            let taken = self.append(&append, base);
            found += taken.map_err(|why| unreadable(disk, name, line.start, why))?;
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
                if !self.loaded.take_if_it_fits(change) {
                    self.counts.unfit += 1;
                } else if revision > self.prefix {
                    self.counts.changes += 1;
                }
            }
        }
        Ok(found)
    }
}

/// All of a file; nothing if it is missing.
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
