//! The store that the settings ask for.

use std::time::{Duration, Instant};

use mainspring::journal::FileJournal;
use mainspring::journal::file::{FileError, Progress};
use mainspring::wire::Json;
use mainspring::{Builder, Store};

use super::demo;
use super::settings::Settings;
use crate::journal_url::JournalUrl;

/// How often a recovery says how far it is.
const SAY_SO: Duration = Duration::from_secs(2);

/// The store, which recovers what its journal holds from here on. Fails if another process has the journal open.
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
        JournalUrl::File(folder) => {
            let journal = FileJournal::open(folder)
                .sync(settings.sync)
                .history_bytes(settings.journal_history_bytes)
                .on_progress(say_so());
            builder.journal(journal.lock()?).spawn()
        }
    };
    if let Some(demo) = demo {
        demo.start(&store);
    }
    Ok(store)
}

/// Log how far a recovery is, if it takes long.
fn say_so() -> impl FnMut(Progress) + Send + 'static {
    let mut said = Instant::now();
    move |progress| {
        if said.elapsed() >= SAY_SO {
            said = Instant::now();
            let percent = 100 * progress.done / progress.total.max(1);
            tracing::info!(percent, bytes = progress.done, of = progress.total, "recovering");
        }
    }
}
