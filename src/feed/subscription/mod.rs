//! Streams of changes: ordered, numbered, never a silent gap.

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
/// Made by [`Reader::subscribe`](crate::Reader::subscribe). Every change that the filter lets through
/// is told once, in the order of the revisions. A subscription that is read too slowly never slows
/// the store: it catches up from the history, or from the journal if it is further behind, and only if
/// neither reaches back far enough it ends, with [`Error::Compacted`].
///
/// It is a [`Stream`] too, of `Result<Event<T>, Error>`, which ends after an error, and without one
/// when the store is shut down.
///
/// It does not keep the store alive.
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
#[must_use = "a subscription tells nothing unless it is read"]
pub struct Subscription<T> {
    state: SubscriptionState<T>,
    store: StoreId,
    /// `None` until the snapshot is complete, if there is one.
    resume: Option<u64>,
}

enum SubscriptionState<T> {
    Idle(Box<EventReader<T>>),
    /// Waiting for something to tell. The future has the reader, so that dropping the caller's
    /// future loses nothing.
    Waiting(ReusableBoxFuture<'static, NextEvent<T>>),
    /// The events come ready. Behind a lock that is never contended, so that a subscription is `Sync`.
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

    /// The next event.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] after the last change before a shutdown, [`Error::Failed`] if the store has
    /// stopped because of a fault, and [`Error::Compacted`] if this subscription fell behind further
    /// than the history and the journal reach. [`Error::JournalFailed`] if the journal could not be read, and
    /// [`Error::InsideBatch`] if it shows that the place to start from was inside a batch. All of them are the
    /// end: every later call gives the same error. A subscription to a server reconnects where that helps, and ends
    /// otherwise as is said of its `Client`.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, no event is lost.
    pub async fn recv(&mut self) -> Result<Event<T>, Error> {
        std::future::poll_fn(|cx| self.poll_recv(cx)).await
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event<T>, Error>> {
        loop {
            match &mut self.state {
                SubscriptionState::Ended(error) => return Poll::Ready(Err(error.clone())),
                SubscriptionState::Idle(reader) => {
                    if let Some(event) = reader.take_ready() {
                        self.note(&event);
                        return Poll::Ready(Ok(event));
                    }
                    let ended = SubscriptionState::Ended(Error::Closed);
                    let SubscriptionState::Idle(mut reader) =
                        std::mem::replace(&mut self.state, ended)
                    else {
                        unreachable!("it was idle");
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
                            self.note(&event);
                            return Poll::Ready(Ok(event));
                        }
                        Err(error) => self.state = SubscriptionState::Ended(error),
                    }
                }
                SubscriptionState::Events(events) => {
                    match ready!(events.get_mut().as_mut().poll_next(cx)) {
                        Some(Ok(event)) => {
                            self.note(&event);
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
    fn note(&mut self, event: &Event<T>) {
        let complete = self.resume.is_some() || matches!(event, Event::SnapshotEnd { .. });
        self.resume = event.revision().filter(|_| complete).or(self.resume);
    }

    /// Where to resume after the events received so far; `None` while a snapshot is not complete.
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
