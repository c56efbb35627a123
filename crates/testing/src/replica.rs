use std::collections::BTreeMap;

use mainspring::{Change, ChangeKind, Entry, Error, Event, Key, Subscription};

/// A copy of the entries of a store, built from the events of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica<T> {
    /// The entries by key.
    pub entries: BTreeMap<Key, Entry<T>>,
}

impl<T> Default for Replica<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new() }
    }
}

impl<T: Clone> Replica<T> {
    /// Apply one change.
    pub fn apply(&mut self, change: &Change<T>) {
        if matches!(change.kind, ChangeKind::Cleared { .. }) {
            self.entries.clear();
        } else if let Some(entry) = Entry::replay(change, self.entries.remove(&change.key)) {
            self.entries.insert(change.key.clone(), entry);
        }
    }

    /// Apply an event, and return its revision if it has one.
    pub fn apply_event(&mut self, event: Event<T>) -> Option<u64> {
        let revision = event.revision();
        match event {
            Event::Entry { key, entry } => drop(self.entries.insert(key, entry)),
            Event::Change(change) => self.apply(&change),
            Event::Batch { changes, .. } => changes.iter().for_each(|change| self.apply(change)),
            _ => {}
        }
        revision
    }

    /// A replica of the entries under a prefix.
    #[must_use]
    pub fn with_prefix(&self, prefix: &str) -> Self {
        let selected = self.entries.iter().filter(|(key, _)| key.starts_with(prefix));
        Self { entries: selected.map(|(key, entry)| (key.clone(), entry.clone())).collect() }
    }
}

/// All changes that a subscription delivers until it ends, in order, and the error that ends it.
pub async fn collect_changes<T: Clone + Send + Sync + 'static>(
    subscription: &mut Subscription<T>,
) -> (Vec<Change<T>>, Error) {
    let mut collected = Vec::new();
    loop {
        match subscription.recv().await {
            Ok(Event::Change(change)) => collected.push(change),
            Ok(Event::Batch { changes, .. }) => collected.extend(changes),
            Ok(_) => {}
            Err(error) => return (collected, error),
        }
    }
}
