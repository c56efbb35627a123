//! Handles that can read and subscribe, but not write.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::results::{self, ResponseReader};
use super::{Latest, Local, Pending, PendingScan, PendingSubscribe, View};
use crate::feed::Watcher;
use crate::model::{
    Command, Entry, Error, Filter, Key, Page, Query, Result, Scan, Slice, Start, Stats, StoreId,
    Subscribe,
};
use crate::owner::counters::Histograms;
use crate::owner::message::Message;

/// The default length of a page.
const DEFAULT_PAGE: usize = 100;

/// A cloneable handle that can read and subscribe, but not write.
///
/// Give a reader to tasks that only consume data, and a [`Store`](crate::Store) to those that produce it. Reads go
/// through the owner: they are ordered after every command that was sent before them, and observe a batch either
/// completely or not at all. For reads that do not need that order, there is [`view`](Self::view).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring::{Reader, Store};
///
/// async fn print_speed(car: Reader<f64>) -> mainspring::Result<()> {
///     if let Some(entry) = car.get("car/speed").await? {
///         println!("{:?}", entry.value);
///     }
///     Ok(())
/// }
///
/// let store = Store::<f64>::builder().spawn();
/// print_speed(store.reader()).await?;
/// # Ok(()) }
/// ```
pub struct Reader<T, B = Local<T>> {
    pub(crate) backend: Arc<B>,
    element: PhantomData<fn() -> T>,
}

impl<T, B> Reader<T, B> {
    pub(crate) fn new(backend: Arc<B>) -> Self {
        Self { backend, element: PhantomData }
    }

