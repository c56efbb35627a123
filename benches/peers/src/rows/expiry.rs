//! Deadlines, against tokio-util's `DelayQueue`. All of it on one thread, whose CPU time counts.
//!
//! Overwriting: what it costs more to set a key that has a deadline, with a new one, than a key without,
//! in a store, and in a `HashMap` beside a `DelayQueue`.
//!
//! Expiring: what the timer does until somebody knows that a key is due, without taking the key out of
//! the map, which costs what any removal costs. The queue answers the key. The store's wheel is lazy, so
//! its part can be seen alone: keys whose deadline was moved fire at the old one, are looked at, and
//! stay. Whole expiries, with the removal, stand beside it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use mainspring::{Store, Write};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::time::{DelayQueue, delay_queue};

use super::many::SetMany;
use super::{Case, one_thread};
use crate::drive;
use crate::load::{KEYS, Load, Text};
use crate::measure::{Cpu, Figures, Sample, Side, Stopwatch, interleave};
use crate::peers::builder;
use crate::report::Row;
use crate::settings::Settings;

const HOUR: Duration = Duration::from_secs(3_600);

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("expiry overwriting", |settings| vec![overwriting(settings)]),
        Case::new("expiry expiring", |settings| vec![expiring(settings)]),
    ]
}

/// A `HashMap` beside a `DelayQueue`: what one writes by hand.
#[derive(Default)]
struct Queued {
    map: HashMap<String, (String, delay_queue::Key)>,
    queue: DelayQueue<String>,
}

impl Queued {
    fn filled(load: &Load, ttl: Duration) -> Self {
        let mut queued = Self::default();
        for key in &load.keys {
            let deadline = queued.queue.insert(key.clone(), ttl);
            queued.map.insert(key.clone(), (String::make(), deadline));
        }
        queued
    }

    /// Give keys new values, and new deadlines unless there is no `ttl`.
    fn overwrite(&mut self, load: &Load, ttl: Option<Duration>, time: Duration) -> Sample {
        let watch = Stopwatch::start(Cpu::Process);
        let end = Instant::now() + time;
        for first in (0..).step_by(64) {
            let now = Instant::now();
            if now >= end {
                return watch.stop(first as u64);
            }
            for n in first..first + 64 {
                let (value, deadline) = self.map.get_mut(load.key(n)).expect("the key is there");
                *value = String::make();
                if let Some(ttl) = ttl {
                    self.queue.reset_at(deadline, now + ttl);
                }
            }
        }
        unreachable!("it ends in time");
    }

    /// Wait until all keys have expired, and take them out of the map if `remove` says so.
    async fn expire(&mut self, remove: bool) -> Sample {
        let watch = Stopwatch::start(Cpu::Process);
        let all = self.queue.len();
        for _ in 0..all {
            let expired = poll_fn(|context| self.queue.poll_expired(context)).await;
            let key = expired.expect("there are more").into_inner();
            assert!(!remove || self.map.remove(&key).is_some());
        }
        watch.stop(all as u64)
    }
}

fn overwriting(settings: &Settings) -> Row {
    one_thread().block_on(async {
        let load = &Load::zipf(KEYS);
        let many = |store: Store<String>| SetMany { store, load: Arc::clone(load), size: 64 };
        let (with, without) = (many(builder().spawn()), many(Store::builder().spawn()));
        drive::fill(&with.store, load).await;
        drive::fill(&without.store, load).await;
        let queued = RefCell::new(Queued::filled(load, HOUR));
        let side = |name, ttl| {
            let queued = &queued;
            Side::new(
                name,
                move |time| async move { queued.borrow_mut().overwrite(load, ttl, time) },
            )
        };
        let sides = [
            Side::new("with", |time| drive::drive(&with, 1, time)),
            Side::new("without", |time| drive::drive(&without, 1, time)),
            side("queue", Some(HOUR)),
            side("no queue", None),
        ];
        let measured = interleave(settings, &sides).await;
        let store = measured[0].less(&measured[1], Sample::cpu_cost) * 1e9;
        let queue = measured[2].less(&measured[3], Sample::cpu_cost) * 1e9;
        let ns = |side: usize| measured[side].median(Sample::cpu_cost) * 1e9;
        let figures = Figures::named("ns")
            .with("store, a set with a deadline", ns(0))
            .with("store, a set without", ns(1))
            .with("store, difference", store)
            .with("HashMap and DelayQueue", ns(2))
            .with("HashMap alone", ns(3))
            .with("DelayQueue, difference", queue);
        // What is too small to be seen beside the set counts as one nanosecond.
        Row::at_least(20.0, "overwriting a deadline, DelayQueue's cost", queue / store.max(1.0))
            .figures([figures])
    })
}

/// Long enough to fill the store and to move the deadlines before the first one.
const SOON: Duration = Duration::from_millis(400);

async fn filled(load: &Load) -> Store<String> {
    let store = builder().default_ttl(SOON).spawn();
    for keys in load.keys.chunks(256) {
        let pairs = keys.iter().map(|key| (key, String::make()));
        let results = store.set_many(pairs).await.expect("the store is there");
        assert!(results.iter().all(Result::is_ok), "there is room");
    }
    store
}

/// Keys fire at deadlines that they do not have any more.
async fn fire(load: &Load) -> Sample {
    let store = filled(load).await;
    let filled_at = Instant::now();
    for keys in load.keys.chunks(256) {
        let writes = keys.iter().map(|key| Write::expire(key, HOUR));
        store.batch(writes).await.expect("the keys are there");
    }
    let watch = Stopwatch::start(Cpu::Process);
    sleep_until(filled_at + SOON + Duration::from_millis(50)).await;
    let sample = watch.stop(load.keys.len() as u64);
    let stats = store.stats();
    assert_eq!((stats.entries, stats.expired), (load.keys.len(), 0));
    sample
}

async fn expire(load: &Load) -> Sample {
    let store = filled(load).await;
    let all = load.keys.len() as u64;
    assert_eq!(store.stats().expired, 0, "none has fired yet");
    let watch = Stopwatch::start(Cpu::Process);
    while store.stats().expired < all {
        sleep(Duration::from_millis(10)).await;
    }
    watch.stop(all)
}

fn expiring(settings: &Settings) -> Row {
    one_thread().block_on(async {
        let load = &Load::zipf(KEYS);
        let sides = [
            Side::new("fire", |_| fire(load)),
            Side::new("expire", |_| expire(load)),
            Side::new("poll", |_| async { Queued::filled(load, SOON).expire(false).await }),
            Side::new("poll and remove", |_| async {
                Queued::filled(load, SOON).expire(true).await
            }),
        ];
        let measured = interleave(&settings.few(), &sides).await;
        let ns = |side: usize| measured[side].median(Sample::cpu_cost) * 1e9;
        let figures = Figures::named("ns a key")
            .with("store, timer", ns(0))
            .with("store, whole", ns(1))
            .with("DelayQueue, timer", ns(2))
            .with("DelayQueue, whole with HashMap", ns(3))
            .with("ratio of whole", measured[3].ratio(&measured[1], Sample::cpu_cost));
        let ratio = measured[2].ratio(&measured[0], Sample::cpu_cost);
        Row::at_least(10.0, "expiring, DelayQueue's cost", ratio).figures([figures])
    })
}
