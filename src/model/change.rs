//! What accepted commands did: the numbered facts that are recorded, published and replayed.

use crate::model::{End, Key, Timestamp, Value};

/// What one accepted command did to one key. Replaying it cannot fail.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change<T> {
    /// The number of the change: one more than that of the change before it.
    pub revision: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// The key that changed. Empty for [`Cleared`](ChangeKind::Cleared), which is about all of them.
    pub key: Key,
    /// What happened.
    pub kind: ChangeKind<T>,
    /// The next change belongs to the same batch.
    pub(crate) continues: bool,
    /// What the elements weigh, without the key.
    pub(crate) weight: u64,
}

/// What happened to the key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeKind<T> {
    /// It was set, or a push created it. Its `created_at` is the time of the change.
    Set {
        /// The new value.
        value: Value<T>,
        /// Its deadline.
        expires_at: Option<Timestamp>,
    },
    /// Its value was replaced. Its `created_at` stays.
    Updated {
        /// The new value.
        value: Value<T>,
        /// Its deadline.
        expires_at: Option<Timestamp>,
    },
    /// It was removed.
    Removed,
    /// Its deadline passed.
    Expired,
    /// An element was added to its list.
    Pushed {
        /// At which end.
        end: End,
        /// The element.
        element: T,
        /// The length of the list after it.
        length: usize,
        /// The deadline of the list.
        expires_at: Option<Timestamp>,
    },
    /// An element was taken from its list.
    Popped {
        /// From which end.
        end: End,
        /// The length of the list after it.
        length: usize,
    },
    /// Elements were removed from its list until it had few enough. There may have been none to remove.
    Trimmed {
        /// The end at which elements stayed.
        end: End,
        /// How many elements were removed.
        removed: usize,
        /// The length of the list after it.
        length: usize,
    },
    /// Its deadline was moved or removed.
    Touched {
        /// The new deadline.
        expires_at: Option<Timestamp>,
    },
    /// Every key was removed.
    Cleared {
        /// How many live keys went.
        count: usize,
    },
}

#[cfg(feature = "file")]
impl<T> ChangeKind<T> {
    /// The length that the list has before a change of its elements.
    pub(crate) fn length_before(&self) -> Option<usize> {
        match self {
            // A push that leaves an empty list fits none.
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

    /// A change as it was read from a record: for a [`Journal`](crate::journal::Journal) that
    /// recovers what it wrote.
    ///
    /// `continues` says that the next change belongs to the same batch.
    pub fn recorded(
        revision: u64,
        at: Timestamp,
        key: Key,
        kind: ChangeKind<T>,
        continues: bool,
    ) -> Self {
        Self { continues, ..Self::new(revision, at, key, kind) }
    }

    /// Whether the next change belongs to the same batch. The revision of such a change is no
    /// place to resume.
    pub fn continues(&self) -> bool {
        self.continues
    }

    /// The elements that the change brought.
    pub fn elements(&self) -> &[T] {
        match &self.kind {
            ChangeKind::Set { value, .. } | ChangeKind::Updated { value, .. } => value.elements(),
            ChangeKind::Pushed { element, .. } => std::slice::from_ref(element),
            _ => &[],
        }
    }

    /// Whether the change is about this key: its own, or all of them.
    pub(crate) fn concerns(&self, key: &str) -> bool {
        self.key == *key || matches!(self.kind, ChangeKind::Cleared { .. })
    }

    /// What the change weighs in the history, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.weight.saturating_add(self.key.len() as u64)
    }
}
