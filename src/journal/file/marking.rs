//! The task that lets the manifest say, now and then, how much of the log is synced.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::catalog::Catalog;

/// How long a manifest that could not be written is left as it is, at most.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// Start it. It ends when it is stopped, also if nothing waits for it.
pub(crate) fn start(
    catalog: Arc<Catalog>,
    every: Duration,
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut wait = every;
        while stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
            wait = if save(&catalog).await {
                every
            } else {
                wait.saturating_mul(2).min(LONGEST_RETRY)
            };
        }
    })
}

/// Whether the manifest is as it should be.
async fn save(catalog: &Arc<Catalog>) -> bool {
    if !catalog.has_new_mark() {
        return true;
    }
    let catalog = Arc::clone(catalog);
    let saved = spawn_blocking(move || catalog.save_mark()).await;
    match saved {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the manifest could not be written, and will be later");
            false
        }
        // The runtime is shutting down.
        Err(_) => false,
    }
}
