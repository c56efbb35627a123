//! Compaction: the store is written as a snapshot, beside everything else, and then takes the place of the
//! log before it.

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

/// How many events travel together, and how many such pieces wait to be written.
const PIECE: usize = 256;
const PIECES: usize = 4;

/// Where the snapshot goes, and what it replaces.
pub(crate) struct Job {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) store: StoreId,
    /// How many bytes of log before the snapshot are kept.
    pub(crate) keep: u64,
    pub(crate) stop: CancellationToken,
    /// How much more log there has to be for the next compaction.
    pub(crate) more: u64,
    /// How large the log has to be for the next compaction.
    pub(crate) not_below: Arc<AtomicU64>,
}

/// Whether the log goes on in another segment, so that the one before it can be removed.
type Rotated = oneshot::Receiver<Result<(), AppendError>>;

type Outcome = Result<CompactionReport, JournalError>;

/// Start a compaction. The task ends with it.
pub(crate) fn start<T>(
    job: Job,
    rotated: Rotated,
    snapshot: Snapshot<T>,
) -> io::Result<(JoinHandle<()>, Compaction)>
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::channel(PIECES);
    let stop = job.stop.clone();
    let (written, outcome) = oneshot::channel();
    let (result, compaction) = Compaction::channel();
    let write = move || {
        let _ = written.send(run(&job, rotated, receiver));
    };
    thread::Builder::new().name("mainspring-compact".into()).spawn(write)?;
    let task = tokio::spawn(async move {
        let fed = stop.run_until_cancelled(feed(snapshot, &sender)).await;
        drop(sender);
        let outcome = match (outcome.await, fed) {
            (Ok(Some(outcome)), _) => outcome,
            (Ok(None), Some(Err(error))) => {
                Err(JournalError::new(format!("the snapshot ended early: {error}")))
            }
            (Ok(None) | Err(_), _) => Err(JournalError::new("the journal was closed meanwhile")),
        };
        // The store may have ended meanwhile.
        let _ = result.send(outcome);
    });
    Ok((task, compaction))
}

/// Do it, and tidy up if it fails. `None` if the snapshot ended before its end.
fn run<T: Serialize + DeserializeOwned>(
    job: &Job,
    rotated: Rotated,
    pieces: mpsc::Receiver<Vec<Event<T>>>,
) -> Option<Outcome> {
    let (started, bytes_before) = (Instant::now(), job.meter.stats().bytes);
    let result = catch_unwind(AssertUnwindSafe(|| compact(job, rotated, pieces)));
    let Job { catalog, meter, more, not_below, .. } = job;
    if let Ok(Ok(Some(revision))) = result {
        // What is left may be all of it, if the next segment could not be begun.
        let left = catalog.sizes().0.saturating_add(*more);
        not_below.store(left, Ordering::Relaxed);
        tracing::info!(revision, took = ?started.elapsed(), "compacted");
        return Some(Ok(CompactionReport::new(revision, bytes_before, meter.stats().bytes)));
    }
    // Above all where there is no room left. The next start removes it if this cannot.
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

/// Hand the snapshot on, until its end.
async fn feed<T: Clone + Send + Sync + 'static>(
    mut snapshot: Snapshot<T>,
    sender: &mpsc::Sender<Vec<Event<T>>>,
) -> Result<(), Error> {
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        let event = snapshot.recv().await?;
        let is_end = matches!(event, Event::SnapshotEnd { .. });
        piece.push(event);
        if is_end || piece.len() == PIECE {
            let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
            // If nothing takes them any more, writing has failed, which has a cause of its own.
            if sender.send(full).await.is_err() || is_end {
                return Ok(());
            }
        }
    }
}

/// Write what comes, and put it in the place of the log before it. Returns its revision; `None` if the snapshot
/// ended before its end.
fn compact<T: Serialize + DeserializeOwned>(
    job: &Job,
    rotated: Rotated,
    mut pieces: mpsc::Receiver<Vec<Event<T>>>,
) -> Result<Option<u64>, JournalError> {
    match rotated.blocking_recv() {
        Ok(Ok(())) => {}
        // It is tried again with the next append. Until then its segment stays, however old.
        Ok(Err(AppendError::Full(cause))) => tracing::warn!(%cause, "the log stays in its segment"),
        Ok(Err(error)) => return Err(JournalError::new(error)),
        Err(_) => return Ok(None),
    }
    let Job { catalog, store, keep, .. } = job;
    let of = |file: &str, action| FileError::io(catalog.disk().path().join(file), action);
    let create = || SnapshotWriter::create(Arc::clone(catalog.disk()), *store);
    let created = catalog.unless_retired(create);
    let mut writer = created.map_err(of(SNAPSHOT_TEMPORARY, "create it"))?.paced();
    let unwritten = |error| match error {
        WriteError::Io(error) => of(SNAPSHOT_TEMPORARY, "write to it")(error).into(),
        WriteError::Unreadable(error) => JournalError::new(error),
    };
    while let Some(piece) = pieces.blocking_recv() {
        for event in &piece {
            match event {
                Event::Entry { key, entry } => writer.entry(key, entry).map_err(unwritten)?,
                Event::SnapshotEnd { revision } => {
                    let folder = || catalog.disk().path();
                    let io = |action| FileError::io(folder(), action);
                    catalog.sync_before_snapshot().map_err(io("sync the log"))?;
                    let prev = catalog.sum_at(*revision).map_err(io("read the log back"))?;
                    let info = catalog.unless_retired(|| writer.finish(*revision, prev));
                    let info = info.map_err(of(SNAPSHOT_TEMPORARY, "complete it"))?;
                    let file = info.file();
                    let installed = catalog.install(info, *keep);
                    installed.map_err(of(&file, "list it in the manifest"))?;
                    return Ok(Some(*revision));
                }
                other => writer.patch(other.changes()).map_err(unwritten)?,
            }
        }
    }
    Ok(None)
}
