//! Metrics of the store, from `Stats`.

use std::fmt;
use std::time::Duration;

use mainspring::Reader;
use mainspring::internal::SIZES;
use mainspring::internal::SYNC_TIMES;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit::{Bytes, Seconds};

use super::writer::{Writer, metrics};

pub(super) struct Store<T>(pub(super) Reader<T>);

impl<T: Send + Sync + 'static> Collector for Store<T> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let store = &self.0;
        let stats = store.stats();
        let histograms = store.histograms(stats.turns);
        let mut to = Writer(encoder);
        let health = store.health();
        let failed = matches!(health, Err(mainspring::Error::JournalFailed(_)));
        metrics! { to:
            gauge "ready" = u64::from(health.is_ok()), "1 if the store accepts reads and writes: recovered, not failed, not closed";
            gauge "journal_failed" = u64::from(failed), "1 if the journal has failed, so that writes are rejected";
            gauge "entries" = stats.entries, "Entries in the store";
            gauge "entries_weight" Bytes = stats.bytes, "Weight of the entries, keys included";
            gauge "revision" = stats.revision, "The newest revision";
            counter "expired" = stats.expired, "Expired entries, including those that are replayed from the journal";
            gauge "queue_depth" = stats.queued, "Commands waiting in the queue of the owner";
            gauge "queue_capacity" = stats.queue_capacity, "Maximum number of commands in the queue of the owner";
            counter "owner_commands" = stats.commands, "Commands processed by the owner, including those from inside the process";
            counter "turns" = stats.turns, "Turns of the owner";
            gauge "subscribers" = stats.subscribers, "Open subscriptions";
            counter "subscriptions_lagged" = stats.lagged, "Times that a subscription fell behind and read the history";
            gauge "subscriber_lag_max" = stats.max_lag, "Changes that the slowest subscription has not received yet";
            gauge "history_floor" = stats.history_floor, "The oldest revision after which the history is complete";
            gauge "history_head" = stats.revision, "The newest revision in the history";
            gauge "history_changes" = stats.history_changes, "Changes in the history";
            gauge "history_weight" Bytes = stats.history_bytes, "Weight of the changes in the history";
        }
        let limits = SIZES.iter().map(|size| *size as f64).chain([f64::INFINITY]);
        let classes: Vec<_> = limits.zip(histograms.turns).collect();
        let help = "Commands in a turn of the owner";
        to.histogram("turn_commands", None, help, histograms.commands as f64, &classes)?;

        let journal = stats.journal;
        let unsynced = journal.unsynced.as_secs_f64();
        metrics! { to:
            counter "journal_appends" = journal.appends, "Appends to the journal";
            counter "journal_appended" Bytes = journal.appended_bytes, "Bytes appended to the journal";
            gauge "journal_unsynced" Seconds = unsynced, "Age of the oldest acknowledged change that is not synced to disk";
            counter "journal_compactions" = journal.compactions, "Compactions of the journal";
            counter "journal_compactions_failed" = journal.failed_compactions, "Failed compactions of the journal, which left the log unchanged";
            gauge "journal_size" Bytes = journal.bytes, "Size of the journal on disk";
        }
        let limits = SYNC_TIMES.iter().map(Duration::as_secs_f64).chain([f64::INFINITY]);
        let classes: Vec<_> = limits.zip(histograms.syncs).collect();
        let (help, sum) = ("Duration of a sync of the journal", journal.sync_time.as_secs_f64());
        to.histogram("journal_sync_duration", Some(&Seconds), help, sum, &classes)
    }
}

impl<T> fmt::Debug for Store<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.0.id()).finish()
    }
}
