//! Responses of a backend.

use std::fmt;

use crate::feed::{ListenerGuard, SubscriptionSource};
use crate::journal::CompactionReport;
use crate::model::{BatchError, Entry, Error, Key, Page, ReplacedItem, Slice, Written};

/// The response to a [`Command`](crate::model::Command): one variant for each kind of command.
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
    /// The source of a subscription.
    Subscription(SubscriptionSource<T>),
    /// A watcher was added.
    Watch(ListenerGuard),
    /// The result of a write.
    Written(Written<T>),
    /// The results of independent writes.
    Many(Vec<Result<Written<T>, Error>>),
    /// The results of the writes of a batch, or the first write that was rejected.
    Batch(Result<Vec<Written<T>>, BatchError>),
    /// The number of keys that a clear removed.
    Cleared(usize),
    /// The report of a compaction.
    Compacted(CompactionReport),
}

impl<T> Response<T> {
    /// Returns whether this response can contain items that a write replaced.
    pub(crate) fn has_replaced(&self) -> bool {
        matches!(self, Self::Written(_) | Self::Many(_))
    }

    /// Drops the items that a write replaced.
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
