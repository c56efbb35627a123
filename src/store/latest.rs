//! The newest value of one key, like `tokio::sync::watch`.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio_util::sync::ReusableBoxFuture;

use crate::feed::{ListenerGuard, Status, Watcher};
use crate::model::{Entry, Error, Key, Result};
use crate::store::View;

/// Always the newest value of one key. Values in between may be skipped: a task that needs each change
/// takes a [`Subscription`](crate::Subscription).
///
/// Made by [`Reader::latest`](crate::Reader::latest). It does not keep the store alive. As a
/// [`Stream`] it yields what [`changed`](Self::changed) does, and ends with the store.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = mainspring::Store::<f64>::builder().spawn();
/// let mut speed = store.latest("car/speed").await?;
/// assert_eq!(speed.get(), None);
///
/// store.set("car/speed", 1.0).await?;
/// store.set("car/speed", 2.0).await?;
/// let newest = speed.changed().await?.unwrap();
/// assert_eq!(newest.item(), Some(&2.0)); // 1.0 was never looked at
/// # Ok(()) }
/// ```
pub struct Latest<T> {
    key: Key,
    view: View<T>,
    status: Arc<Status>,
    watcher: Arc<Watcher<T>>,
    _guard: ListenerGuard,
    /// The revision of the entry that was given out last; `None` when the key was absent.
    seen: Option<u64>,
    /// Waits for the watcher, when the stream is polled.
    waiting: Option<ReusableBoxFuture<'static, ()>>,
}

impl<T: Clone + Send + Sync + 'static> Latest<T> {
    pub(crate) fn new(
        key: Key,
        view: View<T>,
        status: Arc<Status>,
        watcher: Arc<Watcher<T>>,
        guard: ListenerGuard,
    ) -> Self {
        let seen = view.revision(&key);
        Self { key, view, status, watcher, _guard: guard, seen, waiting: None }
    }

    /// The entry as it is now; `None` when the key is absent. Also after the store has ended.
    pub fn get(&self) -> Option<Entry<T>> {
        self.view.get(&self.key)
    }

    /// Wait until the entry is another than the one given out last (at first: than the one that was
    /// there at the beginning), and give out the newest: `None` when the key is absent.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when the store is shut down, after the last change, or [`Error::Failed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn changed(&mut self) -> Result<Option<Entry<T>>> {
        // The stream's own waiting would take the news that is waited for here.
        self.waiting = None;
        loop {
            // In this order, so that a change just before the end is not missed.
            let ended = self.status.has_ended();
            if let Some(entry) = self.news() {
                return Ok(entry);
            }
            if ended {
                return Err(self.status.error());
            }
            self.watcher.changed().await;
        }
    }

    fn news(&mut self) -> Option<Option<Entry<T>>> {
        if self.view.revision(&self.key) == self.seen {
            return None; // without a clone of what it holds
        }
        let entry = self.get();
        let revision = entry.as_ref().map(|entry| entry.revision);
        if revision == self.seen {
            return None;
        }
        self.seen = revision;
        Some(entry)
    }
}

impl<T: Clone + Send + Sync + 'static> Stream for Latest<T> {
    type Item = Result<Option<Entry<T>>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                ready!(waiting.poll(cx));
                self.waiting = None;
            }
            let ended = self.status.has_ended();
            if let Some(entry) = self.news() {
                return Poll::Ready(Some(Ok(entry)));
            }
            if ended {
                return Poll::Ready(match self.status.error() {
                    Error::Closed => None,
                    error => Some(Err(error)),
                });
            }
            let watcher = Arc::clone(&self.watcher);
            self.waiting = Some(ReusableBoxFuture::new(async move { watcher.changed().await }));
        }
    }
}

impl<T> Unpin for Latest<T> {}

impl<T> fmt::Debug for Latest<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latest").field("key", &self.key).finish_non_exhaustive()
    }
}
