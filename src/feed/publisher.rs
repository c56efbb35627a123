//! The publisher: delivers the changes of the owner to the history, the watchers of single keys, and the broadcast
//! channel.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;

use crate::feed::{History, Turn, Watcher};
use crate::model::{Change, ChangeKind, Key};

/// The capacity of the broadcast channel in turns. It is small, because the channel keeps changes in memory that no
/// limit counts, and subscriptions catch up from the history anyway.
const CHANNEL_TURNS: usize = 64;

/// The number of subscribers of one kind. While it is zero, changes are not shared.
///
/// `Relaxed` suffices: the owner creates each guard in its own turn, so it sees the increment, and the subscription
/// receives the guard with the reply, which synchronizes. A decrement that is seen late costs one needless message.
#[derive(Debug, Default, Clone)]
pub(crate) struct Listeners(Arc<AtomicUsize>);

impl Listeners {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn join(&self) -> ListenerGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        ListenerGuard(self.clone())
    }
}

/// Counts one subscriber until it is dropped.
#[derive(Debug)]
pub struct ListenerGuard(Listeners);

impl Drop for ListenerGuard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) struct Publisher<T> {
    history: Arc<History<T>>,
    channel: broadcast::Sender<Turn<T>>,
    /// The number of subscribers of the channel.
    listeners: Listeners,
    /// The number of watchers of single keys.
    watchers: Listeners,
    /// The watchers of each key.
    routes: HashMap<Key, Vec<Arc<Watcher<T>>>>,
    /// The number of routes at which those without a watcher are removed.
    sweep_at: usize,
}

impl<T> Publisher<T> {
    pub(crate) fn new(history: Arc<History<T>>, listeners: Listeners, watchers: Listeners) -> Self {
        let channel = broadcast::Sender::new(CHANNEL_TURNS);
        Self { history, channel, listeners, watchers, routes: HashMap::new(), sweep_at: 64 }
    }

    /// Whether there are subscribers.
    pub(crate) fn has_subscribers(&mut self) -> bool {
        if self.watchers.count() == 0 && !self.routes.is_empty() {
            self.routes.clear();
        }
        self.listeners.count() > 0 || !self.routes.is_empty()
    }

    /// Record a change in the history. Only while there are no subscribers.
    pub(crate) fn record(&mut self, change: Change<T>) {
        let head = change.revision;
        self.history.push_one(change);
        self.history.set_head(head);
    }

    pub(crate) fn subscribe(&self) -> (broadcast::Receiver<Turn<T>>, ListenerGuard) {
        (self.channel.subscribe(), self.listeners.join())
    }

    /// Send the changes of one key to a watcher, until the watcher is dropped elsewhere.
    pub(crate) fn watch(&mut self, key: Key, watcher: Arc<Watcher<T>>) -> ListenerGuard {
        if self.routes.len() >= self.sweep_at {
            self.routes.retain(|_, watchers| {
                watchers.retain(is_in_use);
                !watchers.is_empty()
            });
            self.sweep_at = 64.max(2 * self.routes.len());
        }
        let watchers = self.routes.entry(key).or_default();
        watchers.retain(is_in_use);
        watchers.push(watcher);
        self.watchers.join()
    }

    /// Publish the changes of a turn, and empty it.
    pub(crate) fn publish(&mut self, changes: &mut Vec<Change<T>>) {
        let shared = self.listeners.count() > 0
            || changes.len() > 1
            || changes.iter().any(|change| self.is_watched(change));
        if shared {
            self.publish_turn(changes.drain(..).collect());
        } else if let Some(change) = changes.pop() {
            self.record(change);
        }
    }

    /// Publish a turn: to the history, then to the watchers of its keys, then to the channel.
    pub(crate) fn publish_turn(&mut self, turn: Turn<T>) {
        let Some(last) = turn.last() else { return };
        let head = last.revision;
        self.history.push_turn(Arc::clone(&turn));
        if !self.routes.is_empty() {
            for change in turn.iter() {
                self.route(change, &turn);
            }
        }
        self.history.set_head(head);
        // A channel without receivers is not an error.
        let _ = self.channel.send(turn);
    }

    fn is_watched(&self, change: &Change<T>) -> bool {
        !self.routes.is_empty()
            && (self.routes.contains_key(&change.key)
                || matches!(change.kind, ChangeKind::Cleared { .. }))
    }

    fn route(&self, change: &Change<T>, turn: &Turn<T>) {
        if matches!(change.kind, ChangeKind::Cleared { .. }) {
            self.routes.values().flatten().for_each(|watcher| watcher.notify(turn));
        } else if let Some(watchers) = self.routes.get(&change.key) {
            watchers.iter().for_each(|watcher| watcher.notify(turn));
        }
    }
}

/// The last change was published: wake the watchers, which then find that the store has ended.
impl<T> Drop for Publisher<T> {
    fn drop(&mut self) {
        self.routes.drain().flat_map(|(_, watchers)| watchers).for_each(|watcher| watcher.wake());
    }
}

fn is_in_use<T>(watcher: &Arc<Watcher<T>>) -> bool {
    Arc::strong_count(watcher) > 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn publisher() -> Publisher<u64> {
        let history = Arc::new(History::new(100, u64::MAX));
        Publisher::new(history, Listeners::default(), Listeners::default())
    }

    fn removed(revision: u64, key: &str) -> Change<u64> {
        Change::new(revision, Timestamp::from_nanos(1), key.into(), ChangeKind::Removed)
    }

    #[test]
    fn routes_without_a_watcher_are_removed() {
        let mut publisher = publisher();
        let stays = Watcher::new(1);
        let guard = publisher.watch("stays".into(), Arc::clone(&stays));
        for n in 0..10_000 {
            drop(publisher.watch(format!("k{n}").into(), Watcher::new(1)));
            assert!(publisher.routes.len() <= 128, "{}", publisher.routes.len());
        }
        // So are many watchers of one key.
        for _ in 0..100 {
            drop(publisher.watch("one".into(), Watcher::new(1)));
        }
        assert_eq!(publisher.routes["one"].len(), 1);
        publisher.publish_turn(Arc::new([removed(1, "stays")]));
        assert!(!stays.is_empty() && publisher.has_subscribers());
        drop(guard);
        assert!(!publisher.has_subscribers(), "there is no subscriber left");
        assert!(publisher.routes.is_empty());
    }

    #[test]
    fn watcher_receives_changes_of_its_key_and_clears() {
        let mut publisher = publisher();
        let watcher = Watcher::new(4);
        let _guard = publisher.watch("mine".into(), Arc::clone(&watcher));
        publisher.publish(&mut vec![removed(1, "other")]);
        assert!(watcher.is_empty());
        publisher.publish(&mut vec![removed(2, "mine")]);
        assert!(watcher.take().is_some() && watcher.is_empty());
        let kind = ChangeKind::Cleared { count: 1 };
        publisher.publish(&mut vec![Change::new(3, Timestamp::from_nanos(1), Key::none(), kind)]);
        assert!(watcher.take().is_some());
        assert_eq!((publisher.history.head(), publisher.history.newest()), (3, 3));
    }
}
