//! What the owner answers.

use std::fmt;

use crate::feed::{ListenerGuard, SubscriptionSource};
use crate::journal::CompactionReport;
use crate::model::{BatchError, Entry, Error, Key, Page, ReplacedItem, Slice, Written};

/// The answer to a [`Command`](crate::model::Command): one variant for each kind of it.
pub enum Response<T> {
    /// An entry; `None` if the key is absent.
    Entry(Option<Entry<T>>),
    /// Whether the key is present.
    Contains(bool),
    /// The length of a list.
    Length(Option<usize>),
    /// The last element of a list.
    Last(Option<T>),
    /// Elements of a list.
    Range(Option<Vec<T>>),
    /// Elements of a list, with its length and revision.
    Slice(Option<Slice<T>>),
    /// A page of keys.
    Keys(Page<Key>),
    /// A page of entries.
    Entries(Page<(Key, Entry<T>)>),
    /// Where a subscription begins.
    Subscription(SubscriptionSource<T>),
    /// A watcher was added.
    Watch(ListenerGuard),
    /// What a write did.
    Written(Written<T>),
    /// What each of several independent writes did.
    Many(Vec<Result<Written<T>, Error>>),
    /// What the writes of a batch did, or which of them was refused.
    Batch(Result<Vec<Written<T>>, BatchError>),
    /// How many keys a clear removed.
    Cleared(usize),
    /// What a compaction has left.
    Compacted(CompactionReport),
}

impl<T> Response<T> {
    /// Whether it may carry items that writes replaced.
    pub(crate) fn has_replaced(&self) -> bool {
        matches!(self, Self::Written(_) | Self::Many(_))
    }

    /// Drop the items that writes replaced.
    pub(crate) fn drop_replaced(&mut self) {
        match self {
            Self::Written(written) => written.replaced = ReplacedItem::NOTHING,
            Self::Many(results) => {
                results
                    .iter_mut()
                    .flatten()
                    .for_each(|written| written.replaced = ReplacedItem::NOTHING);
            }
            _ => {}
        }
    }
}

impl<T> fmt::Debug for Response<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response")
    }
}
