//! Where a page or a subscription starts, and how much there is to be in it.

use crate::model::{Filter, Key, ResumeToken, Start, StoreId};
use crate::store::{Pending, op};

/// The largest page of keys or entries.
const MAX_PAGE: usize = 10_000;

impl<T, I, C> Pending<'_, T, op::Scan<I>, C> {
    /// Start after this key, which need not exist: the [`next`](crate::Page::next) of the page before.
    pub fn after(mut self, key: impl Into<Key>) -> Self {
        self.op.after = Some(key.into());
        self
    }

    /// At most this many. Less than 1 is taken as 1, and more than 10,000 as 10,000.
    pub fn limit(mut self, limit: usize) -> Self {
        self.op.limit = limit.clamp(1, MAX_PAGE);
        self
    }
}

impl<T, C> Pending<'_, T, op::Subscribe, C> {
    /// Only the changes of one key. Changes of other keys do not even wake the subscriber.
    pub fn key(mut self, key: impl Into<Key>) -> Self {
        self.op.filter = Filter::Key(key.into());
        self
    }

    /// Only the changes of the keys with a prefix.
    pub fn prefix(mut self, prefix: impl Into<Key>) -> Self {
        self.op.filter = Filter::Prefix(prefix.into());
        self
    }

    /// Tell first what is there, and then what changes, with nothing missing and nothing twice.
    ///
    /// While the snapshot is told, changes wait in the history, and in the journal if there is one that can be
    /// [read](crate::journal::Journal::past). If there is none, and the store changes faster than the
    /// reader reads, and for longer than the history reaches back, the subscription ends with
    /// [`Error::Compacted`](crate::Error::Compacted), also before its [`SnapshotEnd`](crate::Event::SnapshotEnd). Starting over
    /// helps only if something is different then: a
    /// [longer history](crate::Builder::history_changes), a reader that does its slow work elsewhere, or
    /// pages of [`scan`](crate::Reader::scan) instead. Empty the copy before starting over.
    pub fn from_snapshot(mut self) -> Self {
        self.op.start = Start::Snapshot;
        self
    }

    /// Tell what has changed after a revision: that of a [`ResumeToken`], which is checked to be of
    /// this store, or a bare number.
    pub fn after(mut self, place: impl Into<Place>) -> Self {
        let Place { store, revision } = place.into();
        self.op.start = Start::After { store, revision };
        self
    }
}

/// A place in the changes of a store: a [`ResumeToken`], or a bare revision.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    store: Option<StoreId>,
    revision: u64,
}

impl From<u64> for Place {
    fn from(revision: u64) -> Self {
        Self { store: None, revision }
    }
}

impl From<ResumeToken> for Place {
    fn from(token: ResumeToken) -> Self {
        Self { store: Some(token.store), revision: token.revision }
    }
}
