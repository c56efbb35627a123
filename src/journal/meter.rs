//! What a journal counts.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::model::JournalStats;

/// Up to how long a sync of each class takes; one more class is for those beyond.
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

/// Counts what a journal does; any thread may count and read.
#[derive(Debug, Default)]
pub struct Meter {
    appends: AtomicU64,
    appended_bytes: AtomicU64,
    syncs: AtomicU64,
    sync_nanos: AtomicU64,
    compactions: AtomicU64,
    failed_compactions: AtomicU64,
    bytes: AtomicU64,
    /// How many syncs took how long.
    sync_times: [AtomicU64; SYNC_TIMES.len() + 1],
    unsynced_since: Mutex<Option<Instant>>,
}

impl Meter {
    /// An append of so many bytes was acknowledged. If it is not synced, the time since then counts.
    pub fn appended(&self, bytes: u64, synced: bool) {
        self.appends.fetch_add(1, Ordering::Relaxed);
        self.appended_bytes.fetch_add(bytes, Ordering::Relaxed);
        if !synced {
            self.unsynced_since.lock().get_or_insert_with(Instant::now);
        }
    }

    /// Everything that was appended so far has been synced, which took so long.
    pub fn synced(&self, took: Duration) {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.sync_nanos.fetch_add(nanos, Ordering::Relaxed);
        let class = SYNC_TIMES.partition_point(|limit| *limit < took);
        self.sync_times[class].fetch_add(1, Ordering::Relaxed);
        *self.unsynced_since.lock() = None;
    }

    /// A compaction has ended. The owner counts them, of whatever journal.
    pub(crate) fn compaction_ended(&self, succeeded: bool) {
        let counter = if succeeded { &self.compactions } else { &self.failed_compactions };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The journal takes so many bytes now.
    pub fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    /// What was counted, read one after another.
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
    fn what_is_not_synced_yet_grows_old() {
        let meter = Meter::default();
        meter.appended(10, true);
        assert_eq!(meter.stats().unsynced, Duration::ZERO);
        meter.appended(20, false);
        std::thread::sleep(Duration::from_millis(2));
        meter.appended(30, false);
        assert!(meter.stats().unsynced >= Duration::from_millis(2), "since the oldest");
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
