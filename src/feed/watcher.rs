//! Watchers of single keys: changes of other keys do not wake them.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::feed::{Mark, Turn};

/// A short queue of the turns that change one key. When it is full, it stores the first revision that did not fit, so
/// the subscription knows from which revision to read the history, however long it has not read.
pub(crate) struct Watcher<T> {
    unread: Mutex<UnreadTurns<T>>,
    notify: Notify,
    capacity: usize,
    /// Set under the lock, except while the subscription reads the history, which then sets it.
    mark: Arc<Mark>,
}

struct UnreadTurns<T> {
    turns: VecDeque<Turn<T>>,
    missed_from: Option<u64>,
}

/// The next item of a watcher.
pub(crate) enum WatcherItem<T> {
    Turn(Turn<T>),
    /// Read the history from this revision on.
    MissedFrom(u64),
}

impl<T> Watcher<T> {
    /// A watcher with a queue of this many turns. With zero it only signals that the key has changed.
    pub(crate) fn new(capacity: usize) -> Arc<Self> {
        let unread = UnreadTurns { turns: VecDeque::new(), missed_from: None };
        let (unread, notify, mark) = (Mutex::new(unread), Notify::new(), Mark::new());
        Arc::new(Self { unread, notify, capacity, mark })
    }

    /// The mark of its subscription.
    pub(crate) fn mark(&self) -> &Arc<Mark> {
        &self.mark
    }

    /// Queue a turn. Called by the owner for each change of the key; further calls with the same turn do nothing.
    pub(crate) fn notify(&self, turn: &Turn<T>) {
        let mut unread = self.unread.lock();
        if unread.turns.back().is_some_and(|last| Arc::ptr_eq(last, turn)) {
            return;
        }
        if unread.missed_from.is_none() && unread.turns.len() < self.capacity {
            unread.turns.push_back(Arc::clone(turn));
        } else if unread.missed_from.is_none() {
            unread.missed_from = first_revision(turn);
        }
        if !self.mark.is_set() {
            self.mark.set(first_revision(turn));
        }
        drop(unread);
        self.notify.notify_one();
    }

    pub(crate) fn take(&self) -> Option<WatcherItem<T>> {
        let mut unread = self.unread.lock();
        if let Some(turn) = unread.turns.pop_front() {
            self.mark.set(unread.turns.front().map_or(unread.missed_from, first_revision));
            return Some(WatcherItem::Turn(turn));
        }
        let missed = unread.missed_from.take();
        self.mark.set(missed);
        missed.map(WatcherItem::MissedFrom)
    }

    pub(crate) fn is_empty(&self) -> bool {
        let unread = self.unread.lock();
        unread.turns.is_empty() && unread.missed_from.is_none()
    }

    /// Wake the subscription, so that it checks the status.
    pub(crate) fn wake(&self) {
        self.notify.notify_one();
    }

    /// Wait until there is something to take, or the store has ended. Cancel safe.
    pub(crate) async fn changed(&self) {
        self.notify.notified().await;
    }
}

fn first_revision<T>(turn: &Turn<T>) -> Option<u64> {
    turn.first().map(|change| change.revision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, ChangeKind, Key, Timestamp};

    fn turn(revision: u64) -> Turn<u64> {
        let change = |revision| {
            Change::new(revision, Timestamp::from_nanos(1), Key::none(), ChangeKind::Removed)
        };
        [change(revision), change(revision + 1)].into()
    }

    /// The first revisions of queued turns, and of the turns that were missed (`true`).
    fn items(watcher: &Watcher<u64>) -> Vec<(u64, bool)> {
        let items = std::iter::from_fn(|| watcher.take());
        items
            .map(|item| match item {
                WatcherItem::Turn(turn) => (turn[0].revision, false),
                WatcherItem::MissedFrom(revision) => (revision, true),
            })
            .collect()
    }

    #[test]
    fn full_queue_has_the_first_missed_revision() {
        let watcher = Watcher::new(2);
        for revision in [1, 3, 5, 7] {
            watcher.notify(&turn(revision));
        }
        assert!(!watcher.is_empty());
        assert_eq!(items(&watcher), [(1, false), (3, false), (5, true)]);
        assert!(watcher.is_empty());
        watcher.notify(&turn(9));
        assert_eq!(items(&watcher), [(9, false)], "turns are queued again");
    }

    #[test]
    fn turn_after_a_missed_one_is_not_queued() {
        let watcher = Watcher::new(1);
        watcher.notify(&turn(1));
        watcher.notify(&turn(3));
        assert!(matches!(watcher.take(), Some(WatcherItem::Turn(_))));
        watcher.notify(&turn(5)); // there is room, but the third was missed
        assert_eq!(items(&watcher), [(3, true)]);
    }

    #[test]
    fn turn_is_queued_once() {
        let watcher = Watcher::new(2);
        let (first, second) = (turn(1), turn(3));
        for turn in [&first, &first, &second, &second] {
            watcher.notify(turn);
        }
        assert_eq!(items(&watcher), [(1, false), (3, false)]);
    }

    #[test]
    fn watcher_without_a_queue_has_the_first_missed_revision() {
        let watcher = Watcher::new(0);
        watcher.notify(&turn(1));
        watcher.notify(&turn(3));
        assert_eq!(items(&watcher), [(1, true)]);
    }
}
