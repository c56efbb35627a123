//! The store: what `Stats` says.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit::{Bytes, Seconds};

use super::writer::Writer;
use crate::Reader;
use crate::journal::{JournalStats, SYNC_TIMES};
use crate::owner::counters::SIZES;

pub(super) struct Store<T>(pub(super) Reader<T>);

impl<T: Send + Sync + 'static> Collector for Store<T> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let store = &self.0;
        let stats = store.stats();
        let spreads = store.spreads(stats.turns);
        let mut to = Writer(encoder);
        let health = store.health();
        let help = "1 if the store takes reads and writes: recovered, not failed, not closed";
        to.gauge("ready", None, help, u64::from(health.is_ok()))?;
        let help = "1 if the journal has failed, so that no writes are taken";
        let failed = matches!(health, Err(crate::Error::JournalFailed(_)));
        to.gauge("journal_failed", None, help, u64::from(failed))?;
        to.gauge("entries", None, "Entries", stats.entries)?;
        let help = "What the entries weigh, keys included";
        to.gauge("entries_weight", Some(&Bytes), help, stats.bytes)?;
        to.gauge("revision", None, "The newest revision", stats.revision)?;
        let help = "Entries that have expired, as far back as the log goes";
        to.counter("expired", None, help, stats.expired)?;

        let help = "Commands that wait in the queue of the owner";
        to.gauge("queue_depth", None, help, stats.queued)?;
        let help = "Commands that may wait in the queue of the owner";
        to.gauge("queue_capacity", None, help, stats.queue_capacity)?;
        let help = "Commands that the owner has taken, those from inside the process included";
        to.counter("owner_commands", None, help, stats.commands)?;
        to.counter("turns", None, "Turns that the owner has taken", stats.turns)?;
        let limits = SIZES.iter().map(|size| *size as f64).chain([f64::INFINITY]);
        let classes: Vec<_> = limits.zip(spreads.turns).collect();
        let help = "Commands in a turn of the owner";
        to.histogram("turn_commands", None, help, spreads.commands as f64, &classes)?;

        to.gauge("subscribers", None, "Subscriptions that are open", stats.subscribers)?;
        let help = "Times that a subscription fell behind and had to read the history";
        to.counter("subscriptions_lagged", None, help, stats.lagged)?;
        let help = "Changes that the slowest subscription has not been told";
        to.gauge("subscriber_lag_max", None, help, stats.max_lag)?;
        let help = "The oldest revision after which the history is complete";
        to.gauge("history_floor", None, help, stats.history_floor)?;
        let help = "The newest revision in the history";
        to.gauge("history_head", None, help, stats.revision)?;
        to.gauge("history_changes", None, "Changes in the history", stats.history_changes)?;
        let help = "What the changes in the history weigh";
        to.gauge("history_weight", Some(&Bytes), help, stats.history_bytes)?;

        let JournalStats {
            appends,
            appended_bytes,
            syncs: _, // the histogram counts them
            sync_time,
            unsynced,
            compactions,
            failed_compactions,
            bytes,
        } = stats.journal;
        to.counter("journal_appends", None, "Appends to the journal", appends)?;
        let help = "Bytes appended to the journal";
        to.counter("journal_appended", Some(&Bytes), help, appended_bytes)?;
        let limits = SYNC_TIMES.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        let classes: Vec<_> = limits.zip(spreads.syncs).collect();
        let (help, sum) = ("Time of a sync of the journal", sync_time.as_secs_f64());
        to.histogram("journal_sync_duration", Some(&Seconds), help, sum, &classes)?;
        let help = "Age of the oldest acknowledged change that is not synced";
        to.gauge("journal_unsynced", Some(&Seconds), help, unsynced.as_secs_f64())?;
        to.counter("journal_compactions", None, "Compactions of the journal", compactions)?;
        let help = "Compactions of the journal that failed, so that the log stayed as it was";
        to.counter("journal_compactions_failed", None, help, failed_compactions)?;
        let help = "What the journal takes of the disk";
        to.gauge("journal_size", Some(&Bytes), help, bytes)
    }
}

impl<T> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.id()).finish()
    }
}
