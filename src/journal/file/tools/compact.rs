//! A snapshot in the place of the log, while no store is running.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::load::Loaded;
use super::new::cannot_write;
use super::{disk, manifest};
use crate::journal::Meter;
use crate::journal::file::SyncPolicy;
use crate::journal::file::catalog::Catalog;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::log::Log;
use crate::journal::file::manifest::SNAPSHOT_TEMPORARY;
use crate::journal::file::recover::{Opened, recover};
use crate::journal::file::replay::Progress;
use crate::journal::file::snapshot::SnapshotWriter;
use crate::model::{StoreId, Timestamp};

/// What [`compact`] has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CompactReport {
    /// The revision of the snapshot.
    pub revision: u64,
    /// How many entries it has.
    pub entries: u64,
    /// The bytes of the journal before.
    pub before: u64,
    /// And after.
    pub after: u64,
}

/// Write everything as a snapshot, which takes the place of the log, but for so many bytes of the newest
/// changes that are kept for those who ask for them.
///
/// Needs the folder for itself, and opens it as a start does: what a crash has left incomplete is put aside. A
/// running store compacts by itself: see [`Store::compact`](crate::Store::compact).
///
/// # Errors
///
/// If a store has it open, if a start would refuse it, or if it cannot be written to. Then the log stays.
pub fn compact(
    folder: impl AsRef<Path>,
    history_bytes: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<CompactReport, FileError> {
    let disk = disk(folder.as_ref());
    // How it is synced is for the next start to say: until then it stays as it was.
    let sync = manifest(&*disk)?.sync.parse().unwrap_or(SyncPolicy::Always);
    let meter = Arc::<Meter>::default();
    let mut loaded = Loaded::new();
    let Opened { mut log, catalog, store, _lock } =
        recover(&disk, None, (sync, u64::MAX), &meter, progress, &mut |recovered| {
            loaded.take(recovered);
            Ok(())
        })?;
    let before = meter.stats().bytes;
    let revision = loaded.revision();
    let written = if revision > 0 {
        write(&disk, (&mut log, &catalog), store, &loaded, history_bytes)
    } else {
        Ok(0)
    };
    if written.is_err() {
        // Above all where there is no room left.
        let _ = disk.remove(SNAPSHOT_TEMPORARY);
    }
    // Also if it stays as it was: nothing is lost.
    let closed = log.close();
    let entries = written?;
    closed.map_err(|cause| FileError::Impossible(cause.to_string()))?;
    Ok(CompactReport { revision, entries, before, after: meter.stats().bytes })
}

/// A snapshot of everything, in the place of the log. Answers the number of its entries.
fn write(
    disk: &Arc<dyn Disk>,
    (log, catalog): (&mut Log, &Catalog),
    store: StoreId,
    loaded: &Loaded,
    history_bytes: u64,
) -> Result<u64, FileError> {
    let path = disk.path();
    let io = |action| FileError::io(path.clone(), action);
    log.rotate().map_err(|error| FileError::Impossible(error.to_string()))?;
    let mut writer =
        SnapshotWriter::create(Arc::clone(disk), store).map_err(io("write a snapshot"))?;
    let (mut entries, mut written) = (0, Ok(()));
    loaded.each(Timestamp::from_nanos(0), |key, entry| {
        entries += 1;
        written = writer.entry(key, entry).map_err(|error| cannot_write(&**disk, error));
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    written?;
    let prev = catalog.sum_at(loaded.revision()).map_err(io("read back the log"))?;
    let snapshot = writer.finish(loaded.revision(), prev).map_err(io("write a snapshot"))?;
    catalog.install(snapshot, history_bytes).map_err(io("write the manifest"))?;
    Ok(entries)
}