    fn query<A>(
        &self,
        key: impl Into<Key>,
        query: Query,
        read: ResponseReader<T, A>,
    ) -> Pending<'_, T, A, B> {
        Pending::new(&self.backend, Command::Read { key: key.into(), query }, read)
    }

    /// Returns the entry of a key; `None` if it is absent.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<String>::builder().spawn();
    /// store.set("k", "v").await?;
    ///
    /// let entry = store.get("k").await?.unwrap();
    /// assert_eq!((entry.item().unwrap().as_str(), entry.revision), ("v", 1));
    /// assert_eq!(store.get("none").await?, None);
    /// # Ok(()) }
    /// ```
    pub fn get(&self, key: impl Into<Key>) -> Pending<'_, T, Option<Entry<T>>, B> {
        self.query(key, Query::Entry, results::entry)
    }

    /// Returns whether the key is present.
    pub fn contains(&self, key: impl Into<Key>) -> Pending<'_, T, bool, B> {
        self.query(key, Query::Contains, results::contains)
    }

    /// Returns the length of a list; `None` if the key is absent.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`] if the key holds an item.
    pub fn len(&self, key: impl Into<Key>) -> Pending<'_, T, Option<usize>, B> {
        self.query(key, Query::Length, results::length)
    }

    /// Returns the last element of a list, without copying the list; `None` if the key is absent or the
    /// list is empty.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`] if the key holds an item.
    pub fn last(&self, key: impl Into<Key>) -> Pending<'_, T, Option<T>, B> {
        self.query(key, Query::Last, results::last)
    }

    /// Returns elements of a list from `offset` (negative: counted from the end), at most `limit`; `None`
    /// if the key is absent.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`] if the key holds an item.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u32>::builder().spawn();
    /// store.set("list", vec![1, 2, 3, 4]).await?;
    /// assert_eq!(store.range("list", 1, 2).await?, Some(vec![2, 3]));
    /// assert_eq!(store.range("list", -1, 10).await?, Some(vec![4]));
    /// # Ok(()) }
    /// ```
    pub fn range(
        &self,
        key: impl Into<Key>,
        offset: isize,
        limit: usize,
    ) -> Pending<'_, T, Option<Vec<T>>, B> {
        self.query(key, Query::Range { offset, limit }, results::range)
    }

    /// As [`range`](Self::range), with the length and the revision of the list.
    #[doc(hidden)]
    pub fn slice(
        &self,
        key: impl Into<Key>,
        offset: isize,
        limit: usize,
    ) -> Pending<'_, T, Option<Slice<T>>, B> {
        self.query(key, Query::Slice { offset, limit }, results::slice)
    }

    /// Returns a sorted page of the keys with a prefix (`""`: of all keys).
    ///
    /// The first scan of a store builds an index of its keys in the background; after that, the cost of a page
    /// depends on its length only, and each new key costs a little more. The options are
    /// [`after`](PendingScan::after) and [`limit`](PendingScan::limit) (100 by default, at most 10,000).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u32>::builder().spawn();
    /// for key in ["b/1", "a/2", "a/1", "a/3"] {
    ///     store.set(key, 0).await?;
    /// }
    /// let page = store.keys("a/").limit(2).await?;
    /// assert_eq!(page.items, ["a/1", "a/2"]);
    /// let page = store.keys("a/").after(page.next.unwrap()).await?;
    /// assert_eq!((page.items, page.next), (vec!["a/3".into()], None));
    /// # Ok(()) }
    /// ```
    pub fn keys(&self, prefix: impl Into<Key>) -> PendingScan<'_, T, Key, B> {
        self.page(prefix, false, results::keys)
    }

    /// Returns a sorted page of the entries whose keys have a prefix (`""`: all). The options and the index are
    /// those of [`keys`](Self::keys).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<f64>::builder().spawn();
    /// store.set_many([("car/1", 10.0), ("car/2", 20.0), ("van/1", 30.0)]).await?;
    ///
    /// let page = store.scan("car/").await?;
    /// let speeds: Vec<_> = page.items.iter().filter_map(|(_, entry)| entry.item()).collect();
    /// assert_eq!(speeds, [&10.0, &20.0]);
    /// # Ok(()) }
    /// ```
    pub fn scan(&self, prefix: impl Into<Key>) -> PendingScan<'_, T, (Key, Entry<T>), B> {
        self.page(prefix, true, results::entries)
    }

    fn page<I>(
        &self,
        prefix: impl Into<Key>,
        entries: bool,
        read: ResponseReader<T, Page<I>>,
    ) -> PendingScan<'_, T, I, B> {
        let scan = Scan { prefix: prefix.into(), after: None, limit: DEFAULT_PAGE, entries };
        PendingScan::new(&self.backend, Command::Scan(scan), read)
    }

    /// Subscribes to changes: by default to those of all keys, from now on. The filter is set with
    /// [`key`](PendingSubscribe::key) or [`prefix`](PendingSubscribe::prefix), and the start with
    /// [`from_snapshot`](PendingSubscribe::from_snapshot) or [`after`](PendingSubscribe::after); the last call wins.
    ///
    /// # Errors
    ///
    /// For a subscription after a revision: [`Error::Compacted`] if neither the history nor the journal
    /// reaches back that far, [`Error::AheadOfHead`] and [`Error::WrongStore`] if the revision is not one of
    /// this store, [`Error::InsideBatch`] if it is inside a batch. If only the journal has that revision, the
    /// first call of [`recv`](crate::Subscription::recv) returns `InsideBatch` instead.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Event, Store};
    ///
    /// let store = Store::<f64>::builder().spawn();
    /// store.set("car/speed", 1.0).await?;
    ///
    /// let mut car = store.subscribe().prefix("car/").from_snapshot().await?;
    /// assert!(matches!(car.recv().await?, Event::Entry { key, .. } if key == "car/speed"));
    /// assert_eq!(car.recv().await?, Event::SnapshotEnd { revision: 1 });
    ///
    /// store.set("car/speed", 2.0).await?;
    /// assert!(matches!(car.recv().await?, Event::Change(change) if change.revision == 2));
    ///
    /// // Resume from here later, for example in another task:
    /// let token = car.resume_token().unwrap();
    /// let resumed = store.subscribe().prefix("car/").after(token).await?;
    /// # drop(resumed);
    /// # Ok(()) }
    /// ```
    pub fn subscribe(&self) -> PendingSubscribe<'_, T, B>
    where
        T: Clone + Send + Sync + 'static,
    {
        let subscribe = Subscribe { filter: Filter::All, start: Start::Now };
        PendingSubscribe::new(&self.backend, Command::Subscribe(subscribe), results::subscription)
    }
}

impl<T: Clone + Send + Sync + 'static> Reader<T> {
    /// Watches the newest value of one key. See [`Latest`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidKey`], [`Error::Closed`] or [`Error::Failed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: if the future is dropped, the store removes the watcher.
    pub async fn latest(&self, key: impl Into<Key>) -> Result<Latest<T>> {
        let key = key.into();
        key.validate()?;
        let watcher = Watcher::new(0);
        let message = Message::Watch { key: key.clone(), watcher: Arc::clone(&watcher) };
        let guard = results::watch(self.backend.call(message).await)?;
        let status = Arc::clone(&self.backend.hub().status);
        Ok(Latest::new(key, self.backend.view(), status, watcher, guard))
    }

    /// Waits until the store has recovered from its journal. Commands that are sent earlier wait in the queue.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if recovery failed, [`Error::Closed`] if the store was shut down.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::Store;
    /// use mainspring::journal::MemoryJournal;
    ///
    /// let store = Store::<u64>::builder().journal(MemoryJournal::new()).spawn();
    /// store.ready().await?;
    /// assert_eq!(store.view().get("hits"), None); // the view has the recovered entries from here on
    /// # Ok(()) }
    /// ```
    pub async fn ready(&self) -> Result<()> {
        let status = &self.backend.hub().status;
        status.ready().await;
        if status.is_ready() { Ok(()) } else { Err(status.error()) }
    }
}

