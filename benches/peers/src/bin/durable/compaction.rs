//! How long callers wait while the log is compacted.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use mainspring::Store;
use mainspring::journal::file::SyncPolicy;
use peers::measure::Figures;
use peers::report::{Row, Unit};
use peers::settings::Settings;

/// Compact, and wait until it is done.
pub(crate) async fn compact(store: &Store<String>) -> Result<Duration> {
    let start = Instant::now();
    store.compact().await?;
    Ok(start.elapsed())
}

/// The longest waits of a caller that reads or writes sequentially, in a store with this many entries: during a
/// compaction, and in an equally long time afterwards.
pub(crate) async fn waits(
    settings: &Settings,
    directory: &Path,
    entries: usize,
) -> Result<Vec<Row>> {
    let store = super::mainspring(directory, SyncPolicy::Always).await?;
    super::fill(&store, entries).await?;
    let mut rows = Vec::new();
    for what in ["get", "set"] {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..settings.few().rounds {
            let caller = tokio::spawn(call(store.clone(), what == "set", entries, None));
            let took = compact(&store).await?;
            caller.abort();
            // The longest wait is in `WORST`; see `call`.
            drop(caller.await);
            with.push(WORST.swap(0, std::sync::atomic::Ordering::Relaxed));
            call(store.clone(), what == "set", entries, Some(took)).await;
            without.push(WORST.swap(0, std::sync::atomic::Ordering::Relaxed));
        }
        let millis = |waits: &mut Vec<u64>| {
            waits.sort_unstable();
            waits[waits.len() / 2] as f64 / 1e6
        };
        let (with, without) = (millis(&mut with), millis(&mut without));
        let figures = Figures::named("median of the worst, ms")
            .with("during the compaction", with)
            .with("equally long afterwards", without);
        let what =
            format!("compaction of {entries} entries, longest wait of a {what}, more than without");
        let more = (with - without).max(0.0);
        rows.push(Row::at_most(2.0, what, more).unit(Unit::Millis).figures([figures]));
    }
    store.shutdown().await?;
    Ok(rows)
}

/// The longest wait so far, in nanoseconds.
static WORST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

async fn call(store: Store<String>, writes: bool, entries: usize, time: Option<Duration>) {
    let start = Instant::now();
    let mut n = 0_usize;
    while time.is_none_or(|time| start.elapsed() < time) {
        n = (n + 7_919) % entries;
        let (key, asked) = (format!("key-{n:012}"), Instant::now());
        if writes {
            store.set(key, "v").await.expect("the store accepts writes");
        } else {
            store.get(key).await.expect("the store accepts reads");
        }
        let wait = u64::try_from(asked.elapsed().as_nanos()).unwrap_or(u64::MAX);
        WORST.fetch_max(wait, std::sync::atomic::Ordering::Relaxed);
        tokio::task::yield_now().await;
    }
}
