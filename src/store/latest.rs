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

/// The newest value of one key. Intermediate values may be skipped: a task that needs every change
/// uses a [`Subscription`](crate::Subscription).
///
/// Created by [`Reader::latest`](crate::Reader::latest). It does not keep the store alive. It is also a
/// [`Stream`], which yields the results of [`changed`](Self::changed) and ends with the store.
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
/// assert_eq!(newest.item(), Some(&2.0)); // 1.0 was skipped
/// # Ok(()) }
/// ```
pub struct Latest<T> {
    key: Key,
    view: View<T>,
    status: Arc<Status>,
    watcher: Arc<Watcher<T>>,
    _guard: ListenerGuard,
    /// The revision of the entry that was returned last; `None` if the key was absent.
    seen: Option<u64>,
    /// The future of the watcher, while the stream is polled.
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

    /// Returns the current entry; `None` if the key is absent. Works after the store has ended, too.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<f64>::builder().spawn();
    /// let speed = store.latest("car/speed").await?;
    /// store.set("car/speed", 42.0).await?;
    /// assert_eq!(speed.get().unwrap().item(), Some(&42.0));
    /// # Ok(()) }
    /// ```
    pub fn get(&self) -> Option<Entry<T>> {
        self.view.get(&self.key)
    }

    /// Waits until the entry differs from the one returned last, or at first from the one when this was created.
    /// Returns the newest entry; `None` if the key is absent.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] when the store is shut down, after the last change, or [`Error::Failed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, no change is lost.
    pub async fn changed(&mut self) -> Result<Option<Entry<T>>> {
        // The future of the stream would consume the notification that is awaited here.
        self.waiting = None;
        loop {
            // Check for the end before the entry: a change just before the end is then not missed.
            let ended = self.status.has_ended();
            if let Some(entry) = self.take_change() {
                return Ok(entry);
            }
            if ended {
                return Err(self.status.error());
            }
            self.watcher.changed().await;
        }
    }

    fn take_change(&mut self) -> Option<Option<Entry<T>>> {
        if self.view.revision(&self.key) == self.seen {
            return None; // without cloning the entry
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
            if let Some(entry) = self.take_change() {
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
