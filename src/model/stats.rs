//! Statistics of a store and its journal.

use std::time::Duration;

/// Statistics of a store. The numbers are read one after another, not all at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Entries, including those whose deadline passed some milliseconds ago.
    pub entries: usize,
    /// The weight of all entries in bytes by the weigher, including their keys.
    pub bytes: u64,
    /// The newest revision that has been published.
    pub revision: u64,
    /// Commands that wait in the owner's queue.
    pub queued: usize,
    /// The capacity of the owner's queue.
    pub queue_capacity: usize,
    /// Turns since the owner was started.
    pub turns: u64,
    /// Commands that the owner has processed.
    pub commands: u64,
    /// Entries that have expired. With a journal, this includes the expiries in its log.
    pub expired: u64,
    /// Subscriptions, including those of [`latest`](crate::Reader::latest).
    pub subscribers: usize,
    /// How often a subscription fell behind its channel and had to read the history.
    pub lagged: u64,
    /// How many changes the slowest subscription is behind: those after the last turn that it received.
    /// A subscription to a single key is behind only while there are undelivered changes of that key, and
    /// [`latest`](crate::Reader::latest) never is.
    pub max_lag: u64,
    /// The oldest revision after which the history is complete.
    pub history_floor: u64,
    /// Changes in the history.
    pub history_changes: usize,
    /// The weight of these changes in bytes by the weigher, including their keys.
    pub history_bytes: u64,
    /// The statistics of the journal. All zero without a journal.
    pub journal: JournalStats,
}

/// Statistics of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct JournalStats {
    /// Appends that were acknowledged since the store was started: turns, not changes.
    pub appends: u64,
    /// The length of these appends in bytes.
    pub appended_bytes: u64,
    /// How often the log was synced.
    pub syncs: u64,
    /// The total time of these syncs.
    pub sync_time: Duration,
    /// How long the oldest acknowledged change has been waiting for a sync: the span of changes that a power failure
    /// would lose now. Zero if every change is synced before it is acknowledged.
    pub unsynced: Duration,
    /// How often the log was compacted.
    pub compactions: u64,
    /// How often a compaction has failed, which leaves the log unchanged.
    pub failed_compactions: u64,
    /// The size of the journal in bytes.
    pub bytes: u64,
}
