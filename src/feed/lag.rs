//! How far behind the subscriptions of a store are.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// Up to where one subscription has been told. It is set with each turn, and looked at now and then.
#[derive(Debug)]
pub(crate) struct Mark(AtomicU64);

impl Mark {
    /// Of one that waits for whatever comes.
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(u64::MAX)))
    }

    /// The first revision that it has not been told, or `None` if it has been told all that is for it.
    pub(crate) fn set(&self, undelivered: Option<u64>) {
        self.0.store(undelivered.unwrap_or(u64::MAX), Relaxed);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Relaxed) != u64::MAX
    }
}

/// How far behind the subscriptions of a store are.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    marks: Marks,
    /// How often a subscription had to leave its channel and read the history.
    lagged: AtomicU64,
}

impl Lag {
    /// Observe a subscription for as long as its mark is held.
    pub(crate) fn observe(&self, mark: &Arc<Mark>) {
        self.marks.add(mark);
    }

    pub(crate) fn count_lagged(&self) {
        self.lagged.fetch_add(1, Relaxed);
    }

    pub(crate) fn lagged(&self) -> u64 {
        self.lagged.load(Relaxed)
    }

    /// How many changes the slowest subscription has still to deliver, where `head` is the newest revision.
    pub(crate) fn max(&self, head: u64) -> u64 {
        self.marks.undelivered().map_or(0, |first| (head + 1).saturating_sub(first))
    }
}

/// The marks of all subscriptions. Those of the ones that are gone are swept out.
#[derive(Debug, Default)]
struct Marks(Mutex<(Vec<Weak<Mark>>, usize)>);

impl Marks {
    /// Keep an eye on it as long as it is held.
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
    fn the_slowest_counts_as_long_as_it_is_there() {
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
