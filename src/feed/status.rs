//! The status of a store, which all of its handles read.
//!
//! At the end, the cause is set first, then `closing`, and then `ended`: a handle that sees one of the later states
//! (`Acquire`, which pairs with the `Release` of the owner) also sees the cause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::model::Error;

#[derive(Debug, Default)]
pub(crate) struct Status {
    closing: AtomicBool,
    cause: OnceLock<Arc<str>>,
    /// Why no writes are accepted, until the journal has been read again.
    halted: Mutex<Option<Arc<str>>>,
    ready: CancellationToken,
    ended: CancellationToken,
}

impl Status {
    /// Reject new commands from now on.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Set the cause of a failure. Only the first one is kept.
    pub(crate) fn fail(&self, cause: impl Into<Arc<str>>) {
        let _ = self.cause.set(cause.into());
        self.close();
    }

    /// The error of commands after the store has begun to end.
    pub(crate) fn error(&self) -> Error {
        self.cause.get().map_or(Error::Closed, |cause| Error::Failed(Arc::clone(cause)))
    }

    /// The cause, if the store has failed.
    pub(crate) fn cause(&self) -> Option<&Arc<str>> {
        self.cause.get()
    }

    pub(crate) fn set_halted(&self, cause: Option<Arc<str>>) {
        *self.halted.lock() = cause;
    }

    /// Whether writes are accepted, and if not, why.
    pub(crate) fn health(&self) -> Result<(), Error> {
        if self.is_closing() {
            return Err(self.error());
        }
        if !self.is_ready() {
            return Err(Error::Recovering);
        }
        let halted = self.halted.lock().clone();
        halted.map_or(Ok(()), |cause| Err(Error::JournalFailed(cause)))
    }

    pub(crate) fn set_ready(&self) {
        self.ready.cancel();
    }

    /// Wait until the store has recovered, or has ended.
    pub(crate) async fn ready(&self) {
        tokio::select! {
            () = self.ready.cancelled() => {}
            () = self.ended.cancelled() => {}
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.is_cancelled()
    }

    /// The owner has ended.
    pub(crate) fn end(&self) {
        self.close();
        self.ended.cancel();
    }

    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }
}
