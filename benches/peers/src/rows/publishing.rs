//! The cost of publishing for the owner.
//!
//! Without subscribers, that is the history: a store with the default history compared with one without, CPU time of
//! the process per write, under the default load.
//!
//! With subscribers, their own work hides that of the owner. So they run on a separate thread, and the owner with its
//! 64 writers on this one, whose CPU time is measured. Writes come in bursts of 64, one per writer; between two bursts
//! the subscribers read all events, so each burst finds them asleep, the most expensive case for the owner.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use mainspring::{Error, Store};
use tokio::runtime::{self, Runtime};

use super::{Case, one_thread, two_workers};
use crate::drive::{self, Job, Keyed};
use crate::load::{KEYS, Load, Text, key};
use crate::measure::{Cpu, Figures, Sample, Side, SideResult, Stopwatch, interleave};
use crate::peers::{builder, store_with_all_features};
use crate::report::{Row, Unit};
use crate::settings::Settings;

const BURST: usize = 64;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("publishing unsubscribed String", without_subscribers::<String>),
        Case::new("publishing unsubscribed Arc<str>", without_subscribers::<Arc<str>>),
        Case::new("publishing subscribers String", to_subscribers::<String>),
        Case::new("publishing subscribers Arc<str>", to_subscribers::<Arc<str>>),
    ]
}

fn without_subscribers<T: Text>(settings: &Settings) -> Row {
    two_workers().block_on(async {
        let load = Load::zipf(KEYS);
        let (with, without) =
            (store_with_all_features::<T>(), builder::<T>().history_changes(0).spawn());
        drive::fill(&with, &load).await;
        drive::fill(&without, &load).await;
        let sides = [
            drive::side("history", Keyed::new(&with, &load, Job::Set), 64),
            drive::side("no history", Keyed::new(&without, &load, Job::Set), 64),
        ];
        let measured = interleave(settings, &sides).await;
        let what = format!("publishing without subscribers, CPU of a set, {}", T::NAME);
        Row::at_most(1.05, what, measured[0].ratio(&measured[1], Sample::cpu_cost))
            .figures(measured.iter().map(SideResult::figures))
    })
}

/// A store, and the number of events that its subscribers received.
pub(super) struct SubscribedStore<T> {
    store: Store<T>,
    received: Arc<AtomicU64>,
    /// The number of subscribers that receive each write.
    listeners: u64,
}

impl<T: Text> SubscribedStore<T> {
    pub(super) async fn new(listeners: &Runtime, count: usize, each_to_its_own: bool) -> Self {
        let (store, received) = (store_with_all_features::<T>(), Arc::new(AtomicU64::new(0)));
        for n in 0..count {
            let subscribe = store.subscribe();
            let subscribe =
                if each_to_its_own { subscribe.key(format!("own{n}")) } else { subscribe };
            let mut changes = subscribe.await.expect("the store is open");
            let received = Arc::clone(&received);
            listeners.spawn(async move {
                loop {
                    match changes.recv().await {
                        Ok(event) => {
                            received.fetch_add(event.changes().len() as u64, Ordering::Relaxed);
                        }
                        Err(Error::Closed) => return,
                        Err(error) => panic!("the subscription failed: {error}"),
                    }
                }
            });
        }
        Self { store, received, listeners: if each_to_its_own { 0 } else { count as u64 } }
    }

    pub(super) async fn shutdown(&self) {
        self.store.shutdown().await.expect("graceful shutdown");
    }

    /// Run bursts; only the writes are timed.
    pub(super) async fn bursts(&self, bursts: usize) -> Sample {
        let keys: Vec<_> = (0..BURST).map(key).collect();
        let mut total: Option<Sample> = None;
        for _ in 0..bursts {
            let expected = self.received.load(Ordering::Relaxed) + self.listeners * BURST as u64;
            let watch = Stopwatch::start(Cpu::Thread);
            let results =
                join_all(keys.iter().map(|key| self.store.set(key, T::make()).into_future()));
            assert!(results.await.iter().all(Result::is_ok), "no limit is reached");
            let sample = watch.stop(BURST as u64);
            total = Some(total.map_or(sample, |total| total.and(sample)));
            while self.received.load(Ordering::Relaxed) < expected {
                std::thread::yield_now();
            }
        }
        total.expect("at least one burst")
    }
}

/// The runtime of the subscribers.
pub(super) fn listeners() -> Runtime {
    let listeners = runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    listeners.expect("the runtime starts")
}

fn to_subscribers<T: Text>(settings: &Settings) -> Vec<Row> {
    let listeners = listeners();
    one_thread().block_on(async {
        let watched = [
            SubscribedStore::<T>::new(&listeners, 0, false).await,
            SubscribedStore::new(&listeners, 100, false).await,
            SubscribedStore::new(&listeners, 1_000, false).await,
            SubscribedStore::new(&listeners, 1_000, true).await,
        ];
        let names = ["none", "100", "1,000", "1,000 to keys of their own"];
        let bursts = if settings.short { 16 } else { 40 };
        // A burst that wakes no subscriber takes no time.
        let bursts = |listeners| if listeners == 0 { 50 * bursts } else { bursts };
        let side = |(watched, name)| {
            Side::new(name, move |_| SubscribedStore::bursts(watched, bursts(watched.listeners)))
        };
        let sides: Vec<_> = watched.iter().zip(names).map(side).collect();
        let measured = interleave(settings, &sides).await;
        for watched in &watched {
            watched.shutdown().await;
        }
        let row = |goal, side: usize, what: &str| {
            let us = measured[side].less(&measured[0], Sample::cpu_cost) * 1e6;
            let figures = Figures::named("us of the owner per write")
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
