//! The maintenance task of an open journal: it verifies at intervals that the journal still owns its directory, and
//! records in the manifest how much of the log is synced.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::catalog::{Catalog, Unverified};
use crate::model::panics;

/// The shortest interval.
const SHORTEST: Duration = Duration::from_millis(1);

/// The longest delay before a failed write of the manifest is retried.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Starts the task. It ends when `stop` is cancelled, or when the directory is lost; then it cancels `failed`.
pub(crate) fn start(
    catalog: Arc<Catalog>,
    every: Duration,
    stop: CancellationToken,
    failed: CancellationToken,
) -> JoinHandle<()> {
    let every = every.max(SHORTEST);
    tokio::spawn(async move {
        // The delay before the manifest is written again, and how much of it has passed.
        let (mut wait, mut waited) = (every, Duration::ZERO);
        while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            waited = waited.saturating_add(every);
            let save = waited >= wait && catalog.has_new_mark();
            let shared = Arc::clone(&catalog);
            match spawn_blocking(move || maintain(&shared, save)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return failed.cancel(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot write the manifest; retrying later");
                    (wait, waited) = (wait.saturating_mul(2).min(LONGEST_RETRY), Duration::ZERO);
                    continue;
                }
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => {
                        let panic = panics::message(&*panic);
                        tracing::error!(%panic, "the maintenance of the journal panicked");
                        continue;
                    }
                    // The runtime is shutting down.
                    Err(_) => return,
                },
            }
            if save {
                (wait, waited) = (every, Duration::ZERO);
            }
        }
    })
}

/// Verifies the directory, then writes the mark if `save` is set. Returns whether the journal still owns the
/// directory.
fn maintain(catalog: &Catalog, save: bool) -> io::Result<bool> {
    match catalog.verify_all() {
        Ok(()) => {}
        Err(Unverified::Lost(_)) => {
            catalog.save_last_mark();
            return Ok(false);
        }
        Err(Unverified::Unknown(cause)) => {
            tracing::warn!(%cause, "cannot verify the directory of the journal; retrying");
        }
    }
    if save {
        catalog.save_mark()?;
    }
    Ok(true)
}
