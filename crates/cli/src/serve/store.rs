//! Opens the store of the server.

use std::time::{Duration, Instant};

use mainspring::journal::FileJournal;
use mainspring::journal::file::{FileError, Progress};
use mainspring::wire::Json;
use mainspring::{Builder, Store};

use super::demo;
use super::settings::Settings;
use crate::journal_url::JournalUrl;

/// How often the progress of a recovery is logged.
const REPORT_PERIOD: Duration = Duration::from_secs(2);

/// Open the store, which then recovers its journal in the background.
///
/// # Errors
///
/// Fails if another process has the journal open.
pub fn open(settings: &Settings) -> Result<Store<Json>, FileError> {
    let mut builder: Builder<Json> = Store::builder()
        .weigher(|element: &Json| element.as_str().len())
        .queue_capacity(settings.queue_capacity)
        .history_changes(settings.history_changes)
        .history_bytes(settings.history_bytes)
        .max_entries(settings.max_entries.unwrap_or(usize::MAX))
        .max_bytes(settings.max_bytes.unwrap_or(u64::MAX))
        .max_entry_bytes(settings.max_entry_bytes.unwrap_or(u64::MAX))
        .shutdown_deadline(settings.shutdown_deadline);
    if let Some(ttl) = settings.default_ttl {
        builder = builder.default_ttl(ttl);
    }
    let (builder, demo) = demo::gate(settings, builder);
    let store = match &settings.journal {
        JournalUrl::None => builder.spawn(),
        JournalUrl::File(directory) => {
            let journal = FileJournal::open(directory)
                .sync(settings.sync)
                .history_bytes(settings.journal_history_bytes)
                .on_progress(report_progress());
            builder.journal(journal.lock()?).spawn()
        }
    };
    if let Some(demo) = demo {
        demo.start(&store);
    }
    Ok(store)
}

/// Log the progress of a recovery that takes long.
fn report_progress() -> impl FnMut(Progress) + Send + 'static {
    let mut reported = Instant::now();
    move |progress| {
        if reported.elapsed() >= REPORT_PERIOD {
            reported = Instant::now();
            let percent = 100 * progress.done / progress.total.max(1);
            tracing::info!(percent, bytes = progress.done, of = progress.total, "recovering");
        }
    }
}
