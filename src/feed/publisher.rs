//! Where changes leave the owner: the history, the broadcast channel, and the watchers of single keys.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;

use crate::feed::{History, Turn, Watcher};
use crate::model::{Change, ChangeKind, Key};

/// Turns in the broadcast channel. It holds their changes in memory that is not counted, and the ring
/// does the catching up, so it is short.
const CHANNEL_TURNS: usize = 64;

/// Counts who listens, to the broadcast channel or to single keys, so that nothing is shared when
/// nobody does.
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

/// Held by one listener.
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
    /// Who listens to the channel.
    listeners: Listeners,
    /// Who watches a single key.
    watchers: Listeners,
    /// Who watches which.
    routes: HashMap<Key, Vec<Arc<Watcher<T>>>>,
    /// Routes that may be there before the ones without a watcher are swept out.
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

    /// Keep a change that no subscriber waits for.
    pub(crate) fn record(&mut self, change: Change<T>) {
        let head = change.revision;
        self.history.push_one(change);
        self.history.set_head(head);
    }

    pub(crate) fn subscribe(&self) -> (broadcast::Receiver<Turn<T>>, ListenerGuard) {
        (self.channel.subscribe(), self.listeners.join())
    }

    /// Send the changes of one key here, as long as the watcher is held.
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
        // A channel without receivers is no error.
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

/// The last change was published: let subscribers see that the store has ended.
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
    fn routes_without_a_watcher_are_forgotten() {
        let mut publisher = publisher();
        let stays = Watcher::new(1);
        let guard = publisher.watch("stays".into(), Arc::clone(&stays));
        for n in 0..10_000 {
            drop(publisher.watch(format!("k{n}").into(), Watcher::new(1)));
            assert!(publisher.routes.len() <= 128, "{}", publisher.routes.len());
        }
        // Many on one key go too.
        for _ in 0..100 {
            drop(publisher.watch("one".into(), Watcher::new(1)));
        }
        assert_eq!(publisher.routes["one"].len(), 1);
        publisher.publish_turn(Arc::new([removed(1, "stays")]));
        assert!(!stays.is_empty() && publisher.has_subscribers());
        drop(guard);
        assert!(!publisher.has_subscribers(), "nobody is left");
        assert!(publisher.routes.is_empty());
    }

    #[test]
    fn a_watcher_is_told_of_its_key_and_of_clears() {
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
