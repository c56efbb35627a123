//! Which changes a subscription tells, and from where on.

use crate::model::{Change, Key, StoreId};

/// Which changes a subscription tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    All,
    Key(Key),
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

/// Where a subscription starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Now,
    Snapshot,
    After { store: Option<StoreId>, revision: u64 },
}
