//! Reads that skip the channel.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::model::{Entry, Result};
use crate::owner::clock::Clock;
use crate::owner::counters::Counters;
use crate::state::Map;

/// Synchronous reads beside the owner: no queue, no hand-over to another task.
///
/// A view sees every write that was acknowledged before the read began. It may see a write that is
/// not acknowledged yet, and of a batch a part: what must see a batch whole goes through the owner,
/// with [`Reader::get`](crate::Reader::get).
///
/// Nothing here can write: the map's write lock is private to the owner. Under its read lock a value
/// is cloned and nothing else, so make `T` cheap to clone (an `Arc<str>` rather than a long `String`).
///
/// A view does not keep the store alive, and can be read after it has ended. While a store with a
/// journal recovers, a view sees what is there so far: wait until it is
/// [`ready`](crate::Reader::ready). What is past its deadline is absent here too. There are no scans:
/// those go through the owner, who keeps the keys in order.
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

    /// Whether the key is present.
    pub fn contains(&self, key: &str) -> bool {
        self.map.contains(self.map.hash(key), key, self.clock.now())
    }

    /// The length of a list; `None` when the key is absent.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`](crate::Error::WrongKind) if the key holds an item.
    pub fn len(&self, key: &str) -> Result<Option<usize>> {
        self.map.len(self.map.hash(key), key, self.clock.now())
    }

    /// The number of entries, including those that are past their deadline for some milliseconds. As
    /// of the last turn: a moment behind while the owner is at work.
    pub fn entries(&self) -> usize {
        self.counters.entries.load(Ordering::Relaxed) as usize
    }

    /// The time of the store, which is also that of its entries.
    #[doc(hidden)]
    pub fn now(&self) -> crate::model::Timestamp {
        self.clock.now()
    }

    pub(crate) fn revision(&self, key: &str) -> Option<u64> {
        self.map.revision(self.map.hash(key), key, self.clock.now())
    }
}

impl<T: Clone> View<T> {
    /// The entry of a key; `None` when it is absent.
    pub fn get(&self, key: &str) -> Option<Entry<T>> {
        self.map.get(self.map.hash(key), key, self.clock.now())
    }

    /// The last element of a list; `None` when the key is absent or the list is empty.
    ///
    /// # Errors
    ///
    /// [`Error::WrongKind`](crate::Error::WrongKind) if the key holds an item.
    pub fn last(&self, key: &str) -> Result<Option<T>> {
        self.map.last(self.map.hash(key), key, self.clock.now())
    }

    /// Elements of a list from `offset` (negative: counted from the end), at most `limit`; `None`
    /// when the key is absent.
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
