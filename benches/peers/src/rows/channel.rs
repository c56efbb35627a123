//! Commands to the owner, compared with the plain actor.

use std::sync::Arc;

use mainspring::{Error, Reader, Store};
use tokio::task::JoinHandle;

use super::{Case, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::{KEYS, Load, Text};
use crate::measure::{Sample, SideResult, interleave};
use crate::peers::{Plain, store_with_all_features};
use crate::report::Row;
use crate::settings::Settings;

const CALLERS: [usize; 4] = [64, 8, 512, 1];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = cases_of::<String>();
    cases.extend(cases_of::<Arc<str>>());
    cases
}

fn cases_of<T: Text>() -> Vec<Case> {
    let mut cases = Vec::new();
    for callers in CALLERS {
        for job in Job::ALL {
            let name = format!("plain {} {callers} {}", job.name(), T::NAME);
            cases.push(Case::new(name, move |settings| {
                of_the_plain_actor::<T>(settings, job, callers, false)
            }));
        }
    }
    cases.push(Case::new(format!("plain set subscriber {}", T::NAME), |settings| {
        of_the_plain_actor::<T>(settings, Job::Set, 64, true)
    }));
    cases
}

fn goal(job: Job, callers: usize, subscriber: bool) -> f64 {
    match (job, callers) {
        (Job::Set, 1) => 0.9,
        (Job::Set, _) if subscriber => 1.0,
        (Job::Set, _) => 1.15,
        (_, 1) => 1.0,
        (_, 64) => 1.35,
        _ => 1.2,
    }
}

fn of_the_plain_actor<T: Text>(
    settings: &Settings,
    job: Job,
    callers: usize,
    subscriber: bool,
) -> Row {
    two_workers().block_on(async {
        let load = Load::zipf(KEYS);
        let (plain, store) = (Plain::<T>::spawn(), store_with_all_features::<T>());
        drive::fill(&plain, &load).await;
        drive::fill(&store, &load).await;
        let listening = if subscriber { Some(listen(&store).await) } else { None };
        let sides = [
            drive::side("store", Keyed::new(&store, &load, job), callers),
            drive::side("plain", Keyed::new(&plain, &load, job), callers),
        ];
        let measured = interleave(settings, &sides).await;
        if let Some(listening) = listening {
            check_received(&store, listening).await;
        }
        let listener = if subscriber { ", one subscriber" } else { "" };
        let who = drive::callers_text(callers);
        let what = format!("{}, {who}{listener}, of the plain actor, {}", job.name(), T::NAME);
        let ratio = measured[0].ratio(&measured[1], Sample::per_second);
        let figures = measured.iter().map(SideResult::figures);
        let row = Row::at_least(goal(job, callers, subscriber), what, ratio).figures(figures);
        // With one caller, most of the time is wake-ups of the machine, so instructions are counted.
        if callers == 1 { row } else { row.recorded() }
    })
}

/// Read all changes, and return the revision before the first one, the number of changes, and the last revision. If
/// the machine stops the task for longer than the history reaches, it subscribes again and prints what it
/// missed.
async fn listen<T: Text>(store: &Reader<T>) -> (u64, JoinHandle<(u64, u64)>) {
    let mut changes = store.subscribe().await.expect("the store is open");
    let before = store.revision();
    let store = store.clone();
    let listener = tokio::spawn(async move {
        let (mut received, mut missed, mut last) = (0, 0, before);
        loop {
            match changes.recv().await {
                Ok(event) => {
                    let first = event.changes().first().map_or(0, |change| change.revision);
                    missed += first - last - 1;
                    received += event.changes().len() as u64;
                    last = event.revision().expect("changes have a revision");
                }
                Err(Error::Closed) => break,
                Err(Error::Compacted { .. }) => match store.subscribe().await {
                    Ok(again) => changes = again,
                    Err(_) => break,
                },
                Err(error) => panic!("the subscription failed: {error}"),
            }
        }
        if missed > 0 {
            eprintln!("the subscriber received {received} changes and missed {missed}");
        }
        (received + missed, last)
    });
    (before, listener)
}

async fn check_received<T: Text>(
    store: &Store<T>,
    (before, listener): (u64, JoinHandle<(u64, u64)>),
) {
    store.shutdown().await.expect("graceful shutdown");
    let (received, last) = listener.await.expect("no panic");
    assert_eq!((received, last), (store.revision() - before, store.revision()));
}
