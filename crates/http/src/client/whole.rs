//! What is done to the store as a whole, and how it is doing, over HTTP.

use std::time::Duration;

use mainspring::journal::CompactionReport;
use mainspring::{Error, Result, Stats, StoreId};
use reqwest::header::HeaderName;

use super::answer;
use super::remote::{Answer, endless_pauses};
use super::{Client, Remote};
use crate::protocol::Operation;

/// Says how many keys a clear has removed.
const CLEARED: HeaderName = HeaderName::from_static("mainspring-cleared");

/// The first pause while a server is waited for.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

impl Remote {
    pub(super) async fn clear(&self) -> Result<usize> {
        let request = self.request(Operation::Flush);
        let count = |answer: &Answer| {
            let text = answer.headers.get(CLEARED).and_then(|count| count.to_str().ok());
            text.and_then(|text| text.parse().ok()).ok_or_else(|| format!("it has no {CLEARED}"))
        };
        self.send(&request, count).await
    }

    pub(super) async fn compact(&self) -> Result<CompactionReport> {
        // It takes as long as there is data to write, and would go on after the client has given up.
        let request = self.request(Operation::Compact).without_limit();
        self.send(&request, |answer| answer::compacted(&answer.body)).await
    }
}

impl<T> Client<T> {
    async fn glance(&self) -> Result<(StoreId, Stats)> {
        let remote = &self.remote;
        let request = remote.request(Operation::Stats);
        remote.send(&request, |answer| answer::stats(&answer.body)).await
    }

    /// How the store is doing, in numbers.
    ///
    /// # Errors
    ///
    /// As of every read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn stats(&self) -> Result<Stats> {
        self.glance().await.map(|(_, stats)| stats)
    }

    /// The id of the store that the server has now.
    ///
    /// # Errors
    ///
    /// As of every read.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn id(&self) -> Result<StoreId> {
        self.glance().await.map(|(id, _)| id)
    }

    /// Wait until the server answers, and has a store that is fit for work: for as long as it takes.
    ///
    /// # Errors
    ///
    /// What waiting does not help against: [`Error::Unauthorized`], [`Error::Forbidden`], [`Error::Rejected`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use mainspring_http::Client;
    ///
    /// let store = Client::<f64>::connect("http://127.0.0.1:8080")?;
    /// tokio::time::timeout(Duration::from_secs(10), store.ready()).await??;
    /// # Ok(()) }
    /// ```
    pub async fn ready(&self) -> Result<()> {
        for pause in endless_pauses(FIRST_PAUSE) {
            match self.glance().await {
                Ok(_) => break,
                Err(error) if may_pass(&error) => {
                    tracing::debug!(server = %self.remote.address(), ?pause, "not ready: {error}");
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether a server that answers like this, or does not answer, may do better later.
pub(super) fn may_pass(error: &Error) -> bool {
    matches!(
        error,
        Error::Unreachable(_)
            | Error::Busy
            | Error::Recovering
            | Error::Closed
            | Error::Failed(_)
            | Error::JournalFailed(_)
            | Error::Unknown
    )
}
