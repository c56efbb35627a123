//! Subscriptions: ordered streams of changes without a silent gap.
//!
//! A `Feed` delivers turns from the journal, the history, and the live changes; an `EventReader` filters them, forms
//! events, and walks the snapshot. The state of a subscription is kept outside of the future of `recv`, so that
//! dropping it loses nothing.

mod event_reader;
mod feed;
mod journal_read;
mod source;
mod walk;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use parking_lot::Mutex;
use tokio_util::sync::ReusableBoxFuture;

use self::event_reader::EventReader;
pub use self::source::SubscriptionSource;
use self::source::{Events, SourceKind};
pub(crate) use self::source::{LiveSource, StartPoint};
use crate::model::{Error, Event, ResumeToken, Start, StoreId};

/// A stream of the changes of a store, or of some of its keys.
///
/// Created by [`Reader::subscribe`](crate::Reader::subscribe). Every change that matches the filter
/// is delivered once, in the order of the revisions. A slow subscriber never slows the store:
/// it catches up from the history, or from the journal if it is further behind. Only if
/// neither reaches back far enough, the subscription ends with [`Error::Compacted`].
///
/// It is also a [`Stream`] of `Result<Event<T>, Error>`, which ends after an error, and without one
/// when the store is shut down.
///
/// A subscription does not keep the store alive.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring::{Error, Event, Store};
///
/// let store = Store::<String>::builder().spawn();
/// let mut changes = store.subscribe().prefix("car/").await?;
/// store.set("car/speed", "42").await?;
/// store.shutdown().await?;
///
/// let Event::Change(change) = changes.recv().await? else { panic!() };
/// assert_eq!((change.revision, change.key.as_str()), (1, "car/speed"));
/// assert_eq!(changes.recv().await, Err(Error::Closed)); // after the last change
/// # Ok(()) }
/// ```
#[must_use = "a subscription delivers nothing unless it is read"]
pub struct Subscription<T> {
    state: SubscriptionState<T>,
    store: StoreId,
    /// `None` until the snapshot is complete, if there is one.
    resume: Option<u64>,
}

enum SubscriptionState<T> {
    Idle(Box<EventReader<T>>),
    /// Waiting for the next event. The future owns the reader and is kept here, so that dropping the caller's
    /// future loses nothing.
    Waiting(ReusableBoxFuture<'static, NextEvent<T>>),
    /// Events of a server. Behind a lock that is never contended, so that a subscription is `Sync`.
    Events(Mutex<Events<T>>),
    Ended(Error),
}

type NextEvent<T> = (Result<Event<T>, Error>, Box<EventReader<T>>);

impl<T: Clone + Send + Sync + 'static> Subscription<T> {
    #[doc(hidden)]
    pub fn open(source: SubscriptionSource<T>) -> Self {
        match source.0 {
            SourceKind::Local { hub, mark, start_point } => {
                let store = hub.id();
                let resume = (start_point.start != Start::Snapshot).then_some(start_point.after);
                let reader = EventReader::new(hub, mark, *start_point);
                Self { state: SubscriptionState::Idle(Box::new(reader)), store, resume }
            }
            SourceKind::Remote { store, resume, events } => {
                Self { state: SubscriptionState::Events(Mutex::new(events)), store, resume }
            }
        }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after the last change before a shutdown, [`Error::Failed`] if the store has
    /// stopped because of a fault, and [`Error::Compacted`] if this subscription fell behind further
    /// than the history and the journal reach. [`Error::JournalFailed`] if the journal could not be read, and
    /// [`Error::InsideBatch`] if the start revision, which only the journal has, is inside a batch. All errors are
    /// final: every later call returns the same error. A subscription to a server reconnects after connection errors;
    /// see `Client` for its other errors.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, no event is lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Error, Event, Store};
    ///
    /// let store = Store::<u64>::builder().spawn();
    /// let mut events = store.subscribe().await?;
    /// store.set("a", 1).await?;
    /// store.cancel();
    ///
    /// let mut changes = Vec::new();
    /// let end = loop {
    ///     match events.recv().await {
    ///         Ok(Event::Change(change)) => changes.push(change.revision),
    ///         Ok(_) => {} // batches and progress
    ///         Err(error) => break error,
    ///     }
    /// };
    /// assert_eq!((changes, end), (vec![1], Error::Closed));
    /// # Ok(()) }
    /// ```
    pub async fn recv(&mut self) -> Result<Event<T>, Error> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event<T>, Error>> {
        loop {
            match &mut self.state {
                SubscriptionState::Ended(error) => return Poll::Ready(Err(error.clone())),
                SubscriptionState::Idle(reader) => {
                    if let Some(event) = reader.take_ready() {
                        self.update_resume(&event);
                        return Poll::Ready(Ok(event));
                    }
                    let ended = SubscriptionState::Ended(Error::Closed);
                    let SubscriptionState::Idle(mut reader) =
                        std::mem::replace(&mut self.state, ended)
                    else {
                        unreachable!("the state is idle");
                    };
                    self.state = SubscriptionState::Waiting(ReusableBoxFuture::new(async move {
                        let event = reader.next().await;
                        (event, reader)
                    }));
                }
                SubscriptionState::Waiting(future) => {
                    let (event, reader) = ready!(future.poll(cx));
                    match event {
                        Ok(event) => {
                            self.state = SubscriptionState::Idle(reader);
                            self.update_resume(&event);
                            return Poll::Ready(Ok(event));
                        }
                        Err(error) => self.state = SubscriptionState::Ended(error),
                    }
                }
                SubscriptionState::Events(events) => {
                    match ready!(events.get_mut().as_mut().poll_next(cx)) {
                        Some(Ok(event)) => {
                            self.update_resume(&event);
                            return Poll::Ready(Ok(event));
                        }
                        Some(Err(error)) => self.state = SubscriptionState::Ended(error),
                        None => self.state = SubscriptionState::Ended(Error::Closed),
                    }
                }
            }
        }
    }
}

impl<T> Subscription<T> {
    fn update_resume(&mut self, event: &Event<T>) {
        let complete = self.resume.is_some() || matches!(event, Event::SnapshotEnd { .. });
        self.resume = event.revision().filter(|_| complete).or(self.resume);
    }

    /// Returns the token with which to resume after the events received so far; `None` while a snapshot is not
    /// complete.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u64>::builder().spawn();
    /// let events = store.subscribe().await?;
    /// let token = events.resume_token().unwrap();
    /// drop(events);
    ///
    /// store.set("a", 1).await?; // while there is no subscription
    /// let mut resumed = store.subscribe().after(token).await?;
    /// assert_eq!(resumed.recv().await?.revision(), Some(1));
    /// # Ok(()) }
    /// ```
    pub fn resume_token(&self) -> Option<ResumeToken> {
        self.resume.map(|revision| ResumeToken { store: self.store, revision })
    }
}

impl<T: Clone + Send + Sync + 'static> Stream for Subscription<T> {
    type Item = Result<Event<T>, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if matches!(self.state, SubscriptionState::Ended(_)) {
            return Poll::Ready(None);
        }
        Poll::Ready(match ready!(self.poll_recv(cx)) {
            Err(Error::Closed) => None,
            other => Some(other),
        })
    }
}

impl<T> Unpin for Subscription<T> {}

impl<T> fmt::Debug for Subscription<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("store", &self.store)
            .field("resume", &self.resume)
            .finish_non_exhaustive()
    }
}
