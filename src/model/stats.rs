//! How a store and its journal are doing, in numbers.

use std::time::Duration;

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
    /// How many changes the slowest of the subscriptions is behind: those since the last turn that it was told of.
    /// One to a single key is behind only if there is something of that key to tell, and
    /// [`latest`](crate::Reader::latest) never.
    pub max_lag: u64,
    /// The oldest revision after which the history is complete.
    pub history_floor: u64,
    /// Changes in the history.
    pub history_changes: usize,
    /// What they weigh, in bytes by the weigher, keys included.
    pub history_bytes: u64,
    /// What the journal counts. All zero where there is none.
    pub journal: JournalStats,
}

/// How a journal is doing, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct JournalStats {
    /// Appends that were acknowledged since the store was started: turns, not changes.
    pub appends: u64,
    /// Bytes that they took.
    pub appended_bytes: u64,
    /// How often the log was synced.
    pub syncs: u64,
    /// How long all of that syncing took.
    pub sync_time: Duration,
    /// How long the oldest change that was acknowledged has waited for a sync: what a power cut would cost
    /// now. Zero where every change is synced before it is acknowledged.
    pub unsynced: Duration,
    /// How often the log was compacted.
    pub compactions: u64,
    /// How often a compaction has failed, so that the log stayed as it was.
    pub failed_compactions: u64,
    /// Bytes that the journal takes.
    pub bytes: u64,
}
