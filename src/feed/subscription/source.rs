//! Sources of subscriptions: the change stream of this process, or the events of a server.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use tokio::sync::broadcast;

use crate::feed::{Hub, ListenerGuard, Mark, Turn, Watcher};
use crate::model::{Entry, Error, Event, Filter, Start, StoreId};

/// The source of a subscription: the response of a backend, from which the handle creates a
/// [`Subscription`](crate::Subscription).
pub struct SubscriptionSource<T>(pub(super) SourceKind<T>);

pub(super) enum SourceKind<T> {
    /// The change stream of this process.
    Local { hub: Arc<Hub<T>>, mark: Arc<Mark>, start_point: Box<StartPoint<T>> },
    /// The events of a server.
    Remote { store: StoreId, resume: Option<u64>, events: Events<T> },
}

/// The events of a server. The end of the stream means [`Error::Closed`].
pub(super) type Events<T> = Pin<Box<dyn Stream<Item = Result<Event<T>, Error>> + Send>>;

/// The start of a subscription to the change stream of this process. The owner takes all of it between two turns, so
/// that the source, the revisions and the entry belong together.
pub(crate) struct StartPoint<T> {
    pub(crate) filter: Filter,
    pub(crate) start: Start,
    pub(crate) source: LiveSource<T>,
    /// Deliver the changes after this revision.
    pub(crate) after: u64,
    /// The newest revision.
    pub(crate) head: u64,
    /// The entry of a single key, for a snapshot of it.
    pub(crate) entry: Option<Entry<T>>,
}

impl<T> LiveSource<T> {
    /// The mark of a subscription that starts after this revision; `head` is the newest one.
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

/// The source of live changes.
pub(crate) enum LiveSource<T> {
    Channel { receiver: broadcast::Receiver<Turn<T>>, _guard: ListenerGuard },
    Watcher { watcher: Arc<Watcher<T>>, _guard: ListenerGuard },
}

impl<T> SubscriptionSource<T> {
    /// The source of a subscription to the change stream. Its lag is observed from now on.
    pub(crate) fn new(hub: Arc<Hub<T>>, start_point: StartPoint<T>) -> Self {
        let mark = start_point.source.mark(start_point.after, start_point.head);
        hub.lag.observe(&mark);
        Self(SourceKind::Local { hub, mark, start_point: Box::new(start_point) })
    }

    /// The source of a subscription that delivers these events of the store with this id. `resume` is the revision
    /// after which they start; `None` if they start with a snapshot.
    pub fn events(
        store: StoreId,
        resume: Option<u64>,
        events: impl Stream<Item = Result<Event<T>, Error>> + Send + 'static,
    ) -> Self {
        Self(SourceKind::Remote { store, resume, events: Box::pin(events) })
    }
}

impl<T> fmt::Debug for SubscriptionSource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionSource").finish_non_exhaustive()
    }
}
