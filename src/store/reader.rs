//! A handle that can read and subscribe, and not write.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::answer::{self, ResponseReader};
use super::{Latest, Local, Pending, PendingScan, PendingSubscribe, View};
use crate::feed::Watcher;
use crate::model::{
    Command, Entry, Error, Filter, Key, Page, Query, Result, Scan, Slice, Start, Stats, StoreId,
    Subscribe,
};
use crate::owner::counters::Histograms;
use crate::owner::message::Message;

/// How many keys or entries a page has, unless said otherwise.
const DEFAULT_PAGE: usize = 100;

/// A cloneable handle that can read and subscribe, and not write.
///
/// Give this to the tasks that only consume, and keep the [`Store`](crate::Store), which is a reader
/// and more, where data comes from. Reads go through the owner: they are ordered after every command
/// that was sent before them, and see a batch whole. For reads that need not be, there is
/// [`view`](Self::view).
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

    /// The entry of a key; `None` when it is absent.
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
        self.query(key, Query::Entry, answer::entry)
    }

    /// Whether the key is present.
    pub fn contains(&self, key: impl Into<Key>) -> Pending<'_, T, bool, B> {
        self.query(key, Query::Contains, answer::contains)
    }

    /// The length of a list; `None` when the key is absent. [`Error::WrongKind`] if it is an item.
    pub fn len(&self, key: impl Into<Key>) -> Pending<'_, T, Option<usize>, B> {
        self.query(key, Query::Length, answer::length)
    }

    /// The last element of a list, without copying the list; `None` when the key is absent or the
    /// list is empty. [`Error::WrongKind`] if it is an item.
    pub fn last(&self, key: impl Into<Key>) -> Pending<'_, T, Option<T>, B> {
        self.query(key, Query::Last, answer::last)
    }

    /// Elements of a list from `offset` (negative: counted from the end), at most `limit`; `None`
    /// when the key is absent. [`Error::WrongKind`] if it is an item.
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
        self.query(key, Query::Range { offset, limit }, answer::range)
    }

    /// As [`range`](Self::range), with the length and the revision of the list.
    #[doc(hidden)]
    pub fn slice(
        &self,
        key: impl Into<Key>,
        offset: isize,
        limit: usize,
    ) -> Pending<'_, T, Option<Slice<T>>, B> {
        self.query(key, Query::Slice { offset, limit }, answer::slice)
    }

    /// A sorted page of the keys with a prefix (`""`: of all keys).
    ///
    /// The first scan of a store builds an index of its keys, beside other work; from then on a page
    /// costs what is on it, and each new key a little more. Add `after` and `limit` (100 unless said
    /// otherwise, at most 10,000).
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
        self.page(prefix, false, answer::keys)
    }

    /// A sorted page of the entries whose keys have a prefix (`""`: all). As [`keys`](Self::keys).
    pub fn scan(&self, prefix: impl Into<Key>) -> PendingScan<'_, T, (Key, Entry<T>), B> {
        self.page(prefix, true, answer::entries)
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

    /// Subscribe to changes: from now on and of all keys, unless said otherwise with
    /// [`key`](PendingSubscribe::key) or [`prefix`](PendingSubscribe::prefix), of which the last counts, and with
    /// [`from_snapshot`](PendingSubscribe::from_snapshot) or [`after`](PendingSubscribe::after), of which the last counts.
    ///
    /// # Errors
    ///
    /// Of a subscription after a revision: [`Error::Compacted`] if neither the history nor the journal
    /// reaches back that far, [`Error::AheadOfHead`] and [`Error::WrongStore`] if the revision is not of
    /// this store, [`Error::InsideBatch`] if it is inside a batch: of a revision that only the journal has, the
    /// subscription says that itself, as the first thing.
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
    /// // Go on from here later, perhaps in another task:
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
        PendingSubscribe::new(&self.backend, Command::Subscribe(subscribe), answer::subscription)
    }
}

impl<T: Clone + Send + Sync + 'static> Reader<T> {
    /// Follow the newest value of one key.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidKey`], or [`Error::Closed`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn latest(&self, key: impl Into<Key>) -> Result<Latest<T>> {
        let key = key.into();
        key.validate()?;
        let watcher = Watcher::new(0);
        let message = Message::Watch { key: key.clone(), watcher: Arc::clone(&watcher) };
        let guard = answer::watch(self.backend.call(message).await)?;
        let status = Arc::clone(&self.backend.hub().status);
        Ok(Latest::new(key, self.backend.view(), status, watcher, guard))
    }

    /// Wait until what the journal holds has been recovered, and say how that went. Commands need
    /// not wait for it: they queue.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] if it could not be recovered, [`Error::Closed`] if the store was shut down.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn ready(&self) -> Result<()> {
        let status = &self.backend.hub().status;
        status.ready().await;
        if status.is_ready() { Ok(()) } else { Err(status.error()) }
    }
}

impl<T> Reader<T> {
    /// Synchronous reads beside the owner.
    pub fn view(&self) -> View<T> {
        self.backend.view()
    }

    /// The id of the store. With a journal, it is known once the store is [`ready`](Self::ready).
    pub fn id(&self) -> StoreId {
        self.backend.hub().id()
    }

    /// The newest revision that has been published.
    pub fn revision(&self) -> u64 {
        self.backend.hub().history.head()
    }

    /// Wait until the store has ended: it was shut down, or it has failed.
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

    /// Whether the store is fit for work: it has recovered what its journal holds, and takes writes. For a
    /// readiness probe; costs no more than a lock that is never held for long.
    ///
    /// # Errors
    ///
    /// [`Error::Recovering`] until it is [`ready`](Self::ready). [`Error::JournalFailed`] while it takes no
    /// writes, because its journal did not say what became of one, or cannot be read: reads go on, and the store
    /// asks the journal again by itself. [`Error::Closed`] or [`Error::Failed`] from the moment on in which
    /// it begins to end.
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

    /// Whether the store takes no commands any more.
    pub fn is_closed(&self) -> bool {
        self.backend.hub().status.is_closing()
    }

    /// How the store is doing, in numbers.
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

    /// How many turns had how many commands, and how long syncs took.
    #[doc(hidden)]
    pub fn histograms(&self, turns: u64) -> Histograms {
        let (turns, commands) = self.backend.counters().sizes.of(turns);
        Histograms { turns, commands, syncs: self.backend.meter().sync_times() }
    }

    /// Whether what the journal holds has been recovered.
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
