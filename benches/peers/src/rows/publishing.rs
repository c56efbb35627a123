//! What telling others costs the owner.
//!
//! With nobody listening that is the history: a store with the usual one against a store with none, CPU
//! time of the process for each write, under the usual load.
//!
//! With subscribers, what the owner does for them hides behind what they do themselves, so they live on
//! a thread of their own and the owner, with its 64 writers, on this one, whose CPU time is what counts.
//! Writes come in bursts of 64, one from each writer; between two bursts the subscribers read all that
//! they were told, so every burst finds them asleep, which is the dearest for the owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use mainspring::{Error, Store};
use tokio::runtime::{self, Runtime};

use super::{Case, one_thread, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::{KEYS, Load, Text, key};
use crate::measure::{Cpu, Figures, Measured, Sample, Side, Stopwatch, interleave};
use crate::peers::{builder, everything_on};
use crate::report::{Row, Unit};
use crate::settings::Settings;

const BURST: usize = 64;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("publishing nobody String", to_nobody::<String>),
        Case::new("publishing nobody Arc<str>", to_nobody::<Arc<str>>),
        Case::new("publishing subscribers String", to_subscribers::<String>),
        Case::new("publishing subscribers Arc<str>", to_subscribers::<Arc<str>>),
    ]
}

fn to_nobody<T: Text>(settings: &Settings) -> Row {
    two_workers().block_on(async {
        let load = Load::zipf(KEYS);
        let (with, without) = (everything_on::<T>(), builder::<T>().history_changes(0).spawn());
        drive::fill(&with, &load).await;
        drive::fill(&without, &load).await;
        let sides = [
            drive::side("history", Keyed::new(&with, &load, Job::Set), 64),
            drive::side("no history", Keyed::new(&without, &load, Job::Set), 64),
        ];
        let measured = interleave(settings, &sides).await;
        let what = format!("publishing to nobody, CPU of a set, {}", T::NAME);
        Row::at_most(1.05, what, measured[0].ratio(&measured[1], Sample::cpu_cost))
            .figures(measured.iter().map(Measured::figures))
    })
}

/// A store, and how much its subscribers were told.
pub(super) struct Watched<T> {
    store: Store<T>,
    told: Arc<AtomicU64>,
    /// How many are told of each write.
    listeners: u64,
}

impl<T: Text> Watched<T> {
    pub(super) async fn new(listeners: &Runtime, count: usize, each_to_its_own: bool) -> Self {
        let (store, told) = (everything_on::<T>(), Arc::new(AtomicU64::new(0)));
        for n in 0..count {
            let subscribe = store.subscribe();
            let subscribe =
                if each_to_its_own { subscribe.key(format!("own{n}")) } else { subscribe };
            let mut changes = subscribe.await.expect("the store is there");
            let told = Arc::clone(&told);
            listeners.spawn(async move {
                loop {
                    match changes.recv().await {
                        Ok(event) => {
                            told.fetch_add(event.changes().len() as u64, Ordering::Relaxed);
                        }
                        Err(Error::Closed) => return,
                        Err(error) => panic!("it reads fast enough: {error}"),
                    }
                }
            });
        }
        Self { store, told, listeners: if each_to_its_own { 0 } else { count as u64 } }
    }

    pub(super) async fn shutdown(&self) {
        self.store.shutdown().await.expect("it ends in order");
    }

    /// So many bursts; only the writes are timed.
    pub(super) async fn bursts(&self, bursts: usize) -> Sample {
        let keys: Vec<_> = (0..BURST).map(key).collect();
        let mut total: Option<Sample> = None;
        for _ in 0..bursts {
            let expected = self.told.load(Ordering::Relaxed) + self.listeners * BURST as u64;
            let watch = Stopwatch::start(Cpu::Thread);
            let results =
                join_all(keys.iter().map(|key| self.store.set(key, T::make()).into_future()));
            assert!(results.await.iter().all(Result::is_ok), "there is room");
            let sample = watch.stop(BURST as u64);
            total = Some(total.map_or(sample, |total| total.and(sample)));
            while self.told.load(Ordering::Relaxed) < expected {
                std::thread::yield_now();
            }
        }
        total.expect("there are bursts")
    }
}

/// Where subscribers live.
pub(super) fn listeners() -> Runtime {
    let listeners = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    listeners.expect("a runtime")
}

fn to_subscribers<T: Text>(settings: &Settings) -> Vec<Row> {
    let listeners = listeners();
    one_thread().block_on(async {
        let watched = [
            Watched::<T>::new(&listeners, 0, false).await,
            Watched::new(&listeners, 100, false).await,
            Watched::new(&listeners, 1_000, false).await,
            Watched::new(&listeners, 1_000, true).await,
        ];
        let names = ["none", "100", "1,000", "1,000 to keys of their own"];
        let bursts = if settings.short { 16 } else { 40 };
        // Where nobody is woken a burst takes no time.
        let bursts = |listeners| if listeners == 0 { 50 * bursts } else { bursts };
        let side = |(watched, name)| {
            Side::new(name, move |_| Watched::bursts(watched, bursts(watched.listeners)))
        };
        let sides: Vec<_> = watched.iter().zip(names).map(side).collect();
        let measured = interleave(settings, &sides).await;
        for watched in &watched {
            watched.shutdown().await;
        }
        let row = |goal, side: usize, what: &str| {
            let us = measured[side].less(&measured[0], Sample::cpu_cost) * 1e6;
            let figures = Figures::named("owner's us a write")
                .with("with them", measured[side].median(Sample::cpu_cost) * 1e6)
                .with("without", measured[0].median(Sample::cpu_cost) * 1e6);
            Row::at_most(goal, format!("{what}, {}", T::NAME), us)
                .unit(Unit::Micros)
                .figures([figures])
        };
        vec![
            row(0.5, 1, "100 subscribers, added to a write"),
            row(2.0, 2, "1,000 subscribers, added to a write"),
            row(0.1, 3, "1,000 subscribers to keys of their own, added to a write of another"),
        ]
    })
}
