//! The history: the ring of recent changes, from which subscriptions that fell behind catch up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::model::{Change, Error};

/// The changes of one turn.
pub(crate) type Turn<T> = Arc<[Change<T>]>;

/// The ring of recent changes. It outlives the owner, so that subscriptions deliver the last changes before a shutdown.
pub(crate) struct History<T> {
    ring: Mutex<Ring<T>>,
    /// The newest revision in the ring.
    head: AtomicU64,
}

struct Ring<T> {
    items: VecDeque<HistoryTurn<T>>,
    /// The ring has every change after this revision.
    floor: u64,
    changes: usize,
    bytes: u64,
    max_changes: usize,
    max_bytes: u64,
}

/// An element of the ring. Without subscribers, the common case, a change is stored unshared, which costs the owner no
/// allocation. The first reader converts it into a shared turn.
enum HistoryTurn<T> {
    One(Change<T>),
    Shared(Turn<T>),
}

/// The size of the history, for `stats`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HistorySize {
    pub(crate) floor: u64,
    pub(crate) changes: usize,
    pub(crate) bytes: u64,
}

impl<T> HistoryTurn<T> {
    fn changes(&self) -> &[Change<T>] {
        match self {
            Self::One(change) => std::slice::from_ref(change),
            Self::Shared(turn) => turn,
        }
    }

    fn share(&mut self) -> Turn<T> {
        if let Self::Shared(turn) = self {
            return Arc::clone(turn);
        }
        match std::mem::replace(self, Self::Shared(Arc::new([]))) {
            Self::Shared(turn) => turn,
            Self::One(change) => {
                let turn: Turn<T> = Arc::new([change]);
                *self = Self::Shared(Arc::clone(&turn));
                turn
            }
        }
    }

    fn newest(&self) -> u64 {
        match self {
            Self::One(change) => change.revision,
            Self::Shared(turn) => turn.last().map_or(0, |change| change.revision),
        }
    }

    /// The number of changes, and their weight.
    fn size(&self) -> (usize, u64) {
        match self {
            Self::One(change) => (1, change.bytes()),
            Self::Shared(turn) => {
                let add = |bytes: u64, change: &Change<T>| bytes.saturating_add(change.bytes());
                (turn.len(), turn.iter().fold(0, add))
            }
        }
    }
}

impl<T> Ring<T> {
    /// Add a turn. Returns the turn that was evicted for it, and whether more have to be evicted. The old one is evicted
    /// first, so that the new one reuses its memory, which is in the cache.
    fn push(&mut self, item: HistoryTurn<T>) -> (Option<HistoryTurn<T>>, bool) {
        let (count, bytes) = item.size();
        (self.changes, self.bytes) = (self.changes + count, self.bytes.saturating_add(bytes));
        let evicted = self.evict();
        self.items.push_back(item);
        (evicted, self.is_over_limit())
    }

    /// Whether the oldest turn has to be evicted: the ring has too many bytes, or enough changes without that turn.
    fn is_over_limit(&self) -> bool {
        let over = self.bytes > self.max_bytes || self.changes > self.max_changes;
        over && self.items.front().is_some_and(|oldest| {
            self.bytes > self.max_bytes || self.changes - oldest.changes().len() >= self.max_changes
        })
    }

    /// Evict the oldest turn, if the ring is over a limit.
    fn evict(&mut self) -> Option<HistoryTurn<T>> {
        if !self.is_over_limit() {
            return None;
        }
        let item = self.items.pop_front()?;
        let (count, bytes) = item.size();
        self.floor = item.newest();
        (self.changes, self.bytes) = (self.changes - count, self.bytes.saturating_sub(bytes));
        Some(item)
    }
}

impl<T> History<T> {
    pub(crate) fn new(max_changes: usize, max_bytes: u64) -> Self {
        let ring =
            Ring { items: VecDeque::new(), floor: 0, changes: 0, bytes: 0, max_changes, max_bytes };
        Self { ring: Mutex::new(ring), head: AtomicU64::new(0) }
    }

    /// Start after a recovered revision.
    pub(crate) fn start_at(&self, revision: u64) {
        self.ring.lock().floor = revision;
        self.head.store(revision, Ordering::Release);
    }

    /// The newest published revision. The head moves after the changes are in the ring and in the watchers, with
    /// `Release`; the `Acquire` of a reader therefore makes all of them visible.
    pub(crate) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    /// The newest revision in the ring, which is ahead of the head while a turn is being published.
    pub(crate) fn newest(&self) -> u64 {
        let ring = self.ring.lock();
        ring.items.back().map_or(ring.floor, HistoryTurn::newest)
    }

