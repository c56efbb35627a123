//! Counters of a journal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::model::JournalStats;

/// Upper bounds of the histogram of sync times. One more bucket counts longer syncs.
pub const SYNC_TIMES: [Duration; 14] = [
    Duration::from_micros(100),
    Duration::from_micros(200),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_millis(2),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Counters of a journal. Any thread may update and read them.
#[derive(Debug, Default)]
pub struct Meter {
    appends: AtomicU64,
    appended_bytes: AtomicU64,
    syncs: AtomicU64,
    sync_nanos: AtomicU64,
    compactions: AtomicU64,
    failed_compactions: AtomicU64,
    bytes: AtomicU64,
    /// Number of syncs per bucket of [`SYNC_TIMES`].
    sync_times: [AtomicU64; SYNC_TIMES.len() + 1],
    unsynced_since: Mutex<Option<Instant>>,
}

impl Meter {
    /// Counts an acknowledged append of this many bytes. If it is not synced yet, the age of unsynced changes starts
    /// now, unless older changes are unsynced.
    pub fn appended(&self, bytes: u64, synced: bool) {
        self.appends.fetch_add(1, Ordering::Relaxed);
        self.appended_bytes.fetch_add(bytes, Ordering::Relaxed);
        if !synced {
            self.unsynced_since.lock().get_or_insert_with(Instant::now);
        }
    }

    /// Counts a sync of everything that was appended so far, and how long it took.
    pub fn synced(&self, took: Duration) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sync_nanos.fetch_add(nanos, Ordering::Relaxed);
        let bucket = SYNC_TIMES.partition_point(|limit| *limit < took);
        self.sync_times[bucket].fetch_add(1, Ordering::Relaxed);
        *self.unsynced_since.lock() = None;
    }

    /// Counts a compaction that has ended. Called by the owner, for every kind of journal.
    pub(crate) fn compaction_ended(&self, succeeded: bool) {
        let counter = if succeeded { &self.compactions } else { &self.failed_compactions };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets the current size of the journal in bytes.
    pub fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns the counters. They are read one after another, so they need not be from the same moment.
    pub fn stats(&self) -> JournalStats {
        let unsynced = *self.unsynced_since.lock();
        JournalStats {
            appends: self.appends.load(Ordering::Relaxed),
            appended_bytes: self.appended_bytes.load(Ordering::Relaxed),
            syncs: self.syncs.load(Ordering::Relaxed),
            sync_time: Duration::from_nanos(self.sync_nanos.load(Ordering::Relaxed)),
            unsynced: unsynced.map_or(Duration::ZERO, |since| since.elapsed()),
            compactions: self.compactions.load(Ordering::Relaxed),
            failed_compactions: self.failed_compactions.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn sync_times(&self) -> [u64; SYNC_TIMES.len() + 1] {
        self.sync_times.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_of_unsynced_changes_grows_until_sync() {
        let meter = Meter::default();
        meter.appended(10, true);
        assert_eq!(meter.stats().unsynced, Duration::ZERO);
        meter.appended(20, false);
        std::thread::sleep(Duration::from_millis(2));
        meter.appended(30, false);
        assert!(
            meter.stats().unsynced >= Duration::from_millis(2),
            "must count from the oldest unsynced append"
        );
        meter.synced(Duration::from_nanos(7));
        meter.synced(Duration::from_nanos(3));
        meter.compaction_ended(true);
        meter.compaction_ended(false);
        meter.compaction_ended(false);
        meter.set_bytes(99);
        let stats = meter.stats();
        assert_eq!((stats.appends, stats.appended_bytes, stats.syncs), (3, 60, 2));
        assert_eq!(stats.sync_time, Duration::from_nanos(10));
        assert_eq!((stats.unsynced, stats.bytes), (Duration::ZERO, 99));
        assert_eq!((stats.compactions, stats.failed_compactions), (1, 2));
    }
}
