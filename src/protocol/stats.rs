//! How a store is doing, as it is sent.

#[cfg(feature = "client")]
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Stats;
#[cfg(feature = "client")]
use crate::journal::JournalStats;

/// How a store is doing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = Stats))]
pub(crate) struct StoreStats {
    pub(crate) id: String,
    revision: u64,
    entries: usize,
    bytes: u64,
    queued: usize,
    queue_capacity: usize,
    turns: u64,
    commands: u64,
    expired: u64,
    subscribers: usize,
    lagged: u64,
    /// How many changes the slowest subscription is behind.
    max_lag: u64,
    history_floor: u64,
    history_changes: usize,
    history_bytes: u64,
    journal: JournalCounters,
}

/// How its journal is doing.
#[derive(Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = JournalStats))]
pub(crate) struct JournalCounters {
    appends: u64,
    appended_bytes: u64,
    syncs: u64,
    sync_seconds: f64,
    unsynced_seconds: f64,
    compactions: u64,
    failed_compactions: u64,
    bytes: u64,
}

#[cfg(feature = "server")]
impl StoreStats {
    pub(crate) fn new(id: crate::StoreId, stats: &Stats) -> Self {
        let journal = &stats.journal;
        Self {
            id: id.to_string(),
            revision: stats.revision,
            entries: stats.entries,
            bytes: stats.bytes,
            queued: stats.queued,
            queue_capacity: stats.queue_capacity,
            turns: stats.turns,
            commands: stats.commands,
            expired: stats.expired,
            subscribers: stats.subscribers,
            lagged: stats.lagged,
            max_lag: stats.max_lag,
            history_floor: stats.history_floor,
            history_changes: stats.history_changes,
            history_bytes: stats.history_bytes,
            journal: JournalCounters {
                appends: journal.appends,
                appended_bytes: journal.appended_bytes,
                syncs: journal.syncs,
                sync_seconds: journal.sync_time.as_secs_f64(),
                unsynced_seconds: journal.unsynced.as_secs_f64(),
                compactions: journal.compactions,
                failed_compactions: journal.failed_compactions,
                bytes: journal.bytes,
            },
        }
    }
}

#[cfg(feature = "client")]
impl StoreStats {
    /// What a server says. One of another version may say less, or more.
    pub(crate) fn read(body: &[u8]) -> serde_json::Result<Self> {
        let mut all = serde_json::to_value(Self::default())?;
        fill(&mut all, serde_json::from_slice(body)?);
        serde_json::from_value(all)
    }

    pub(crate) fn stats(&self) -> Stats {
        let seconds = |seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        let journal = &self.journal;
        Stats {
            entries: self.entries,
            bytes: self.bytes,
            revision: self.revision,
            queued: self.queued,
            queue_capacity: self.queue_capacity,
            turns: self.turns,
            commands: self.commands,
            expired: self.expired,
            subscribers: self.subscribers,
            lagged: self.lagged,
            max_lag: self.max_lag,
            history_floor: self.history_floor,
            history_changes: self.history_changes,
            history_bytes: self.history_bytes,
            journal: JournalStats {
                appends: journal.appends,
                appended_bytes: journal.appended_bytes,
                syncs: journal.syncs,
                sync_time: seconds(journal.sync_seconds),
                unsynced: seconds(journal.unsynced_seconds),
                compactions: journal.compactions,
                failed_compactions: journal.failed_compactions,
                bytes: journal.bytes,
            },
        }
    }
}

/// Replace what is there by what is said.
#[cfg(feature = "client")]
fn fill(all: &mut serde_json::Value, said: serde_json::Value) {
    match (all, said) {
        (serde_json::Value::Object(all), serde_json::Value::Object(said)) => {
            for (name, said) in said {
                if let Some(all) = all.get_mut(&name) {
                    fill(all, said);
                }
            }
        }
        (all, said) => *all = said,
    }
}
