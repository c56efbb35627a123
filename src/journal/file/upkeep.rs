//! The task that looks after an open journal: it verifies that the directory is still the journal's own, and lets the
//! manifest say how much of the log is synced.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::catalog::{Catalog, Unverified};
use crate::model::panics;

/// The shortest time between two looks.
const SHORTEST: Duration = Duration::from_millis(1);

/// How long a manifest that could not be written is left as it is, at most.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Start it. It ends when it is stopped, and after it has found the directory lost, which it tells by `failed`.
pub(crate) fn start(
    catalog: Arc<Catalog>,
    every: Duration,
    stop: CancellationToken,
    failed: CancellationToken,
) -> JoinHandle<()> {
    let every = every.max(SHORTEST);
    tokio::spawn(async move {
        // How long the manifest is left as it is.
        let (mut wait, mut waited) = (every, Duration::ZERO);
        while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
            waited = waited.saturating_add(every);
            let save = waited >= wait && catalog.has_new_mark();
            let looked = Arc::clone(&catalog);
            match spawn_blocking(move || look_after(&looked, save)).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return failed.cancel(),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the manifest could not be written, and will be later");
                    (wait, waited) = (wait.saturating_mul(2).min(LONGEST_RETRY), Duration::ZERO);
                    continue;
                }
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => {
                        let panic = panics::message(&*panic);
                        tracing::error!(%panic, "looking after the journal has panicked");
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

/// Whether the directory is still the journal's own.
fn look_after(catalog: &Catalog, save: bool) -> io::Result<bool> {
    match catalog.verify_all() {
        Ok(()) => {}
        Err(Unverified::Lost(_)) => {
            catalog.save_last_mark();
            return Ok(false);
        }
        Err(Unverified::Unclear(cause)) => tracing::warn!(%cause, "it is tried again"),
    }
    if save {
        catalog.save_mark()?;
    }
    Ok(true)
}
