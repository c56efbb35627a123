//! The filter and the start of a subscription.

use crate::model::{Change, Key, StoreId};

/// Which changes a subscription delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Changes of all keys.
    All,
    /// Changes of one key.
    Key(Key),
    /// Changes of the keys with a prefix.
    Prefix(Key),
}

impl Filter {
    pub(crate) fn matches<T>(&self, change: &Change<T>) -> bool {
        match self {
            Self::All => true,
            Self::Key(key) => change.affects(key),
            Self::Prefix(prefix) => change.key.starts_with(&**prefix) || change.affects(""),
        }
    }

    pub(crate) fn matches_key(&self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Key(only) => *only == *key,
            Self::Prefix(prefix) => key.starts_with(&**prefix),
        }
    }
}

/// Where a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the next change.
    Now,
    /// With a snapshot of the store.
    Snapshot,
    /// With the change after a revision.
    After {
        /// The store of the revision, if the caller has a resume token.
        store: Option<StoreId>,
        /// The revision.
        revision: u64,
    },
}
