//! How a store is doing, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::journal::JournalStats;

/// A glance at a store. The numbers are read one after another, not all at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Entries, including those that are past their deadline for some milliseconds.
    pub entries: usize,
    /// What they weigh, in bytes by the weigher, keys included.
    pub bytes: u64,
    /// The newest revision that has been published.
    pub revision: u64,
    /// Commands that wait in the owner's queue.
    pub queued: usize,
    /// How many commands may wait there.
    pub queue_capacity: usize,
    /// Turns that the owner has taken since it started.
    pub turns: u64,
    /// Commands that it has taken.
    pub commands: u64,
    /// Entries that have expired, as far back as the log goes where there is a journal.
    pub expired: u64,
    /// Subscriptions, those of [`latest`](crate::Reader::latest) included.
    pub subscribers: usize,
    /// How often a subscription fell behind its channel and had to read the history.
    pub lagged: u64,
    /// The oldest revision after which the history is complete.
    pub history_floor: u64,
    /// Changes in the history.
    pub history_changes: usize,
    /// What they weigh, in bytes by the weigher, keys included.
    pub history_bytes: u64,
    /// What the journal counts. All zero where there is none.
    pub journal: JournalStats,
}

/// What only the owner counts, so that counting is a plain store; `lagged` is everybody's.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) entries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) turns: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) lagged: AtomicU64,
}

/// Add to a counter that nobody else writes to.
pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.store(counter.load(Ordering::Relaxed) + n as u64, Ordering::Relaxed);
}
