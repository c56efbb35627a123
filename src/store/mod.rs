//! The handle that most users meet.

mod answer;
mod backend;
mod builder;
mod call;
mod gate;
mod latest;
mod local;
mod pending;
mod reader;
mod requests;
mod view;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use self::answer::ResponseReader;
pub use self::backend::Backend;
pub use self::builder::Builder;
pub use self::call::LocalCall;
pub use self::gate::{Gate, GateOptions};
pub use self::latest::Latest;
pub use self::local::Local;
pub use self::pending::{Call, Pending, Reply};
pub use self::reader::Reader;
pub use self::requests::{PendingPut, PendingScan, PendingSubscribe, PendingWrite, Position};
pub use self::view::View;
use crate::journal::CompactionReport;
use crate::model::{
    BatchError, Command, Entry, Error, IntoElement, Key, Popped, Pushed, Result, Trimmed, Value,
    Write, Written,
};

/// A cloneable handle to a store: sends commands to the owner and awaits the answers.
///
/// Cloning is cheap: give every task its own. When the last `Store` and [`Reader`] are gone, the owner
/// ends. A store is a [`Reader`] too, and has all of its methods.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mainspring::Store;
///
/// let store = Store::<String>::builder().spawn();
///
/// store.set("greeting", "hello").ttl(Duration::from_secs(60)).await?;
/// store.push("visitors", "ada").await?;
/// store.push("visitors", "grace").await?;
///
/// assert_eq!(store.get("greeting").await?.unwrap().item().unwrap(), "hello");
/// assert_eq!(store.pop("visitors").await?.element, "grace");
///
/// store.shutdown().await?;
/// # Ok(()) }
/// ```
pub struct Store<T, B = Local<T>> {
    reader: Reader<T, B>,
}

impl<T: Clone + Send + Sync + 'static> Store<T> {
    /// Start making a store.
    pub fn builder() -> Builder<T> {
        Builder::new()
    }
}

impl<T, B> Store<T, B> {
    #[doc(hidden)]
    pub fn over(backend: Arc<B>) -> Self {
        Self { reader: Reader::new(backend) }
    }

