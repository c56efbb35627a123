//! Compaction: writes the store as a snapshot beside the log, then replaces the older part of the log by it.
//!
//! A task reads the [`Snapshot`] and sends chunks of events to a dedicated thread, which encodes and writes them. The
//! channel between them is short, so a slow disk slows the walk down instead of filling the memory.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::catalog::Catalog;
use super::error::FileError;
use super::manifest::SNAPSHOT_TEMPORARY;
use super::snapshot::{SnapshotWriter, WriteError};
use crate::journal::Snapshot;
use crate::journal::{AppendError, Compaction, CompactionReport, JournalError, Meter};
use crate::model::{Error, Event, StoreId, panics};

/// The size of the chunks in which events are sent to the thread, and how many chunks are buffered.
const CHUNK: usize = 256;
const CHUNKS: usize = 4;

/// The parameters of a compaction.
pub(crate) struct Job {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) store: StoreId,
    /// How many bytes of the log before the snapshot are kept as history.
    pub(crate) keep: u64,
    pub(crate) stop: CancellationToken,
    /// By how much the log must grow until the next automatic compaction.
    pub(crate) growth: u64,
    /// The size of the log that triggers the next automatic compaction.
    pub(crate) compact_at: Arc<AtomicU64>,
}

/// The result of the rotation that precedes a compaction, so that the segments before it can be removed.
type Rotated = oneshot::Receiver<Result<(), AppendError>>;

type CompactionResult = Result<CompactionReport, JournalError>;

/// Starts a compaction. The returned task ends when the compaction does.
pub(crate) fn start<T>(
    job: Job,
    rotated: Rotated,
    snapshot: Snapshot<T>,
) -> io::Result<(JoinHandle<()>, Compaction)>
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::channel(CHUNKS);
    let stop = job.stop.clone();
    let (result_sender, written) = oneshot::channel();
    let (result, compaction) = Compaction::channel();
    let write = move || {
        let _ = result_sender.send(run(&job, rotated, receiver));
    };
    thread::Builder::new().name("mainspring-compact".into()).spawn(write)?;
    let task = tokio::spawn(async move {
        let fed = stop.run_until_cancelled(feed(snapshot, &sender)).await;
        drop(sender);
        let outcome = match (written.await, fed) {
            (Ok(Some(outcome)), _) => outcome,
            (Ok(None), Some(Err(error))) => {
                Err(JournalError::new(format!("the snapshot is incomplete: {error}")))
            }
            (Ok(None) | Err(_), _) => {
                Err(JournalError::new("the journal was closed during the compaction"))
            }
        };
        // Fails if the store has ended.
        let _ = result.send(outcome);
    });
    Ok((task, compaction))
}

/// Runs the compaction, and removes the temporary file if it fails. Returns `None` if the snapshot was incomplete.
fn run<T: Serialize + DeserializeOwned>(
    job: &Job,
    rotated: Rotated,
    chunks: mpsc::Receiver<Vec<Event<T>>>,
) -> Option<CompactionResult> {
    let (started, bytes_before) = (Instant::now(), job.meter.stats().bytes);
    let result = catch_unwind(AssertUnwindSafe(|| compact(job, rotated, chunks)));
    let Job { catalog, meter, growth, compact_at, .. } = job;
    if let Ok(Ok(Some(revision))) = result {
        // The remaining log may be all of it, if the next segment could not be created.
        let remaining = catalog.sizes().0;
        compact_at.store(remaining.saturating_add(*growth), Ordering::Relaxed);
        tracing::info!(revision, took = ?started.elapsed(), "compacted");
        return Some(Ok(CompactionReport::new(revision, bytes_before, meter.stats().bytes)));
    }
    // Frees the space, which matters most on a full disk. If this fails, the next start removes the file.
    let _ = catalog.unless_retired(|| catalog.disk().remove(SNAPSHOT_TEMPORARY));
    match result {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(Err(error)),
        Err(panic) => {
            let panic = panics::message(&*panic);
            Some(Err(JournalError::new(format!("writing the snapshot panicked: {panic}"))))
        }
    }
}

/// Sends the events of the snapshot to the thread, up to its end.
async fn feed<T: Clone + Send + Sync + 'static>(
    mut snapshot: Snapshot<T>,
    sender: &mpsc::Sender<Vec<Event<T>>>,
) -> Result<(), Error> {
    let mut chunk = Vec::with_capacity(CHUNK);
    loop {
        let event = snapshot.recv().await?;
        let is_end = matches!(event, Event::SnapshotEnd { .. });
        chunk.push(event);
        if is_end || chunk.len() == CHUNK {
            let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK));
            // If the receiver is gone, writing has failed, and its error is reported instead.
            if sender.send(full).await.is_err() || is_end {
                return Ok(());
            }
        }
    }
}

/// Writes the events as a snapshot and installs it. Returns its revision, or `None` if the snapshot was incomplete.
fn compact<T: Serialize + DeserializeOwned>(
    job: &Job,
    rotated: Rotated,
    mut chunks: mpsc::Receiver<Vec<Event<T>>>,
) -> Result<Option<u64>, JournalError> {
    match rotated.blocking_recv() {
        Ok(Ok(())) => {}
        // The next append tries again to rotate. Until then the current segment stays, and with it its old changes.
        Ok(Err(AppendError::Full(cause))) => {
            tracing::warn!(%cause, "cannot begin a new segment; the compaction keeps the current one");
        }
        Ok(Err(error)) => return Err(JournalError::new(error)),
        Err(_) => return Ok(None),
    }
    let Job { catalog, store, keep, .. } = job;
    let io_of = |file: &str, action| FileError::io(catalog.disk().path().join(file), action);
    let create = || SnapshotWriter::create(Arc::clone(catalog.disk()), *store);
    let created = catalog.unless_retired(create);
    let mut writer = created.map_err(io_of(SNAPSHOT_TEMPORARY, "create"))?.throttled();
    let unwritten = |error| match error {
        WriteError::Io(error) => io_of(SNAPSHOT_TEMPORARY, "write")(error).into(),
        WriteError::Unreadable(error) => JournalError::new(error),
    };
    while let Some(chunk) = chunks.blocking_recv() {
        for event in &chunk {
            match event {
                Event::Entry { key, entry } => writer.entry(key, entry).map_err(unwritten)?,
                Event::SnapshotEnd { revision } => {
                    let folder = || catalog.disk().path();
                    let io = |action| FileError::io(folder(), action);
                    catalog.sync_before_snapshot().map_err(io("sync the log"))?;
                    let prev = catalog.sum_at(*revision).map_err(io("read the log back"))?;
                    let info = catalog.unless_retired(|| writer.finish(*revision, prev));
                    let info = info.map_err(io_of(SNAPSHOT_TEMPORARY, "complete"))?;
                    let file = info.file();
                    let installed = catalog.install(info, *keep);
                    installed.map_err(io_of(&file, "list in the manifest"))?;
                    return Ok(Some(*revision));
                }
                other => writer.patch(other.changes()).map_err(unwritten)?,
            }
        }
    }
    Ok(None)
}
