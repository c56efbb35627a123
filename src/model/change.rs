//! Changes: the numbered effects of accepted writes, which are journaled, applied and published.

use crate::model::{End, Key, Timestamp, Value};

/// The effect of one accepted write. Replaying it cannot fail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change<T> {
    /// The revision of the change: one more than that of the change before it.
    pub revision: u64,
    /// When the write was decided.
    pub at: Timestamp,
    /// The key that changed. Empty for [`Cleared`](ChangeKind::Cleared), which affects all keys.
    pub key: Key,
    /// What changed.
    pub kind: ChangeKind<T>,
    /// The next change belongs to the same batch.
    pub(crate) continues: bool,
    /// The weight of the elements in bytes, without the key.
    pub(crate) weight: u64,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind<T> {
    /// The key was set, or a push created it. Its `created_at` is the time of the change.
    Set {
        /// The new value.
        value: Value<T>,
        /// The deadline of the key.
        expires_at: Option<Timestamp>,
    },
    /// The value of the key was replaced. Its `created_at` is unchanged.
    Updated {
        /// The new value.
        value: Value<T>,
        /// The deadline of the key.
        expires_at: Option<Timestamp>,
    },
    /// The key was removed.
    Removed,
    /// The deadline of the key has passed.
    Expired,
    /// An element was added to the list of the key.
    Pushed {
        /// The end that it was added to.
        end: End,
        /// The element.
        element: T,
        /// The length of the list after it.
        length: usize,
        /// The deadline of the list.
        expires_at: Option<Timestamp>,
    },
    /// An element was removed from the list of the key.
    Popped {
        /// The end that it was removed from.
        end: End,
        /// The length of the list after it.
        length: usize,
    },
    /// The list of the key was trimmed to a maximum length. The number of removed elements may be 0.
    Trimmed {
        /// The end at which elements were kept.
        end: End,
        /// How many elements were removed.
        removed: usize,
        /// The length of the list after it.
        length: usize,
    },
    /// The deadline of the key was moved or removed.
    Touched {
        /// The new deadline.
        expires_at: Option<Timestamp>,
    },
    /// Every key was removed.
    Cleared {
        /// How many live keys were removed.
        count: usize,
    },
}

#[cfg(feature = "file")]
impl<T> ChangeKind<T> {
    /// The length of the list before this change, if it is a push, a pop or a trim.
    pub(crate) fn length_before(&self) -> Option<usize> {
        match self {
            // A push after which the list is empty is invalid: no list has the wrapped length.
            Self::Pushed { length, .. } => Some(length.wrapping_sub(1)),
            Self::Popped { length, .. } => Some(length.saturating_add(1)),
            Self::Trimmed { length, removed, .. } => Some(length.saturating_add(*removed)),
            _ => None,
        }
    }
}

impl<T> Change<T> {
    pub(crate) fn new(revision: u64, at: Timestamp, key: Key, kind: ChangeKind<T>) -> Self {
        Self { revision, at, key, kind, continues: false, weight: 0 }
    }

    /// Creates a change that was read from a journal record: for a [`Journal`](crate::journal::Journal) that
    /// recovers its records.
    ///
    /// `continues` means that the next change belongs to the same batch.
    pub fn recorded(
        revision: u64,
        at: Timestamp,
        key: Key,
        kind: ChangeKind<T>,
        continues: bool,
    ) -> Self {
        Self { continues, ..Self::new(revision, at, key, kind) }
    }

    /// Whether the next change belongs to the same batch. A subscription cannot resume after the revision of
    /// such a change.
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// Returns the elements that the change added.
    pub fn elements(&self) -> &[T] {
        match &self.kind {
            ChangeKind::Set { value, .. } | ChangeKind::Updated { value, .. } => value.elements(),
            ChangeKind::Pushed { element, .. } => std::slice::from_ref(element),
            _ => &[],
        }
    }

    /// Whether the change affects this key: it is its key, or all keys were removed.
    pub(crate) fn affects(&self, key: &str) -> bool {
        self.key == *key || matches!(self.kind, ChangeKind::Cleared { .. })
    }

    /// The weight of the change in the history, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.weight.saturating_add(self.key.len() as u64)
    }
}
