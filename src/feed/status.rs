//! How a store is doing, told to all of its handles: first the cause, then the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::model::Error;

#[derive(Debug, Default)]
pub(crate) struct Status {
    closing: AtomicBool,
    cause: OnceLock<Arc<str>>,
    /// Why no writes are taken until the journal has told what it holds.
    halted: Mutex<Option<Arc<str>>>,
    ready: CancellationToken,
    ended: CancellationToken,
}

impl Status {
    /// Nothing new is accepted from now on.
    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// What went wrong. The first cause is the one that counts.
    pub(crate) fn fail(&self, cause: impl Into<Arc<str>>) {
        let _ = self.cause.set(cause.into());
        self.close();
    }

    /// What a command gets that came too late.
    pub(crate) fn error(&self) -> Error {
        self.cause.get().map_or(Error::Closed, |cause| Error::Failed(Arc::clone(cause)))
    }

    /// Whether the owner failed.
    pub(crate) fn cause(&self) -> Option<&Arc<str>> {
        self.cause.get()
    }

    pub(crate) fn set_halted(&self, cause: Option<Arc<str>>) {
        *self.halted.lock() = cause;
    }

    /// Whether writes are taken, and if not, why.
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

    /// Until the data is there, or the store has ended.
    pub(crate) async fn ready(&self) {
        tokio::select! {
            () = self.ready.cancelled() => {}
            () = self.ended.cancelled() => {}
        }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.is_cancelled()
    }

    /// The owner is gone.
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
