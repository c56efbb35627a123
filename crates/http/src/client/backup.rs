//! Backups of a server over HTTP.

use std::fmt;

use bytes::Bytes;
use mainspring::{Error, Result};
use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use tokio::time::timeout;

use super::failure::{Effect, Failure};
use super::{Client, Remote};
use crate::protocol::Operation;

/// The media type of a backup.
const MEDIA_TYPE: &str = "application/jsonl";

impl<T> Client<T> {
    /// Begins a backup of the server: all entries as of one revision, and the accounts if it has any.
    ///
    /// The received bytes are the content of a backup file. `mainspring journal check FILE` checks that the file is
    /// complete, and `mainspring journal restore FILE --into NEW` creates a journal from it; in the library these are
    /// `check_backup` and [`restore_backup`](mainspring::journal::file::tools::restore_backup).
    ///
    /// # Errors
    ///
    /// As every read. [`Error::Forbidden`] if the client is not an administrator, and [`Error::Rejected`] if the server does
    /// not support backups.
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
    /// use std::{fs::File, io::Write};
    /// use mainspring::wire::Json;
    /// use mainspring_http::Client;
    ///
    /// let store = Client::<Json>::connect("http://127.0.0.1:8080")?;
    /// let mut backup = store.backup().await?;
    /// let mut file = File::create("monday.backup")?;
    /// while let Some(chunk) = backup.next().await? {
    ///     file.write_all(&chunk)?;
    /// }
    /// file.sync_all()?;
    /// # Ok(()) }
    /// ```
    pub async fn backup(&self) -> Result<Backup> {
        let remote = self.remote.clone();
        let accept = HeaderValue::from_static("application/jsonl, application/json");
        let request = remote.request(Operation::Backup).header(ACCEPT, accept);
        let opened = remote.retry(Effect::Read, || remote.open(&request)).await;
        let response = opened.map_err(|failure| match failure.status() {
            Some(404) => no_backup(&remote),
            _ => failure.into_error(Effect::Read, remote.address()),
        })?;
        let content_type = response.headers().get(CONTENT_TYPE);
        let starts = |value: &HeaderValue| value.as_bytes().starts_with(MEDIA_TYPE.as_bytes());
        if !content_type.is_some_and(starts) {
            return Err(no_backup(&remote));
        }
        Ok(Backup { remote, response: Some(response), received: 0 })
    }
}

fn no_backup(remote: &Remote) -> Error {
    let server = remote.address();
    let why = "it is older than mainspring 0.2, or not a mainspring server";
    Error::Rejected(format!("{server} does not support backups: {why}").into())
}

/// A backup in transfer, see [`Client::backup`](crate::Client::backup).
pub struct Backup {
    remote: Remote,
    /// `None` after the end or an error.
    response: Option<Response>,
    received: u64,
}

impl Backup {
    /// Returns the next bytes; `None` after the last ones. Calling it slowly slows the transfer, but not the store. The
    /// server ends a transfer from which it can send nothing for its write timeout, 30 s by default.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] if the transfer was cut off, which is also how the server reports that it cannot complete the
    /// backup, or if nothing arrived for the time of [`ClientBuilder::silence`](super::ClientBuilder::silence). The received
    /// bytes are then incomplete and cannot be restored. Every later call returns an error.
    ///
    /// # Cancel safety
    ///
    /// Safe: if the future is dropped, no bytes are lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(response) = &mut self.response else {
            return Err(self.incomplete("the transfer has already ended"));
        };
        let silence = self.remote.silence();
        let chunk = timeout(silence, response.chunk()).await;
        let why = match chunk {
            Ok(Ok(Some(chunk))) => {
                self.received += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => Failure::from_reqwest(error).to_string(),
            Err(_) => format!("no data for {silence:?}"),
        };
        self.response = None;
        Err(self.incomplete(&why))
    }

    fn incomplete(&self, why: &str) -> Error {
        let (server, received) = (self.remote.address(), self.received);
        Error::Unreachable(
            format!(
                "{server}: the backup is incomplete after {received} bytes: {why}; if the server ended it, its log has the reason"
            )
            .into(),
        )
    }
}

impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup")
            .field("server", &format_args!("{}", self.remote.address()))
            .field("received", &self.received)
            .finish_non_exhaustive()
    }
}
