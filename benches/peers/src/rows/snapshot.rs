//! A subscriber that is told a million entries, while 64 callers get and set: how much longer the
//! longest wait is.

use std::time::Duration;

use hdrhistogram::Histogram;
use mainspring::{Event, Store};

use super::large::{MILLION, Waits, fill, median_worst, worst};
use super::{Case, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::Load;
use crate::measure::histogram;
use crate::peers::builder;
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("snapshot", |settings| vec![while_serving(settings)])]
}

/// How long the callers are looked at in one go.
const WINDOW: Duration = Duration::from_millis(200);

/// Be told all entries; answers how many there were.
async fn read(store: Store<String>) -> usize {
    let mut told = store.subscribe().from_snapshot().await.expect("the store is there");
    let mut entries = 0;
    loop {
        match told.recv().await.expect("the history reaches back far enough") {
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

fn while_serving(settings: &Settings) -> Row {
    two_workers().block_on(async {
        // Changes wait in the history while the snapshot is told.
        let store = builder().history_changes(1 << 20).history_bytes(1 << 30).spawn();
        fill(&store, 0..MILLION).await;
        let work = Keyed::new(&store, &Load::zipf(MILLION), Job::Mixed);
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for _ in 0..=settings.few().rounds {
            let reader = tokio::spawn(read(store.clone()));
            let mut windows = 0;
            let mut waits = histogram();
            while !reader.is_finished() {
                record(&work, &mut waits).await;
                windows += 1;
            }
            assert!(reader.await.expect("it reads") >= MILLION);
            with.push(Waits::of(&waits));
            let mut waits = histogram();
            for _ in 0..windows {
                record(&work, &mut waits).await;
            }
            without.push(Waits::of(&waits));
        }
        let ratio = median_worst(&with[1..]) / median_worst(&without[1..]);
        Row::at_most(1.5, "snapshot of a million while serving, longest wait, of none", ratio)
            .figures([worst("with", &with[1..]), worst("without", &without[1..])])
    })
}
