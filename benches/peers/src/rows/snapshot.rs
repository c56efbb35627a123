//! A snapshot of a million entries for a subscriber while 64 callers get and set: how much longer the
//! longest wait is.
//!
//! The first row has the owner and the callers on one thread and the subscriber on another, to measure the effect of
//! the snapshot on the owner. The second row has all of them on the two workers of one runtime, where callers also wait
//! for a worker that the subscriber occupies.

use std::time::Duration;

use hdrhistogram::Histogram;
use mainspring::{Event, Store};
use tokio::runtime::Handle;

use super::large::{MILLION, Waits, fill, median_worst, worst};
use super::publishing::listeners;
use super::{Case, one_thread, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::Load;
use crate::measure::histogram;
use crate::peers::builder;
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("snapshot", while_serving)]
}

/// The duration of one slice.
const WINDOW: Duration = Duration::from_millis(200);

/// Reads a snapshot. Returns the number of entries.
async fn read(store: Store<String>) -> usize {
    let mut events = store.subscribe().from_snapshot().await.expect("the store is open");
    let mut entries = 0;
    loop {
        match events.recv().await.expect("the history is long enough") {
            Event::Entry { .. } => entries += 1,
            Event::SnapshotEnd { .. } => return entries,
            _ => {}
        }
    }
}

async fn record(work: &Keyed<String, Store<String>>, waits: &mut Histogram<u64>) {
    for wait in drive::latencies(work, 64, WINDOW).await {
        waits.saturating_record(wait);
    }
}

/// Returns the longest waits with and without a snapshot, which is read on the runtime of `reader`.
async fn measure(settings: &Settings, reader: &Handle) -> [Vec<Waits>; 2] {
    // Changes stay in the history during the snapshot.
    let store = builder().history_changes(1 << 20).history_bytes(1 << 30).spawn();
    fill(&store, 0..MILLION).await;
    let work = Keyed::new(&store, &Load::zipf(MILLION), Job::Mixed);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..settings.few().rounds {
        let (mut windows, mut waits) = (0, histogram());
        let reader = reader.spawn(read(store.clone()));
        while !reader.is_finished() {
            record(&work, &mut waits).await;
            windows += 1;
        }
        assert!(reader.await.expect("no panic") >= MILLION);
        with.push(Waits::of(&waits));
        let mut waits = histogram();
        for _ in 0..windows {
            record(&work, &mut waits).await;
        }
        without.push(Waits::of(&waits));
    }
    store.shutdown().await.expect("graceful shutdown");
    [with, without]
}

fn while_serving(settings: &Settings) -> [Row; 2] {
    let apart = listeners();
    let here = two_workers();
    [
        row(
            "snapshot of a million while serving, longest wait, of none",
            &one_thread().block_on(measure(settings, apart.handle())),
        ),
        row(
            "the same, read by a task among the callers, longest wait, of none",
            &here.block_on(measure(settings, here.handle())),
        ),
    ]
}

fn row(what: &str, [with, without]: &[Vec<Waits>; 2]) -> Row {
    let ratio = median_worst(with) / median_worst(without);
    Row::at_most(1.5, what, ratio).figures([worst("with", with), worst("without", without)])
}
