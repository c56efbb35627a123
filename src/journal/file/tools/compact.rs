//! Compaction of a journal while no store is running.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::load::Loaded;
use super::new_journal::cannot_write;
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

/// Report of [`compact`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CompactReport {
    /// The revision of the snapshot.
    pub revision: u64,
    /// The number of entries in the snapshot.
    pub entries: u64,
    /// The size of the journal in bytes before the compaction.
    pub before: u64,
    /// The size of the journal in bytes after the compaction.
    pub after: u64,
}

/// Writes everything as a snapshot that replaces the log, except for `history_bytes` of the newest changes, which are
/// kept for subscribers that resume at older revisions.
///
/// It opens the directory as a start does, so an append that a crash has left incomplete is cut off and saved in a
/// separate file. A running store compacts automatically; see [`Store::compact`](crate::Store::compact).
///
/// # Errors
///
/// If a store has the directory open, if a store could not start from it, or if it cannot be written. Then the log
/// stays as it is.
pub fn compact(
    folder: impl AsRef<Path>,
    history_bytes: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<CompactReport, FileError> {
    let disk = disk(folder.as_ref());
    // The policy in the manifest is kept; the next start sets it.
    let sync = manifest(&*disk)?.sync.parse().unwrap_or(SyncPolicy::Always);
    let meter = Arc::<Meter>::default();
    let mut loaded = Loaded::new();
    let Opened { mut log, catalog, store, _lock } =
        recover(&disk, None, (sync, u64::MAX), &meter, progress, &mut |recovered| {
            loaded.apply(recovered);
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
        // Frees the space, which matters most on a full disk.
        let _ = disk.remove(SNAPSHOT_TEMPORARY);
    }
    // Closed also if the compaction has failed, so that the next start knows that nothing was lost.
    let closed = log.close();
    let entries = written?;
    closed.map_err(|cause| FileError::Impossible(cause.to_string()))?;
    Ok(CompactReport { revision, entries, before, after: meter.stats().bytes })
}

/// Replaces the log by a snapshot. Returns the number of its entries.
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
