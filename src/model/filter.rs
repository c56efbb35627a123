//! Which changes a subscription delivers, and where it begins.

use crate::model::{Change, Key, StoreId};

/// Which changes a subscription delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Those of all keys.
    All,
    /// Those of one key.
    Key(Key),
    /// Those of the keys that begin like this.
    Prefix(Key),
}

impl Filter {
    pub(crate) fn matches<T>(&self, change: &Change<T>) -> bool {
        match self {
            Self::All => true,
            Self::Key(key) => change.concerns(key),
            Self::Prefix(prefix) => change.key.starts_with(&**prefix) || change.concerns(""),
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

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the next change.
    Now,
    /// With a snapshot of the store.
    Snapshot,
    /// With the change after a revision.
    After {
        /// The store that the revision is of, if it is known.
        store: Option<StoreId>,
        /// The revision.
        revision: u64,
    },
}
