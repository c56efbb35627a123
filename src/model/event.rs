//! What a subscription delivers: entries of a snapshot, changes, batches.

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::model::{Change, ChangeKind, Entry, Key};

/// What a subscription tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<T> {
    /// A key that is there: a part of the snapshot. A later entry for the same key replaces it.
    Entry {
        /// The key.
        key: Key,
        /// What it holds.
        entry: Entry<T>,
    },
    /// The snapshot is complete: what has been told so far is exactly the store at this revision.
    /// Until now changes may have come between the entries, and batches in parts.
    SnapshotEnd {
        /// The revision.
        revision: u64,
    },
    /// A key has changed.
    Change(Change<T>),
    /// Changes of one batch, as many as the filter lets through, in order.
    Batch {
        /// The changes.
        changes: Vec<Change<T>>,
        /// The last revision of the batch, which is where to resume.
        revision: u64,
    },
    /// Nothing for this subscription has happened up to here. Comes after 1,024 changes that the
    /// filter hid, or at the latest 5 seconds after the first of them; to a subscription to a single
    /// key, which hidden changes do not wake, only after 5 seconds.
    Progress {
        /// The revision.
        revision: u64,
    },
}

impl<T: Clone> Event<T> {
    /// Keep a copy: do to it what the event tells. Start with an empty one, and again with an empty
    /// one whenever a subscription starts over from a snapshot.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::collections::HashMap;
    /// use mainspring::{Event, Store};
    ///
    /// let store = Store::<String>::builder().spawn();
    /// store.set("greeting", "hello").await?;
    /// let mut changes = store.subscribe().from_snapshot().await?;
    /// store.push("list", "a").await?;
    /// store.push("list", "b").await?;
    ///
    /// let mut copy = HashMap::new();
    /// loop {
    ///     let event = changes.recv().await?;
    ///     let revision = event.revision();
    ///     event.apply_to(&mut copy);
    ///     if revision == Some(store.revision()) {
    ///         break; // as far as the store is
    ///     }
    /// }
    /// assert_eq!(copy["list"], store.get("list").await?.unwrap());
    /// assert_eq!(copy.len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn apply_to<S: BuildHasher>(self, copy: &mut HashMap<Key, Entry<T>, S>) {
        if let Self::Entry { key, entry } = self {
            copy.insert(key, entry);
            return;
        }
        for change in self.changes() {
            if matches!(change.kind, ChangeKind::Cleared { .. }) {
                copy.clear();
            } else if let Some(entry) = Entry::replay(change, copy.remove(&change.key)) {
                copy.insert(change.key.clone(), entry);
            }
        }
    }
}

impl<T> Event<T> {
    /// The revision up to which this event tells; `None` for the entries of a snapshot. Where to
    /// resume is said by [`Subscription::resume_token`](crate::Subscription::resume_token).
    pub fn revision(&self) -> Option<u64> {
        match self {
            Self::Entry { .. } => None,
            Self::SnapshotEnd { revision }
            | Self::Batch { revision, .. }
            | Self::Progress { revision } => Some(*revision),
            Self::Change(change) => Some(change.revision),
        }
    }

    /// The changes that this event tells, in order: one, those of a batch, or none. For those to whom
    /// it makes no difference what was done together.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::{Store, Write};
    ///
    /// let store = Store::<i64>::builder().spawn();
    /// let mut events = store.subscribe().await?;
    /// store.set("a", 1).await?;
    /// store.batch([Write::set("b", 2), Write::set("c", 3)]).await?;
    ///
    /// let one = events.recv().await?;
    /// assert_eq!(one.changes()[0].key, "a");
    /// let batch = events.recv().await?;
    /// assert_eq!(batch.changes().len(), 2);
    /// # Ok(()) }
    /// ```
    pub fn changes(&self) -> &[Change<T>] {
        match self {
            Self::Change(change) => std::slice::from_ref(change),
            Self::Batch { changes, .. } => changes,
            Self::Entry { .. } | Self::SnapshotEnd { .. } | Self::Progress { .. } => &[],
        }
    }
}
