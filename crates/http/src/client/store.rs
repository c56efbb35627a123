//! Commands to the store as a whole, and its statistics, over HTTP.

use std::time::Duration;

use mainspring::journal::CompactionReport;
use mainspring::{Error, Result, Stats, StoreId};
use reqwest::header::HeaderName;

use super::decode;
use super::remote::{BufferedResponse, endless_pauses};
use super::{Client, Remote};
use crate::protocol::Operation;

/// The number of keys that a clear has removed.
const CLEARED: HeaderName = HeaderName::from_static("mainspring-cleared");

/// The first pause while waiting for a server.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

impl Remote {
    pub(super) async fn clear(&self) -> Result<usize> {
        let request = self.request(Operation::Flush);
        let count = |response: &BufferedResponse| {
            let text = response.headers.get(CLEARED).and_then(|count| count.to_str().ok());
            text.and_then(|text| text.parse().ok())
                .ok_or_else(|| format!("the header {CLEARED} is missing or invalid"))
        };
        self.send(&request, count).await
    }

    pub(super) async fn compact(&self) -> Result<CompactionReport> {
        // Its duration depends on the amount of data, and it continues in the server if the client disconnects.
        let request = self.request(Operation::Compact).without_timeout();
        self.send(&request, |response| decode::compacted(&response.body)).await
    }
}

impl<T> Client<T> {
    async fn fetch_stats(&self) -> Result<(StoreId, Stats)> {
        let remote = &self.remote;
        let request = remote.request(Operation::Stats);
        remote.send(&request, |response| decode::stats(&response.body)).await
    }

    /// Returns the statistics of the store.
    ///
    /// # Errors
    ///
    /// As every read.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn stats(&self) -> Result<Stats> {
        self.fetch_stats().await.map(|(_, stats)| stats)
    }

    /// Returns the id of the store that the server has now.
    ///
    /// # Errors
    ///
    /// As every read.
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
    pub async fn id(&self) -> Result<StoreId> {
        self.fetch_stats().await.map(|(id, _)| id)
    }

    /// Waits until the server responds and its store accepts requests. There is no time limit.
    ///
    /// # Errors
    ///
    /// Errors that waiting cannot resolve: [`Error::Unauthorized`], [`Error::Forbidden`], [`Error::Rejected`].
    ///
    /// # Cancel safety
    ///
    /// Safe: it only reads.
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
            match self.fetch_stats().await {
                Ok(_) => break,
                Err(error) if is_transient(&error) => {
                    tracing::debug!(server = %self.remote.address(), ?pause, "not ready: {error}");
                    tokio::time::sleep(pause).await;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Whether a later request may succeed.
pub(super) fn is_transient(error: &Error) -> bool {
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
