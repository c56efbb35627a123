//! Synchronous reads that bypass the queue.
//!
//! The map is shared: the owner writes it, and views and snapshots read it under the lock of one shard at a time.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::model::{Entry, Result};
use crate::owner::clock::Clock;
use crate::owner::counters::Counters;
use crate::state::Map;

/// Synchronous reads that bypass the owner's queue, without switching to another task.
///
/// A view sees every write that was acknowledged before the read began. It may see a write that is
/// not acknowledged yet, and a part of a batch: to observe batches atomically, read through the owner
/// with [`Reader::get`](crate::Reader::get).
///
/// A read clones the value under the read lock of a shard, for which the owner may wait, so make `T` cheap to clone
/// (an `Arc<str>` rather than a long `String`).
///
/// A view does not keep the store alive, and can be read after the store has ended. While a store with a
/// journal recovers, a view sees the entries recovered so far: wait until the store is
/// [`ready`](crate::Reader::ready). Keys past their deadline are absent. A view has no scans,
/// because the index of keys belongs to the owner.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = mainspring::Store::<f64>::builder().spawn();
/// store.set("car/speed", 42.0).await?;
///
/// let view = store.view();
/// assert_eq!(view.get("car/speed").unwrap().item(), Some(&42.0));
/// # Ok(()) }
/// ```
pub struct View<T> {
    map: Arc<Map<T>>,
    clock: Arc<Clock>,
    counters: Arc<Counters>,
}

impl<T> View<T> {
    pub(crate) fn new(map: Arc<Map<T>>, clock: Arc<Clock>, counters: Arc<Counters>) -> Self {
        Self { map, clock, counters }
    }

    /// Returns whether the key is present.
    pub fn contains(&self, key: &str) -> bool {
        self.map.contains(self.map.hash(key), key, self.clock.now())
    }

    /// Returns the length of a list; `None` if the key is absent.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`](crate::Error::WrongKind) if the key holds an item.
    pub fn len(&self, key: &str) -> Result<Option<usize>> {
        self.map.len(self.map.hash(key), key, self.clock.now())
    }

    /// Returns the number of entries after the last turn, including those whose deadline passed some milliseconds
    /// ago.
    pub fn entries(&self) -> usize {
        self.counters.entries.load(Ordering::Relaxed) as usize
    }

    /// The time of the store, by which its entries expire.
    #[doc(hidden)]
    pub fn now(&self) -> crate::model::Timestamp {
        self.clock.now()
    }

    pub(crate) fn revision(&self, key: &str) -> Option<u64> {
        self.map.revision(self.map.hash(key), key, self.clock.now())
    }
}

impl<T: Clone> View<T> {
    /// Returns the entry of a key; `None` if it is absent.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let store = mainspring::Store::<u64>::builder().spawn();
    /// let view = store.view();
    /// assert_eq!(view.get("hits"), None);
    ///
    /// store.set("hits", 1).await?;
    /// assert_eq!(view.get("hits").and_then(|entry| entry.into_item()), Some(1));
    /// # Ok(()) }
    /// ```
    pub fn get(&self, key: &str) -> Option<Entry<T>> {
        self.map.get(self.map.hash(key), key, self.clock.now())
    }

    /// Returns the last element of a list; `None` if the key is absent or the list is empty.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`](crate::Error::WrongKind) if the key holds an item.
    pub fn last(&self, key: &str) -> Result<Option<T>> {
        self.map.last(self.map.hash(key), key, self.clock.now())
    }

    /// Returns elements of a list from `offset` (negative: counted from the end), at most `limit`; `None`
    /// if the key is absent.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`](crate::Error::WrongKind) if the key holds an item.
    pub fn range(&self, key: &str, offset: isize, limit: usize) -> Result<Option<Vec<T>>> {
        self.map.range(self.map.hash(key), key, self.clock.now(), (offset, limit))
    }
}

impl<T> Clone for View<T> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.map), Arc::clone(&self.clock), Arc::clone(&self.counters))
    }
}

impl<T> fmt::Debug for View<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("entries", &self.entries()).finish_non_exhaustive()
    }
}
