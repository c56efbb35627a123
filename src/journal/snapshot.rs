//! The content of a store, as a compaction reads it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use parking_lot::Mutex;

use crate::model::{Error, Event};

/// A stream of the content of a store, for [`Journal::compact`](super::Journal::compact): the entries, and the changes
/// made while they are read, until [`Event::SnapshotEnd`]. The entries with these changes applied are the store at the
/// revision of that event.
pub struct Snapshot<T>(Mutex<Events<T>>);

type Events<T> = Pin<Box<dyn Stream<Item = Result<Event<T>, Error>> + Send>>;

impl<T> Snapshot<T> {
    /// Creates a snapshot of these events.
    pub fn new(events: impl Stream<Item = Result<Event<T>, Error>> + Send + 'static) -> Self {
        Self(Mutex::new(Box::pin(events)))
    }

    /// Returns the next event.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] if the store was shut down, [`Error::Compacted`] if the store changes faster than the
    /// snapshot is read, for longer than its history reaches back.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If the future is dropped before it completes, no event is lost.
    pub async fn recv(&mut self) -> Result<Event<T>, Error> {
        poll_fn(|cx| self.0.get_mut().as_mut().poll_next(cx)).await.unwrap_or(Err(Error::Closed))
    }
}

impl<T> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").finish_non_exhaustive()
    }
}
