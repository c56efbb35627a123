//! Where a subscription begins, and what it reads from.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use tokio::sync::broadcast;

use crate::feed::{Hub, Listening, Mark, Turn, Watcher};
use crate::model::{Entry, Error, Event, Filter, Start, StoreId};

/// Where a subscription begins, and what it reads from: the answer of a backend, of which the handle makes a
/// [`Subscription`](crate::Subscription).
pub struct Opening<T>(pub(super) Origin<T>);

pub(super) enum Origin<T> {
    /// The change stream of this process.
    Hub { hub: Arc<Hub<T>>, mark: Arc<Mark>, beginning: Box<Beginning<T>> },
    /// Events that come ready from somewhere else.
    Events { store: StoreId, resume: Option<u64>, events: Events<T> },
}

/// Events that come ready from somewhere else. A stream that ends means [`Error::Closed`].
pub(super) type Events<T> = Pin<Box<dyn Stream<Item = Result<Event<T>, Error>> + Send>>;

/// Where a subscription to the change stream of this process begins, all of it taken at one moment.
pub(crate) struct Beginning<T> {
    pub(crate) filter: Filter,
    pub(crate) start: Start,
    pub(crate) source: Source<T>,
    /// Deliver what comes after this revision.
    pub(crate) after: u64,
    /// The newest revision.
    pub(crate) head: u64,
    /// The entry of a single key, for a snapshot of it.
    pub(crate) entry: Option<Entry<T>>,
}

impl<T> Source<T> {
    /// The mark of a subscription that begins after this revision, where `head` is the newest one.
    fn mark(&self, after: u64, head: u64) -> Arc<Mark> {
        let mark = match self {
            Self::Channel { .. } => Mark::new(),
            Self::Watcher { watcher, .. } => Arc::clone(watcher.mark()),
        };
        if matches!(self, Self::Channel { .. }) || after < head {
            mark.set(Some(after + 1));
        }
        mark
    }
}

/// Where changes come from.
pub(crate) enum Source<T> {
    Channel { receiver: broadcast::Receiver<Turn<T>>, _listening: Listening },
    Watcher { watcher: Arc<Watcher<T>>, _listening: Listening },
}

impl<T> Opening<T> {
    /// A subscription to the change stream. It counts as one that is behind from now on.
    pub(crate) fn new(hub: Arc<Hub<T>>, beginning: Beginning<T>) -> Self {
        let mark = beginning.source.mark(beginning.after, beginning.head);
        hub.lag.observe(&mark);
        Self(Origin::Hub { hub, mark, beginning: Box::new(beginning) })
    }

    /// A subscription to the changes of the store with this id that delivers these events. `resume` is the revision
    /// after which they begin; `None` until a snapshot is complete.
    pub fn events(
        store: StoreId,
        resume: Option<u64>,
        events: impl Stream<Item = Result<Event<T>, Error>> + Send + 'static,
    ) -> Self {
        Self(Origin::Events { store, resume, events: Box::pin(events) })
    }
}

impl<T> fmt::Debug for Opening<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").finish_non_exhaustive()
    }
}
