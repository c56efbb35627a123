//! Compaction: the store is written as a snapshot, beside everything else, and then takes the place of the
//! log before it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::catalog::Catalog;
use super::manifest::SNAPSHOT_TEMPORARY;
use super::snapshot::{SnapshotWriter, WriteError};
use crate::journal::Meter;
use crate::panics;
use crate::{Event, StoreId, Subscription};

/// How many events travel together, and how many such pieces wait to be written.
const PIECE: usize = 256;
const PIECES: usize = 4;

/// Where the snapshot goes, and what it replaces.
pub(crate) struct Compaction {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) store: StoreId,
    /// How many bytes of log before the snapshot are kept.
    pub(crate) keep: u64,
    pub(crate) stop: CancellationToken,
    /// How much more log there has to be for the next one.
    pub(crate) more: u64,
    /// How large the log has to be for the next one.
    pub(crate) not_below: Arc<AtomicU64>,
    /// Whether one is under way: what it writes is its own until then.
    pub(crate) is_running: Arc<AtomicBool>,
}

/// Start it. What is answered ends with it.
pub(crate) fn start<T>(
    compaction: Compaction,
    snapshot: Subscription<T>,
) -> std::io::Result<tokio::task::JoinHandle<()>>
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    let (sender, receiver) = mpsc::channel(PIECES);
    let stop = compaction.stop.clone();
    let (done, is_done) = tokio::sync::oneshot::channel();
    let write = move || {
        let started = std::time::Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| compact(&compaction, receiver)));
        let catalog = &compaction.catalog;
        if !matches!(result, Ok(Ok(Some(_)))) {
            // Above all where there is no room left. The next start removes it if this cannot.
            let _ = catalog.unless_retired(|| catalog.disk().remove(SNAPSHOT_TEMPORARY));
        }
        compaction.is_running.store(false, Ordering::Release);
        match &result {
            Ok(Ok(Some(revision))) => {
                compaction.meter.compacted();
                // What is left is the segment that is written to, however large.
                let left = catalog.sizes().0.saturating_add(compaction.more);
                compaction.not_below.store(left, Ordering::Relaxed);
                tracing::info!(revision, took = ?started.elapsed(), "compacted");
            }
            Ok(Ok(None)) => tracing::debug!("a compaction was given up"),
            Ok(Err(error)) => {
                tracing::error!(%error, "the log could not be compacted, and stays as it is");
            }
            Err(panic) => {
                let panic = panics::message(&**panic);
                tracing::error!(%panic, "a compaction has panicked, and the log stays as it is");
            }
        }
        let _ = done.send(());
    };
    thread::Builder::new().name("mainspring-compact".into()).spawn(write)?;
    Ok(tokio::spawn(async move {
        stop.run_until_cancelled(feed(snapshot, &sender)).await;
        drop(sender);
        let _ = is_done.await;
    }))
}

/// Hand the snapshot on, until its end.
async fn feed<T: Clone + Send + Sync + 'static>(
    mut snapshot: Subscription<T>,
    sender: &mpsc::Sender<Vec<Event<T>>>,
) {
    let mut piece = Vec::with_capacity(PIECE);
    loop {
        match snapshot.recv().await {
            Ok(event) => {
                let is_end = matches!(event, Event::SnapshotEnd { .. });
                piece.push(event);
                if is_end || piece.len() == PIECE {
                    let full = std::mem::replace(&mut piece, Vec::with_capacity(PIECE));
                    if sender.send(full).await.is_err() || is_end {
                        return;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the snapshot for a compaction ended early");
                return;
            }
        }
    }
}

/// Write what comes, and put it in the place of the log before it. Answers its revision; `None` if it
/// was given up.
fn compact<T: Serialize + DeserializeOwned>(
    compaction: &Compaction,
    mut pieces: mpsc::Receiver<Vec<Event<T>>>,
) -> Result<Option<u64>, WriteError> {
    let Compaction { catalog, store, keep, .. } = compaction;
    let create = || SnapshotWriter::create(Arc::clone(catalog.disk()), *store);
    let mut writer = catalog.unless_retired(create)?.paced();
    while let Some(piece) = pieces.blocking_recv() {
        for event in &piece {
            match event {
                Event::Entry { key, entry } => writer.entry(key, entry)?,
                Event::SnapshotEnd { revision } => {
                    catalog.sync_before_snapshot()?;
                    let prev = catalog.sum_at(*revision)?;
                    let info = catalog.unless_retired(|| writer.finish(*revision, prev))?;
                    catalog.install(info, *keep)?;
                    return Ok(Some(*revision));
                }
                other => writer.patch(other.changes())?,
            }
        }
    }
    Ok(None)
}
