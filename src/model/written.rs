//! Results of writes.

use std::fmt;

use crate::model::Timestamp;

/// The result of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// The revision of the change.
    pub revision: u64,
    /// The length of the list after it.
    pub length: usize,
}

impl<T> From<Written<T>> for Pushed {
    fn from(Written { revision, length, .. }: Written<T>) -> Self {
        Self { revision, length }
    }
}

/// The result of a pop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Popped<T> {
    /// The element that was removed.
    pub element: T,
    /// The revision of the change.
    pub revision: u64,
    /// The length of the list after it.
    pub length: usize,
}

impl<T> From<Written<T>> for Popped<T> {
    fn from(Written { revision, length, popped, .. }: Written<T>) -> Self {
        match popped {
            Some(element) => Self { element, revision, length },
            None => unreachable!("an accepted pop returns an element"),
        }
    }
}

impl<T> From<Written<T>> for u64 {
    /// Returns the revision.
    fn from(written: Written<T>) -> Self {
        written.revision
    }
}

/// The result of a trim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trimmed {
    /// The revision of the change.
    pub revision: u64,
    /// The length of the list after it.
    pub length: usize,
    /// How many elements were removed.
    pub removed: usize,
}

impl<T> From<Written<T>> for Trimmed {
    fn from(Written { revision, length, removed, .. }: Written<T>) -> Self {
        Self { revision, length, removed: removed.unwrap_or_default() }
    }
}

/// The result of a write: returned by [`Store::write`](crate::Store::write), and for each write of a batch.
#[derive(Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The revision of the change. A subscription can resume after that of the last write of a batch.
    pub revision: u64,
    /// When the write was decided: the `updated_at` of the entry, if the key is present after it.
    pub updated_at: Timestamp,
    /// The length of the list after a push, a pop or a trim, and 0 otherwise.
    pub length: usize,
    /// The element that a pop removed.
    pub popped: Option<T>,
    /// How many elements a trim removed.
    pub removed: Option<usize>,
    pub(crate) replaced: ReplacedItem<T>,
}

impl<T> Written<T> {
    /// The result of a write; `counts` is its effect on the list of the key.
    #[doc(hidden)]
    pub fn new(revision: u64, updated_at: Timestamp, counts: Counts) -> Self {
        let Counts { length, removed } = counts;
        let replaced = ReplacedItem::NOTHING;
        Self { revision, updated_at, length, popped: None, removed, replaced }
    }
}

/// The effect of a write on a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The length of the list after the write.
    pub length: usize,
    /// How many elements a trim removed.
    pub removed: Option<usize>,
}

/// An item that a write replaced. It is sent to the caller, which drops it.
///
/// Freeing memory that has not been used for long is the slowest part of a write, and all callers wait for the
/// owner: throughput is 1.1 to 1.3 times as high when the caller drops the item. It is not part of the result:
/// comparisons ignore it, and a clone has none.
pub(crate) struct ReplacedItem<T>(Option<T>);

impl<T> ReplacedItem<T> {
    pub(crate) const NOTHING: Self = Self(None);

    pub(crate) fn item(item: T) -> Self {
        Self(Some(item))
    }
}

impl<T> Clone for ReplacedItem<T> {
    fn clone(&self) -> Self {
        Self::NOTHING
    }
}

impl<T> PartialEq for ReplacedItem<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for ReplacedItem<T> {}

impl<T: fmt::Debug> fmt::Debug for Written<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written")
            .field("revision", &self.revision)
            .field("updated_at", &self.updated_at)
            .field("length", &self.length)
            .field("popped", &self.popped)
            .field("removed", &self.removed)
            .finish()
    }
}
