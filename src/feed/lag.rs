//! The lag of the subscriptions of a store.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// The position of one subscription: the first revision that it has not delivered. It is set with each turn, and read
/// by `stats`. `Relaxed` suffices, because no other memory depends on it: a reader may get a slightly older position.
#[derive(Debug)]
pub(crate) struct Mark(AtomicU64);

impl Mark {
    /// The mark of a subscription that is up to date.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(u64::MAX)))
    }

    /// Set the first undelivered revision; `None` if there is none.
    pub(crate) fn set(&self, undelivered: Option<u64>) {
        self.0.store(undelivered.unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed) != u64::MAX
    }
}

/// The lag of the subscriptions of a store.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    marks: Marks,
    /// How often a subscription had to leave its channel and read the history.
    lagged: AtomicU64,
}

impl Lag {
    /// Observe a subscription until its mark is dropped.
    pub(crate) fn observe(&self, mark: &Arc<Mark>) {
        self.marks.add(mark);
    }

    pub(crate) fn count_lagged(&self) {
        self.lagged.fetch_add(1, Relaxed);
    }

    pub(crate) fn lagged(&self) -> u64 {
        self.lagged.load(Relaxed)
    }

    /// How many changes the slowest subscription has not delivered; `head` is the newest revision.
    pub(crate) fn max(&self, head: u64) -> u64 {
        self.marks.undelivered().map_or(0, |first| (head + 1).saturating_sub(first))
    }
}

/// The marks of all subscriptions. Those of dropped subscriptions are removed when the list has doubled.
#[derive(Debug, Default)]
struct Marks(Mutex<(Vec<Weak<Mark>>, usize)>);

impl Marks {
    /// Add a mark, which counts until it is dropped.
    fn add(&self, mark: &Arc<Mark>) {
        let (marks, sweep_at) = &mut *self.0.lock();
        if marks.len() >= *sweep_at {
            marks.retain(|mark| mark.strong_count() > 0);
            *sweep_at = 64.max(2 * marks.len());
        }
        marks.push(Arc::downgrade(mark));
    }

    /// The first revision that has not been delivered to all subscriptions.
    fn undelivered(&self) -> Option<u64> {
        let marks = self.0.lock();
        let live = marks.0.iter().filter_map(Weak::upgrade);
        live.map(|mark| mark.0.load(Relaxed)).min().filter(|first| *first != u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_that_of_the_slowest_live_subscription() {
        let marks = Marks::default();
        let (slow, fast, done) = (Mark::new(), Mark::new(), Mark::new());
        [&slow, &fast, &done].into_iter().for_each(|mark| marks.add(mark));
        assert_eq!(marks.undelivered(), None);
        slow.set(Some(3));
        fast.set(Some(7));
        assert_eq!(marks.undelivered(), Some(3));
        drop(slow);
        assert_eq!(marks.undelivered(), Some(7));
        for _ in 0..10_000 {
            marks.add(&Mark::new());
        }
        assert!(marks.0.lock().0.len() <= 64);
        fast.set(None);
        assert!(!fast.is_set() && marks.undelivered().is_none());
    }
}