impl<T> Reader<T> {
    /// Returns a view: synchronous reads that bypass the queue.
    pub fn view(&self) -> View<T> {
        self.backend.view()
    }

    /// Returns the id of the store. With a journal, it is valid once the store is [`ready`](Self::ready).
    pub fn id(&self) -> StoreId {
        self.backend.hub().id()
    }

    /// Returns the newest revision that has been published.
    pub fn revision(&self) -> u64 {
        self.backend.hub().history.head()
    }

    /// Waits until the store has ended: it was shut down, or it has failed.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with the cause, if it has failed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn closed(&self) -> Result<()> {
        let status = &self.backend.hub().status;
        status.ended().await;
        status.cause().map_or(Ok(()), |cause| Err(Error::Failed(Arc::clone(cause))))
    }

    /// Checks whether the store has recovered from its journal and accepts writes. Suited to a
    /// readiness probe: it takes one lock, which is never held for long.
    ///
    /// # Errors
    ///
    /// [`Error::Recovering`] until the store is [`ready`](Self::ready). [`Error::JournalFailed`] while it accepts no
    /// writes, because the outcome of an append is unknown, or the journal cannot be read: reads still work, and the
    /// store retries the journal by itself. [`Error::Closed`] or [`Error::Failed`] as soon as it begins to end.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Error, Store};
    ///
    /// let store = Store::<String>::builder().spawn();
    /// assert_eq!(store.health(), Err(Error::Recovering)); // the owner has not run yet
    /// store.ready().await?;
    /// assert_eq!(store.health(), Ok(()));
    ///
    /// store.shutdown().await?;
    /// assert_eq!(store.health(), Err(Error::Closed));
    /// # Ok(()) }
    /// ```
    pub fn health(&self) -> Result<()> {
        let hub = self.backend.hub();
        if self.backend.token().is_cancelled() {
            return Err(hub.status.error());
        }
        hub.status.health()
    }

    /// Returns whether the store accepts no commands any more.
    pub fn is_closed(&self) -> bool {
        self.backend.hub().status.is_closing()
    }

    /// Returns statistics of the store.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u64>::builder().spawn();
    /// store.set("hits", 1).await?;
    /// let stats = store.stats();
    /// assert_eq!((stats.revision, stats.commands), (1, 1));
    /// # Ok(()) }
    /// ```
    pub fn stats(&self) -> Stats {
        let (hub, queue) = (self.backend.hub(), self.backend.queue());
        let (counters, meter) = (self.backend.counters(), self.backend.meter());
        let history = hub.history.size();
        let revision = hub.history.head();
        Stats {
            entries: counters.entries.load(Ordering::Relaxed) as usize,
            bytes: counters.bytes.load(Ordering::Relaxed),
            revision,
            queued: queue.len(),
            queue_capacity: queue.capacity(),
            turns: counters.turns.load(Ordering::Relaxed),
            commands: counters.commands.load(Ordering::Relaxed),
            expired: counters.expired.load(Ordering::Relaxed),
            subscribers: hub.listeners.count() + hub.watchers.count(),
            lagged: hub.lag.lagged(),
            max_lag: hub.lag.max(revision),
            history_floor: history.floor,
            history_changes: history.changes,
            history_bytes: history.bytes,
            journal: meter.stats(),
        }
    }

    /// The histograms of turn sizes and sync times.
    #[doc(hidden)]
    pub fn histograms(&self, turns: u64) -> Histograms {
        let (turns, commands) = self.backend.counters().sizes.of(turns);
        Histograms { turns, commands, syncs: self.backend.meter().sync_times() }
    }

    /// Whether the store has recovered from its journal.
    #[doc(hidden)]
    pub fn has_recovered(&self) -> bool {
        self.backend.hub().status.is_ready()
    }
}

impl<T, B> Clone for Reader<T, B> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.backend))
    }
}

impl<T, B: fmt::Debug> fmt::Debug for Reader<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reader").field(&self.backend).finish()
    }
}