    fn put<A>(&self, write: Write<T>, read: ResponseReader<T, A>) -> PendingPut<'_, T, A, B> {
        PendingPut::new(&self.reader.backend, Command::Write(write), read)
    }

    fn change<A>(&self, write: Write<T>, read: ResponseReader<T, A>) -> PendingWrite<'_, T, A, B> {
        PendingWrite::new(&self.reader.backend, Command::Write(write), read)
    }

    fn many<A>(
        &self,
        writes: Vec<Write<T>>,
        read: ResponseReader<T, Vec<Result<A>>>,
    ) -> Pending<'_, T, Vec<Result<A>>, B> {
        Pending::new(&self.reader.backend, Command::Many(writes), read)
    }

    /// Set a key to a value: an item, or with a `Vec` a list. Answers the revision.
    ///
    /// Replaces whatever was there, with its deadline: without a [`ttl`](PendingPut::ttl) the store's
    /// default applies.
    pub fn set(
        &self,
        key: impl Into<Key>,
        value: impl Into<Value<T>>,
    ) -> PendingPut<'_, T, u64, B> {
        self.put(Write::set(key, value), answer::write)
    }

    /// Replace the value of a key that is present; its kind may change, and its deadline stays unless
    /// said otherwise. Answers the revision, or [`Error::NotFound`].
    pub fn update(
        &self,
        key: impl Into<Key>,
        value: impl Into<Value<T>>,
    ) -> PendingPut<'_, T, u64, B> {
        self.put(Write::update(key, value), answer::write)
    }

    /// Remove a key that is present. Answers the revision, or [`Error::NotFound`].
    pub fn remove(&self, key: impl Into<Key>) -> PendingWrite<'_, T, u64, B> {
        self.change(Write::remove(key), answer::write)
    }

    /// Add an element to the back of a list, which is created if it is absent, with the store's
    /// default deadline. Answers the revision and the length, or [`Error::WrongKind`].
    ///
    /// The change is [`Pushed`](crate::ChangeKind::Pushed), or [`Set`](crate::ChangeKind::Set) with a
    /// list of one if it created the list.
    pub fn push(
        &self,
        key: impl Into<Key>,
        element: impl IntoElement<T>,
    ) -> PendingPut<'_, T, Pushed, B> {
        self.put(Write::push(key, element), answer::write)
    }

    /// Add an element to the front of a list. As [`push`](Self::push).
    pub fn push_front(
        &self,
        key: impl Into<Key>,
        element: impl IntoElement<T>,
    ) -> PendingPut<'_, T, Pushed, B> {
        self.put(Write::push_front(key, element), answer::write)
    }

    /// Take the last element of a list. Answers it with the revision and the length, or
    /// [`Error::NotFound`], [`Error::WrongKind`] or [`Error::ListEmpty`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped after the command was queued, the element is popped and lost.
    pub fn pop(&self, key: impl Into<Key>) -> PendingWrite<'_, T, Popped<T>, B> {
        self.change(Write::pop(key), answer::write)
    }

    /// Take the first element of a list. As [`pop`](Self::pop).
    pub fn pop_front(&self, key: impl Into<Key>) -> PendingWrite<'_, T, Popped<T>, B> {
        self.change(Write::pop_front(key), answer::write)
    }

    /// Keep at most the last `keep` elements of a list: a history of bounded length. Answers how many elements were
    /// removed, and the revision and length, or [`Error::NotFound`] or [`Error::WrongKind`].
    ///
    /// A list that is short enough already is changed too, with a revision and a
    /// [`Trimmed`](crate::ChangeKind::Trimmed) of 0 elements. With 0 the list stays, and is empty. To push and trim at
    /// once, see [`keep_last`](PendingPut::keep_last).
    ///
    /// # Cancel safety
    ///
    /// As that of a [`Pending`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u32>::builder().spawn();
    /// store.set("car/speeds", vec![50, 60, 70, 80]).await?;
    ///
    /// let trimmed = store.trim("car/speeds", 3).await?;
    /// assert_eq!((trimmed.removed, trimmed.length), (1, 3));
    /// assert_eq!(store.range("car/speeds", 0, 10).await?, Some(vec![60, 70, 80]));
    /// # Ok(()) }
    /// ```
    pub fn trim(&self, key: impl Into<Key>, keep: usize) -> PendingWrite<'_, T, Trimmed, B> {
        self.change(Write::trim(key, keep), answer::write)
    }

    /// Keep at most the first `keep` elements of a list. As [`trim`](Self::trim).
    pub fn trim_front(&self, key: impl Into<Key>, keep: usize) -> PendingWrite<'_, T, Trimmed, B> {
        self.change(Write::trim_front(key, keep), answer::write)
    }

    /// Let a key that is present expire after `ttl`, more than zero and at most 100 years. Answers
    /// the revision, or [`Error::NotFound`].
    pub fn expire(&self, key: impl Into<Key>, ttl: Duration) -> PendingWrite<'_, T, u64, B> {
        self.change(Write::expire(key, ttl), answer::write)
    }

    /// Take the deadline from a key that is present. Answers the revision, or [`Error::NotFound`].
    pub fn persist(&self, key: impl Into<Key>) -> PendingWrite<'_, T, u64, B> {
        self.change(Write::persist(key), answer::write)
    }

    /// Do a write that is a value already: one that was read from somewhere, or is kept to be done again.
    /// Answers what it did, whichever it was.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Store, Write};
    ///
    /// let store = Store::<String>::builder().spawn();
    /// for write in [Write::push("visitors", "ada"), Write::push("visitors", "grace").if_present()] {
    ///     store.write(write).await?;
    /// }
    /// let popped = store.write(Write::pop("visitors")).await?;
    /// assert_eq!((popped.revision, popped.length), (3, 1));
    /// assert_eq!(popped.popped.unwrap(), "grace");
    /// # Ok(()) }
    /// ```
    pub fn write(&self, write: Write<T>) -> PendingPut<'_, T, Written<T>, B> {
        self.put(write, answer::write)
    }

    /// Do several writes, all or nothing, with nothing of others in between. Answers what each did.
    ///
    /// A batch travels whole: its changes have consecutive revisions, and subscribers get them as one
    /// event. Fails with the first write that is refused, and its place.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Error, Store, Write};
    ///
    /// let store = Store::<i64>::builder().spawn();
    /// store.batch([Write::set("from", 10), Write::set("to", 0)]).await?;
    ///
    /// let moved = store.batch([
    ///     Write::update("from", 0).if_revision(1),
    ///     Write::update("to", 10).if_revision(9), // it is at revision 2
    /// ]);
    /// let failed = moved.await.unwrap_err();
    /// assert_eq!((failed.index, failed.error), (1, Error::ConditionFailed { current: Some(2) }));
    /// assert_eq!(store.get("from").await?.unwrap().item(), Some(&10)); // nothing has happened
    /// # Ok(()) }
    /// ```
    pub fn batch(
        &self,
        writes: impl IntoIterator<Item = Write<T>>,
    ) -> Pending<'_, T, Vec<Written<T>>, B, BatchError> {
        let command = Command::Batch(writes.into_iter().collect());
        Pending::new(&self.reader.backend, command, answer::batch)
    }

    /// Set many keys with one message and one answer: for pipelines. The writes are independent of
    /// each other, and answered one by one, in order. Those to gated keys are refused.
    pub fn set_many<K: Into<Key>, V: Into<Value<T>>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Pending<'_, T, Vec<Result<u64>>, B> {
        let set = |(key, value)| Write::set(key, value);
        self.many(pairs.into_iter().map(set).collect(), answer::writes)
    }

    /// Push many elements to the back of one list with one message and one answer: for pipelines. The
    /// writes are independent of each other, and answered one by one, in order. Those to a gated key are
    /// refused.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u32>::builder().spawn();
    /// let pushed = store.push_many("list", 0..100).await?;
    /// assert_eq!(pushed[99].as_ref().unwrap().length, 100);
    /// # Ok(()) }
    /// ```
    pub fn push_many<E: IntoElement<T>>(
        &self,
        key: impl Into<Key>,
        elements: impl IntoIterator<Item = E>,
    ) -> Pending<'_, T, Vec<Result<Pushed>>, B> {
        let key = key.into();
        let push = |element: E| Write::push(&key, element);
        self.many(elements.into_iter().map(push).collect(), answer::writes)
    }

    /// Do many writes with one message and one answer, each for itself, whichever they are. As
    /// [`set_many`](Self::set_many).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Error, Store, Write};
    ///
    /// let store = Store::<u32>::builder().spawn();
    /// let done = store.write_many([Write::set("a", 1), Write::remove("b"), Write::push("c", 2)]).await?;
    /// assert_eq!(done[1], Err(Error::NotFound)); // the others were done
    /// assert_eq!(done[2].as_ref().unwrap().revision, 2);
    /// # Ok(()) }
    /// ```
    pub fn write_many(
        &self,
        writes: impl IntoIterator<Item = Write<T>>,
    ) -> Pending<'_, T, Vec<Result<Written<T>>>, B> {
        self.many(writes.into_iter().collect(), answer::writes)
    }

    /// Change a value that is present by a closure, which runs in the caller: again, with what is
    /// there then, whenever another write was faster. Returns the new entry.
    ///
    /// The closure may run many times, and should do nothing else. It cannot say no: a value that it
    /// leaves as it is counts as a change too, with a revision and an event; where that matters, `get`
    /// and then [`update`](Self::update) with `if_revision`. The deadline stays. A gated key,
    /// which takes no conditions, cannot be changed like this.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the key is absent; otherwise as [`update`](Self::update).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the last attempt may still take effect.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Store, Value};
    ///
    /// let store = Store::<u64>::builder().spawn();
    /// store.set("hits", 1).await?;
    /// let entry = store.modify("hits", |value| {
    ///     if let Value::Item(hits) = value {
    ///         *hits += 1;
    ///     }
    /// });
    /// assert_eq!(entry.await?.item(), Some(&2));
    /// # Ok(()) }
    /// ```
    pub async fn modify(
        &self,
        key: impl Into<Key>,
        mut change: impl FnMut(&mut Value<T>),
    ) -> Result<Entry<T>>
    where
        T: Clone,
        B: Backend<T>,
    {
        let key = key.into();
        loop {
            let mut entry = self.get(&key).await?.ok_or(Error::NotFound)?;
            change(&mut entry.value);
            let update = Write::update(&key, entry.value.clone()).if_revision(entry.revision);
            match self.write(update).await {
                Ok(Written { revision, updated_at, .. }) => {
                    return Ok(Entry { revision, updated_at, ..entry });
                }
                Err(Error::ConditionFailed { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Remove everything. Answers how many live keys went. Takes one revision, or none if the store
    /// was empty.
    pub fn clear(&self) -> Pending<'_, T, usize, B> {
        Pending::new(&self.reader.backend, Command::Clear, answer::cleared)
    }

    /// Replace the journal's log by a snapshot, so that the disk has room again and the next start is fast. Returns when
    /// that is done; other work goes on meanwhile. Without a journal it does nothing, and returns the newest
    /// revision and no bytes.
    ///
    /// One compaction runs at a time. A call during another one waits for its end, and then for one more, which it
    /// shares with the other calls that wait: the snapshot is never older than the call. So after a
    /// [`clear`](Self::clear), what was removed is not in the snapshot.
    ///
    /// How much of the older log is kept for subscribers is a setting of the journal, such as
    /// `FileJournal::history_bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::CompactionFailed`] with the cause: there is no room for the snapshot, no file descriptor, no
    /// permission. The log stays as it is. [`Error::JournalFailed`] if the journal takes no writes.
    /// [`Error::Closed`] if the store is shut down meanwhile, which ends the compaction. Over HTTP,
    /// [`Error::Unknown`] if the answer is lost: the compaction may go on, and
    /// [`JournalStats`](crate::journal::JournalStats) counts its end.
    ///
    /// # Cancel safety
    ///
    /// Once the command was queued, dropping the future does not stop the compaction.
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
    /// for hits in 1..=100 {
    ///     store.set("hits", hits).await?;
    /// }
    /// assert_eq!(store.compact().await?.revision, 100);
    /// # Ok(()) }
    /// ```
    pub fn compact(&self) -> Pending<'_, T, CompactionReport, B> {
        Pending::new(&self.reader.backend, Command::Compact, answer::compacted)
    }
}

impl<T, B> Store<T, B> {
    /// A handle that cannot write.
    pub fn reader(&self) -> Reader<T, B> {
        self.reader.clone()
    }
}

impl<T> Store<T> {
    /// The token that stops the store: a child of the one that the builder was given. When it, or its
    /// parent, is cancelled, a shutdown begins as soon as the owner sees it, after its turn.
    pub fn token(&self) -> &CancellationToken {
        self.reader.backend.token()
    }

    /// Begin a shutdown, without waiting for it: nothing new is accepted, what is queued is finished
    /// until the shutdown deadline, the journal is synced, and subscriptions end after the last
    /// change. Nothing that was acknowledged is lost.
    pub fn cancel(&self) {
        self.reader.backend.hub().status.close();
        self.token().cancel();
    }

    /// Shut down, and wait until that is done. See [`cancel`](Self::cancel).
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with the cause, if the store has failed before, or could not close its
    /// journal.
    ///
    /// # Cancel safety
    ///
    /// The shutdown goes on if the future is dropped.
    pub async fn shutdown(&self) -> Result<()> {
        self.cancel();
        self.closed().await
    }
}

impl<T, B> Deref for Store<T, B> {
    type Target = Reader<T, B>;

    fn deref(&self) -> &Reader<T, B> {
        &self.reader
    }
}

impl<T, B> Clone for Store<T, B> {
    fn clone(&self) -> Self {
        Self { reader: self.reader.clone() }
    }
}

impl<T, B: fmt::Debug> fmt::Debug for Store<T, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.reader.backend).finish()
    }
}
