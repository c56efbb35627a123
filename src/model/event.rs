//! Events of a subscription: entries of a snapshot, changes, batches, progress.

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::model::{Change, ChangeKind, Entry, Key};

/// An event of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<T> {
    /// An entry of the snapshot. A later entry of the same key replaces it.
    Entry {
        /// The key.
        key: Key,
        /// Its entry.
        entry: Entry<T>,
    },
    /// The snapshot is complete: the events so far result in exactly the store at this revision.
    /// Before this event, changes may be delivered between the entries, and batches in parts.
    SnapshotEnd {
        /// The revision.
        revision: u64,
    },
    /// A key has changed.
    Change(Change<T>),
    /// The changes of one batch that match the filter, in order.
    Batch {
        /// The changes.
        changes: Vec<Change<T>>,
        /// The last revision of the batch, after which a subscription can resume.
        revision: u64,
    },
    /// No other change up to this revision matches the filter. Delivered after 1,024 changes that do not match, or
    /// at the latest 5 seconds after the first of them. A subscription to a single key, which is not woken by
    /// changes of other keys, gets it only after 5 seconds.
    Progress {
        /// The revision.
        revision: u64,
    },
}

impl<T: Clone> Event<T> {
    /// Applies the event to a copy of the store. Start with an empty copy, and empty it whenever a subscription is
    /// started again from a snapshot.
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
    ///         break; // the copy equals the store
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
    /// Returns the revision of the store after this event; `None` for the entries of a snapshot. For the position
    /// to resume from, see [`Subscription::resume_token`](crate::Subscription::resume_token).
    pub fn revision(&self) -> Option<u64> {
        match self {
            Self::Entry { .. } => None,
            Self::SnapshotEnd { revision }
            | Self::Batch { revision, .. }
            | Self::Progress { revision } => Some(*revision),
            Self::Change(change) => Some(change.revision),
        }
    }

    /// Returns the changes of this event in order: one change, those of a batch, or none. For subscribers that do not
    /// distinguish batches from single changes.
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
