//! A backup of a server, over HTTP.

use std::fmt;

use bytes::Bytes;
use mainspring::{Error, Result};
use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use tokio::time::timeout;

use super::fault::{Effect, Fault};
use super::{Client, Remote};
use crate::protocol::Operation;

/// The media type of a backup.
const KIND: &str = "application/jsonl";

impl<T> Client<T> {
    /// Begin a backup of the server: of all entries as of one revision, and of the accounts if it has any.
    ///
    /// What comes is the content of a file. `mainspring journal check FILE` says whether the file is whole, and
    /// `mainspring journal restore FILE --into NEW` makes a journal of it; in the library these are `check_backup` and
    /// [`restore_backup`](mainspring::journal::file::tools::restore_backup).
    ///
    /// # Errors
    ///
    /// As of every read. [`Error::Forbidden`] if the client is no administrator, and [`Error::Rejected`] if the server makes
    /// no backups.
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
    /// use std::{fs::File, io::Write};
    /// use mainspring::wire::Json;
    /// use mainspring_http::Client;
    ///
    /// let store = Client::<Json>::connect("http://127.0.0.1:8080")?;
    /// let mut backup = store.backup().await?;
    /// let mut file = File::create("monday.backup")?;
    /// while let Some(piece) = backup.next().await? {
    ///     file.write_all(&piece)?;
    /// }
    /// file.sync_all()?;
    /// # Ok(()) }
    /// ```
    pub async fn backup(&self) -> Result<Backup> {
        let remote = self.remote.clone();
        let accept = HeaderValue::from_static("application/jsonl, application/json");
        let request = remote.request(Operation::Backup).header(ACCEPT, accept);
        let opened = remote.retried(Effect::Read, || remote.open(&request)).await;
        let response = opened.map_err(|fault| match fault.status() {
            Some(404) => no_backup(&remote),
            _ => fault.into_error(Effect::Read, remote.address()),
        })?;
        let kind = response.headers().get(CONTENT_TYPE);
        if kind.is_none_or(|kind| !kind.as_bytes().starts_with(KIND.as_bytes())) {
            return Err(no_backup(&remote));
        }
        Ok(Backup { remote, response: Some(response), received: 0 })
    }
}

fn no_backup(remote: &Remote) -> Error {
    let server = remote.address();
    let why = "it is older than mainspring 0.2, or is another server";
    Error::Rejected(format!("{server} makes no backups: {why}").into())
}

/// A backup that is being received: see [`Client::backup`](crate::Client::backup).
pub struct Backup {
    remote: Remote,
    /// `None` after the end, and after an error.
    response: Option<Response>,
    received: u64,
}

impl Backup {
    /// The next bytes; `None` after the last ones. Not asking for more slows the transfer, and not the store; a server ends
    /// one from which nothing is taken for its write timeout, 30 s unless set otherwise.
    ///
    /// # Errors
    ///
    /// [`Error::Unreachable`] if the transfer was cut, which the server does too if it cannot complete the backup, or if
    /// nothing came for as long as [`ClientBuilder::silence`](super::ClientBuilder::silence) says. What came is incomplete then, and is
    /// of no use. It is the end: every later call gives an error.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, no bytes are lost.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        let Some(response) = &mut self.response else {
            return Err(self.incomplete("the transfer has ended already"));
        };
        let silence = self.remote.silence();
        let chunk = timeout(silence, response.chunk()).await;
        let why = match chunk {
            Ok(Ok(Some(chunk))) => {
                self.received += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => Fault::of(error).to_string(),
            Err(_) => format!("nothing came for {silence:?}"),
        };
        self.response = None;
        Err(self.incomplete(&why))
    }

    fn incomplete(&self, why: &str) -> Error {
        let (server, received) = (self.remote.address(), self.received);
        Error::Unreachable(
            format!(
                "{server}: the backup is incomplete after {received} bytes: {why}; if the server cut it, its log says why"
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