    pub(crate) fn set_head(&self, revision: u64) {
        self.head.store(revision, Ordering::Release);
    }

    pub(crate) fn push_one(&self, change: Change<T>) {
        self.push(HistoryTurn::One(change));
    }

    pub(crate) fn push_turn(&self, turn: Turn<T>) {
        self.push(HistoryTurn::Shared(turn));
    }

    /// Put a turn in the ring. The publisher notifies the watchers next, and moves the head last.
    fn push(&self, item: HistoryTurn<T>) {
        let (mut evicted, mut more) = self.ring.lock().push(item);
        // Evicted turns are dropped outside of the lock: they run the `Drop` of `T`.
        while more {
            drop(evicted);
            let mut ring = self.ring.lock();
            evicted = ring.evict();
            more = ring.is_over_limit();
        }
    }

    /// The turns with the changes after a revision, oldest first, at most `limit` of them. The
    /// first may begin before the revision.
    pub(crate) fn read(&self, after: u64, limit: usize) -> Result<Vec<Turn<T>>, Error> {
        let mut ring = self.ring.lock();
        if after < ring.floor {
            return Err(Error::Compacted { oldest: ring.floor });
        }
        let start = ring.items.partition_point(|item| item.newest() <= after);
        Ok(ring.items.range_mut(start..).take(limit).map(HistoryTurn::share).collect())
    }

    /// Check that a subscription can start after a revision: the changes after it are in the ring, and it is not
    /// inside a batch.
    pub(crate) fn check_start(&self, after: u64) -> Result<(), Error> {
        let ring = self.ring.lock();
        if after < ring.floor {
            return Err(Error::Compacted { oldest: ring.floor });
        }
        let at = ring.items.partition_point(|item| item.newest() < after);
        let Some(item) = ring.items.get(at) else { return Ok(()) };
        let before = item.changes().iter().filter(|change| change.revision <= after);
        let (mut start, mut inside) = (after, false);
        for change in before {
            if !inside {
                start = change.revision - 1;
            }
            inside = change.continues;
        }
        if inside { Err(Error::InsideBatch { asked: after, before: start }) } else { Ok(()) }
    }

    pub(crate) fn size(&self) -> HistorySize {
        let ring = self.ring.lock();
        HistorySize { floor: ring.floor, changes: ring.changes, bytes: ring.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChangeKind, Key, Timestamp};

    fn change(revision: u64) -> Change<String> {
        let at = Timestamp::from_nanos(revision);
        Change::new(revision, at, Key::from("k"), ChangeKind::Removed)
    }

    fn revisions(turns: &[Turn<String>]) -> Vec<u64> {
        turns.iter().flat_map(|turn| turn.iter()).map(|change| change.revision).collect()
    }

    #[test]
    fn history_keeps_the_newest_changes() {
        let history = History::new(3, u64::MAX);
        (1..=5).for_each(|revision| history.push_one(change(revision)));
        assert_eq!(revisions(&history.read(2, 10).unwrap()), [3, 4, 5]);
        assert_eq!(revisions(&history.read(3, 1).unwrap()), [4]);
        assert_eq!(history.read(5, 10).unwrap().len(), 0);
        assert_eq!(history.read(1, 10).unwrap_err(), Error::Compacted { oldest: 2 });
    }

    #[test]
    fn bytes_are_limited() {
        let history = History::new(100, 10);
        (1..=50).for_each(|revision| history.push_one(change(revision)));
        assert_eq!(history.size(), HistorySize { floor: 40, changes: 10, bytes: 10 });
    }

    #[test]
    fn history_of_zero_changes_is_empty() {
        let history = History::new(0, u64::MAX);
        history.push_one(change(1));
        assert_eq!(history.size(), HistorySize { floor: 1, changes: 0, bytes: 0 });
        assert_eq!(history.read(1, 10).unwrap().len(), 0);
    }

    #[test]
    fn batch_is_kept_whole_and_cannot_be_resumed_inside() {
        let history = History::new(2, u64::MAX);
        history.push_one(change(1));
        let mut batch = [change(2), change(3), change(4), change(5)];
        (batch[1].continues, batch[2].continues) = (true, true);
        history.push_turn(Arc::new(batch)); // a single change 2, then a batch of 3 to 5
        assert_eq!(revisions(&history.read(1, 10).unwrap()), [2, 3, 4, 5]);
        assert_eq!(history.check_start(2), Ok(()));
        assert_eq!(history.check_start(3), Err(Error::InsideBatch { asked: 3, before: 2 }));
        assert_eq!(history.check_start(4), Err(Error::InsideBatch { asked: 4, before: 2 }));
        assert_eq!(history.check_start(5), Ok(()));
    }
}
