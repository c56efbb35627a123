//! Keeping valid appends behind damage.
//!
//! The longest prefix is a state that the store had; a salvage is not. It begins with the newest good snapshot, takes the
//! entries of damaged snapshots that are newer, and then every append that is whole, in the order of the log. A change
//! is left out if it does not fit what its key is by then: a pop of a list that is not there, because what made it is
//! lost. What is written is one snapshot, at the newest revision that anything tells of.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::Serialize;

use super::Raw;
use super::inventory::Inventory;
use super::load::Loaded;
use super::new::{begin_segment, cannot_write};
use super::plan::{self, Step, last_steps};
use super::repair::drop_files;
use crate::journal::Recovered;
use crate::journal::file::Sync;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::line::{Codec, ENTRY, Line, Sum, Unreadable, unseal};
use crate::journal::file::manifest::{MANIFEST, Manifest, SnapshotInfo};
use crate::journal::file::replay::read_snapshot;
use crate::journal::file::scan::{Append, append_at, next_line};
use crate::journal::file::segment::SegmentInfo;
use crate::journal::file::snapshot::SnapshotWriter;
use crate::{Change, StoreId, Timestamp};

/// What a salvage keeps and misses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Salvaged {
    /// Changes behind the longest prefix that are kept.
    pub changes: u64,
    /// Changes that are whole, and do not fit what is left of their keys.
    pub unfit: u64,
    /// Revisions after the snapshot that the salvage begins with of which no change is left.
    pub missing: u64,
}

/// What is kept, and what it takes.
pub(super) struct Plan {
    pub(super) loaded: Loaded,
    pub(super) salvaged: Salvaged,
    pub(super) steps: Vec<Step>,
    store: StoreId,
    manifest: Manifest,
}

impl Plan {
    pub(super) fn make(disk: &dyn Disk, inventory: &Inventory) -> Result<Self, FileError> {
        let prefix = plan::Plan::longest_prefix(inventory).map_or(0, |plan| plan.revision);
        let mut salvage = Salvage { loaded: Loaded::new(), prefix, counts: Salvaged::default() };
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
            found += salvage.segment(disk, &segment.name, base)?;
        }
        let seen = inventory.seen();
        salvage.counts.missing = seen.saturating_sub(base).saturating_sub(found);
        let Salvage { mut loaded, counts, .. } = salvage;
        loaded.take(Recovered::SnapshotEnd(seen));

        let store = StoreId::random();
        let prev = Sum::of_store(store);
        let segment = SegmentInfo::new(seen, store, prev);
        let snapshot = SnapshotInfo { revision: seen, bytes: 0, prev: Some(prev) };
        let mut steps =
            vec![Step::Snapshot { file: snapshot.file() }, Step::Begin { file: segment.file() }];
        let sync = inventory.manifest.as_ref().map(|manifest| manifest.sync.clone());
        let sync = sync.unwrap_or_else(|| Sync::Always.to_string());
        let manifest = Manifest::new(store, sync, Some(snapshot), segment);
        steps.extend(last_steps(inventory, &manifest));
        Ok(Self { loaded, salvaged: counts, steps, store, manifest })
    }

    /// Write it. Returns the new id of the store. If this is cut short, the backup is there, and another repair goes
    /// on.
    pub(super) fn carry_out(&self, disk: &Arc<dyn Disk>) -> Result<String, FileError> {
        let path = disk.path();
        let io = |action| FileError::io(path.clone(), action);
        let mut writer = SnapshotWriter::create(Arc::clone(disk), self.store)
            .map_err(io("write a snapshot to it"))?;
        let mut written = Ok(());
        self.loaded.each(Timestamp::from_nanos(0), |key, entry| {
            written = writer.entry(key, entry).map_err(|error| cannot_write(&**disk, error));
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        written?;
        let prev = Some(Sum::of_store(self.store));
        let snapshot = writer.finish(self.loaded.revision(), prev);
        let mut manifest = self.manifest.clone();
        manifest.snapshots = vec![snapshot.map_err(io("write a snapshot to it"))?];
        for segment in &manifest.segments {
            begin_segment(&**disk, segment.clone())?;
        }
        manifest.write(&**disk).map_err(FileError::io(path.join(MANIFEST), "write it"))?;
        drop_files(&**disk, &self.steps);
        Ok(manifest.store)
    }
}

struct Salvage {
    loaded: Loaded,
    /// The newest revision of the longest prefix.
    prefix: u64,
    counts: Salvaged,
}

impl Salvage {
    /// Take the entries of a damaged snapshot, and the changes that follow them there.
    fn snapshot(&mut self, disk: &dyn Disk, name: &str, base: u64) -> Result<(), FileError> {
        let bytes = read(disk, name)?;
        let mut codec = Codec::default();
        let mut at = 0;
        while let Some(line) = next_line(&bytes, at) {
            let text = &bytes[line.clone()];
            at = line.end + 1;
            if unseal(text).is_none() {
                continue;
            }
            let line = Line::parse(text).map_err(|why| unreadable(disk, name, at, why))?;
            if line.record == ENTRY {
                let read = codec.read_entry(&line);
                let (key, entry) = read.map_err(|why| unreadable(disk, name, at, why))?;
                if entry.revision > base && self.loaded.revision_of(&key) < entry.revision {
                    self.loaded.take(Recovered::Entry(key, entry));
                }
            }
        }
        Ok(())
    }

    /// Take every append that is whole. Returns how many changes they have after the snapshot.
    fn segment(&mut self, disk: &dyn Disk, name: &str, base: u64) -> Result<u64, FileError> {
        let bytes = read(disk, name)?;
        let mut codec = Codec::default();
        let (mut at, mut found) = (0, 0);
        while let Some(line) = next_line(&bytes, at) {
            let text = &bytes[line.clone()];
            let next = line.end + 1;
            let parsed = unseal(text).and_then(|_| Line::parse(text).ok());
            let before = parsed.map(|line| match line.is_close() {
                true => line.revision,
                false => line.first_revision().saturating_sub(1),
            });
            let append = before.map(|before| append_at(&bytes, line.start, 0, (before, None)));
            at = match append {
                Some(Ok(Ok(append))) => {
                    found += self
                        .append(&append, base, &mut codec)
                        .map_err(|why| unreadable(disk, name, line.start, why))?;
                    append.next
                }
                Some(Err((offset, why))) => {
                    return Err(unreadable(disk, name, offset as usize, why));
                }
                Some(Ok(Err(_))) | None => next,
            };
        }
        Ok(found)
    }

    fn append(
        &mut self,
        append: &Append<'_>,
        base: u64,
        codec: &mut Codec,
    ) -> Result<u64, Unreadable> {
        let mut found = 0;
        for (_, line) in append.lines.iter().filter(|(_, line)| !line.is_close()) {
            let changes: Vec<Change<Raw>> = codec.read_changes(line)?;
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
        Err(error) => Err(FileError::io(disk.path().join(name), "read it")(error)),
    }
}

fn unreadable(disk: &dyn Disk, name: &str, offset: usize, why: Unreadable) -> FileError {
    let Unreadable(why) = why;
    FileError::Unreadable { path: disk.path().join(name), offset: offset as u64, why }
}
