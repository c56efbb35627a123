//! Handles, the builder, pending commands, and backends.
//!
//! A method of a handle creates a `Command` and wraps it in a `Pending` value. Nothing is sent until that is awaited
//! or sent, so options are methods of a value, and a command that found no room is returned unchanged. The
//! `Backend` carries the command to the owner in this process or to a server; every method is written once for both.

mod backend;
mod builder;
mod call;
mod gate;
mod latest;
mod local;
mod pending;
mod reader;
mod requests;
mod results;
mod view;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use self::backend::Backend;
pub use self::builder::Builder;
pub use self::call::LocalCall;
pub use self::gate::{Gate, GateOptions};
pub use self::latest::Latest;
pub use self::local::Local;
pub use self::pending::{Call, Pending, Reply};
pub use self::reader::Reader;
pub use self::requests::{PendingPut, PendingScan, PendingSubscribe, PendingWrite, Position};
use self::results::ResponseReader;
pub use self::view::View;
use crate::journal::CompactionReport;
use crate::model::{
    BatchError, Command, Entry, Error, IntoElement, Key, Popped, Pushed, Result, Trimmed, Value,
    Write, Written,
};

/// A cloneable handle to a store: sends commands to the owner and awaits the replies.
///
/// Cloning is cheap: give every task its own handle. The owner ends when the last `Store` and [`Reader`] are dropped.
/// A store dereferences to a [`Reader`], and has all of its methods.
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
    /// Returns a builder of a store.
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

    /// Sets a key to a value: an item, or a list if it is a `Vec`. Returns the revision.
    ///
    /// Replaces the value and the deadline of a key that is present: without a [`ttl`](PendingPut::ttl), the default
    /// of the store applies.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidKey`], [`Error::InvalidTtl`]; [`Error::ConditionFailed`] if a condition is not met;
    /// [`Error::OverLimit`] or [`Error::TooLarge`] at a limit; [`Error::Refused`] by a gate. Every command can fail
    /// with [`Error::Closed`] and [`Error::Failed`], every write over a journal with [`Error::JournalFull`],
    /// [`Error::JournalFailed`] and [`Error::Unknown`].
    ///
    /// # Cancel safety
    ///
    /// See [`Pending`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let store = mainspring::Store::<f64>::builder().spawn();
    /// let revision = store.set("car/speed", 42.0).await?;
    /// assert_eq!(revision, 1);
    /// store.set("car/speed", 50.0).ttl(Duration::from_secs(60)).if_revision(revision).await?;
    /// store.set("car/route", vec![1.0, 2.0]).await?; // a list
    /// # Ok(()) }
    /// ```
    pub fn set(
        &self,
        key: impl Into<Key>,
        value: impl Into<Value<T>>,
    ) -> PendingPut<'_, T, u64, B> {
        self.put(Write::set(key, value), results::write)
    }

    /// Replaces the value of a key that is present. Returns the revision. The kind of the value may change; the
    /// deadline is kept unless [`ttl`](PendingPut::ttl) or [`no_ttl`](PendingPut::no_ttl) is used.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the key is absent, and the errors of [`set`](Self::set).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Error, Store};
    ///
    /// let store = Store::<u64>::builder().spawn();
    /// assert_eq!(store.update("hits", 1).await, Err(Error::NotFound));
    /// store.set("hits", 1).await?;
    /// assert_eq!(store.update("hits", 2).await, Ok(2));
    /// # Ok(()) }
    /// ```
    pub fn update(
        &self,
        key: impl Into<Key>,
        value: impl Into<Value<T>>,
    ) -> PendingPut<'_, T, u64, B> {
        self.put(Write::update(key, value), results::write)
    }

    /// Removes a key that is present. Returns the revision.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the key is absent, [`Error::ConditionFailed`] if a condition is not met.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u64>::builder().spawn();
    /// let revision = store.set("hits", 1).await?;
    /// store.remove("hits").if_revision(revision).await?;
    /// assert_eq!(store.get("hits").await?, None);
    /// # Ok(()) }
    /// ```
    pub fn remove(&self, key: impl Into<Key>) -> PendingWrite<'_, T, u64, B> {
        self.change(Write::remove(key), results::write)
    }

    /// Adds an element to the back of a list. Returns the revision and the new length. If the key is absent, the list
    /// is created, with the default time to live of the store.
    ///
    /// The change is [`Pushed`](crate::ChangeKind::Pushed), or [`Set`](crate::ChangeKind::Set) with a
    /// list of one element if it created the list.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`] if the key holds an item, and the errors of [`set`](Self::set).
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<String>::builder().spawn();
    /// store.push("visitors", "ada").await?;
    /// let pushed = store.push("visitors", "grace").await?;
    /// assert_eq!((pushed.revision, pushed.length), (2, 2));
    /// # Ok(()) }
    /// ```
    pub fn push(
        &self,
        key: impl Into<Key>,
        element: impl IntoElement<T>,
    ) -> PendingPut<'_, T, Pushed, B> {
        self.put(Write::push(key, element), results::write)
    }

    /// Adds an element to the front of a list, or creates the list if the key is absent. The results and the errors are
    /// those of [`push`](Self::push).
    pub fn push_front(
        &self,
        key: impl Into<Key>,
        element: impl IntoElement<T>,
    ) -> PendingPut<'_, T, Pushed, B> {
        self.put(Write::push_front(key, element), results::write)
    }

    /// Removes the last element of a list. Returns it with the revision and the new length.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the key is absent, [`Error::WrongKind`] if it holds an item, [`Error::ListEmpty`] if the
    /// list has no elements.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: if the future is dropped after the command was queued, the element is removed and lost.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Error, Store};
    ///
    /// let store = Store::<u32>::builder().spawn();
    /// store.set("jobs", vec![1]).await?;
    /// assert_eq!(store.pop("jobs").await?.element, 1);
    /// assert_eq!(store.pop("jobs").await, Err(Error::ListEmpty));
    /// # Ok(()) }
    /// ```
    pub fn pop(&self, key: impl Into<Key>) -> PendingWrite<'_, T, Popped<T>, B> {
        self.change(Write::pop(key), results::write)
    }

    /// Removes the first element of a list. The results, the errors and the cancel safety are those of
    /// [`pop`](Self::pop).
    pub fn pop_front(&self, key: impl Into<Key>) -> PendingWrite<'_, T, Popped<T>, B> {
        self.change(Write::pop_front(key), results::write)
    }

    /// Keeps at most the last `keep` elements of a list, for a list of bounded length. Returns how many elements were
    /// removed, the revision and the new length.
    ///
    /// Trimming a list that is short enough is a change as well, with a revision and a
    /// [`Trimmed`](crate::ChangeKind::Trimmed) of 0 elements. With `keep` = 0 the list becomes empty and stays
    /// present. To push and trim in one command, see [`keep_last`](PendingPut::keep_last).
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the key is absent, [`Error::WrongKind`] if it holds an item.
    ///
    /// # Cancel safety
    ///
    /// See [`Pending`].
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
        self.change(Write::trim(key, keep), results::write)
    }

    /// Keeps at most the first `keep` elements of a list. The results and the errors are those of
    /// [`trim`](Self::trim).
    pub fn trim_front(&self, key: impl Into<Key>, keep: usize) -> PendingWrite<'_, T, Trimmed, B> {
        self.change(Write::trim_front(key, keep), results::write)
    }

    /// Sets the deadline of a key that is present to `ttl` from now: more than zero and at most 100 years. Returns
    /// the revision.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the key is absent, [`Error::InvalidTtl`] if `ttl` is out of range.
    pub fn expire(&self, key: impl Into<Key>, ttl: Duration) -> PendingWrite<'_, T, u64, B> {
        self.change(Write::expire(key, ttl), results::write)
    }

    /// Removes the deadline of a key that is present. Returns the revision.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the key is absent.
    pub fn persist(&self, key: impl Into<Key>) -> PendingWrite<'_, T, u64, B> {
        self.change(Write::persist(key), results::write)
    }

    /// Sends a [`Write`] value, for example one that was deserialized, or that is retried. Returns its result,
    /// whatever its action is.
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
        self.put(write, results::write)
    }

    /// Applies several writes atomically, without other changes in between. Returns the result of each.
    ///
    /// The changes of a batch have consecutive revisions, and are delivered to subscribers as one event.
    ///
    /// # Errors
    ///
    /// [`BatchError`] with the first write that is rejected: its index and its error. Then nothing is applied. Writes
    /// to gated keys are rejected with [`Error::Refused`].
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
    ///     Write::update("to", 10).if_revision(9), // the key is at revision 2
    /// ]);
    /// let failed = moved.await.unwrap_err();
    /// assert_eq!((failed.index, failed.error), (1, Error::ConditionFailed { current: Some(2) }));
    /// assert_eq!(store.get("from").await?.unwrap().item(), Some(&10)); // unchanged
    /// # Ok(()) }
    /// ```
    pub fn batch(
        &self,
        writes: impl IntoIterator<Item = Write<T>>,
    ) -> Pending<'_, T, Vec<Written<T>>, B, BatchError> {
        let command = Command::Batch(writes.into_iter().collect());
        Pending::new(&self.reader.backend, command, results::batch)
    }

    /// Sets many keys with one command and one reply, for pipelining. The writes are independent of
    /// each other; the results are in their order. Writes to gated keys are rejected.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u32>::builder().spawn();
    /// let revisions = store.set_many([("a", 1), ("b", 2)]).await?;
    /// assert_eq!(revisions, [Ok(1), Ok(2)]);
    /// # Ok(()) }
    /// ```
    pub fn set_many<K: Into<Key>, V: Into<Value<T>>>(
        &self,
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> Pending<'_, T, Vec<Result<u64>>, B> {
        let set = |(key, value)| Write::set(key, value);
        self.many(pairs.into_iter().map(set).collect(), results::writes)
    }

    /// Pushes many elements to the back of one list with one command and one reply, for pipelining. The
    /// writes are independent of each other; the results are in their order. Writes to a gated key are
    /// rejected.
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
        self.many(elements.into_iter().map(push).collect(), results::writes)
    }

    /// Sends many independent writes of any kind with one command and one reply. The results are in the order of the
    /// writes. Writes to gated keys are rejected, as by [`set_many`](Self::set_many).
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
    /// assert_eq!(done[1], Err(Error::NotFound)); // the other writes were applied
    /// assert_eq!(done[2].as_ref().unwrap().revision, 2);
    /// # Ok(()) }
    /// ```
    pub fn write_many(
        &self,
        writes: impl IntoIterator<Item = Write<T>>,
    ) -> Pending<'_, T, Vec<Result<Written<T>>>, B> {
        self.many(writes.into_iter().collect(), results::writes)
    }

    /// Modifies a value that is present with a closure, which runs in the caller. If another write changes the key
    /// first, the closure runs again with the new value. Returns the new entry.
    ///
    /// The closure may run many times, so it should have no other side effects. It cannot abort: leaving the value as
    /// it is still makes a change, with a revision and an event. To avoid that, use `get`
    /// and then [`update`](Self::update) with `if_revision`. The deadline is kept. The value of a gated key cannot be
    /// modified like this, because writes to gated keys take no conditions.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if the key is absent, and the errors of [`update`](Self::update).
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

    /// Removes all keys. Returns how many live keys were removed. Makes one change, or none if the store
    /// was empty. A clear passes no gate.
    pub fn clear(&self) -> Pending<'_, T, usize, B> {
        Pending::new(&self.reader.backend, Command::Clear, results::cleared)
    }

    /// Replaces the log of the journal by a snapshot, which frees disk space and shortens the next start. Returns when
    /// that is done; the store keeps serving commands while it runs. Without a journal it does nothing, and reports the
    /// newest revision and zero bytes.
    ///
    /// One compaction runs at a time. A call during a compaction waits for its end, and then for one more compaction,
    /// which all waiting calls share: the snapshot is never older than the call. So after a
    /// [`clear`](Self::clear), the snapshot contains none of the removed keys.
    ///
    /// How much of the older log is kept for subscribers is a setting of the journal, such as
    /// `FileJournal::history_bytes`.
    ///
    /// # Errors
    ///
    /// [`Error::CompactionFailed`] with the cause: there is no room for the snapshot, no file descriptor, no
    /// permission. The log is unchanged then. [`Error::JournalFailed`] if the journal accepts no writes.
    /// [`Error::Closed`] if the store is shut down during the compaction, which ends it. Over HTTP,
    /// [`Error::Unknown`] if the reply is lost: the compaction may still be running, and
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
        Pending::new(&self.reader.backend, Command::Compact, results::compacted)
    }
}

impl<T, B> Store<T, B> {
    /// Returns a handle that cannot write.
    pub fn reader(&self) -> Reader<T, B> {
        self.reader.clone()
    }
}

impl<T> Store<T> {
    /// Returns the token that stops the store: a child of the token that was passed to the builder. When it or its
    /// parent is cancelled, the owner begins the shutdown after its current turn.
    pub fn token(&self) -> &CancellationToken {
        self.reader.backend.token()
    }

    /// Begins a shutdown without waiting for it: new commands are rejected, queued commands are finished
    /// until the shutdown deadline, the journal is synced, and subscriptions end after the last
    /// change. No acknowledged write is lost.
    pub fn cancel(&self) {
        self.reader.backend.hub().status.close();
        self.token().cancel();
    }

    /// Shuts the store down, and waits for its end. See [`cancel`](Self::cancel).
    ///
    /// # Errors
    ///
    /// [`Error::Failed`] with the cause, if the store has failed before, or could not close its
    /// journal.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the shutdown continues.
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
