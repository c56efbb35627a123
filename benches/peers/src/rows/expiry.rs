//! The cost of overwriting a deadline in a store, compared with a `HashMap` and a `DelayQueue` of tokio-util. The cost
//! is the CPU time of a set that replaces a deadline, minus that of a set of a key without a deadline. Both sides run
//! on one thread.
//!
//! Keys with and without deadlines are in one store, because two stores would differ by more than the cost of a
//! deadline. They are set in batches, in which each write states its time to live.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mainspring::{Store, Write};
use tokio::time::Instant;
use tokio_util::time::{DelayQueue, delay_queue};

use super::{Case, one_thread};
use crate::drive::{self, Work};
use crate::load::{KEYS, Load, Text};
use crate::measure::{Cpu, Figures, Sample, Side, Stopwatch, interleave};
use crate::peers::{HOUR, store_with_all_features};
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("expiry overwriting", overwriting)]
}

/// A `HashMap` with a `DelayQueue`, the usual hand-written solution.
#[derive(Default)]
struct MapWithQueue {
    map: HashMap<String, (String, delay_queue::Key)>,
    queue: DelayQueue<String>,
}

impl MapWithQueue {
    fn filled(load: &Load, ttl: Duration) -> Self {
        let mut queued = Self::default();
        for key in &load.keys {
            let deadline = queued.queue.insert(key.clone(), ttl);
            queued.map.insert(key.clone(), (String::make(), deadline));
        }
        queued
    }

    /// Sets new values, and new deadlines if there is a `ttl`.
    fn overwrite(&mut self, load: &Load, ttl: Option<Duration>, time: Duration) -> Sample {
        let watch = Stopwatch::start(Cpu::Process);
        let end = Instant::now() + time;
        for first in (0..).step_by(64) {
            let now = Instant::now();
            if now >= end {
                return watch.stop(first as u64);
            }
            for n in first..first + 64 {
                let (value, deadline) = self.map.get_mut(load.key(n)).expect("the key exists");
                *value = String::make();
                if let Some(ttl) = ttl {
                    self.queue.reset_at(deadline, now + ttl);
                }
            }
        }
        unreachable!("the loop ends with the time");
    }
}

/// Sets of the keys of a load, 64 per batch.
#[derive(Clone, Debug)]
struct Batches {
    store: Store<String>,
    load: Arc<Load>,
    ttl: Option<Duration>,
}

impl Work for Batches {
    async fn step(&self, n: usize) -> u64 {
        let writes = (n * 64..(n + 1) * 64).map(|n| {
            let write = Write::set(self.load.key(n), self.load.value::<String>());
            if let Some(ttl) = self.ttl { write.ttl(ttl) } else { write.no_ttl() }
        });
        self.store.batch(writes).await.expect("no limit is reached").len() as u64
    }
}

fn overwriting(settings: &Settings) -> Row {
    one_thread().block_on(async {
        let (load, others) = (&Load::zipf(KEYS), &Load::zipf_of(KEYS..2 * KEYS));
        let store = store_with_all_features();
        for (with, without) in load.keys.iter().zip(&others.keys) {
            let writes =
                [Write::set(with, String::make()), Write::set(without, String::make()).no_ttl()];
            store.batch(writes).await.expect("no limit is reached");
        }
        let batches = |load: &Arc<Load>, ttl| {
            let work = Batches { store: store.clone(), load: Arc::clone(load), ttl };
            move |time| drive::drive(work.clone(), 1, time)
        };
        let queued = RefCell::new(MapWithQueue::filled(load, HOUR));
        let side = |name, ttl| {
            let queued = &queued;
            Side::new(
                name,
                move |time| async move { queued.borrow_mut().overwrite(load, ttl, time) },
            )
        };
        let sides = [
            Side::new("with", batches(load, Some(HOUR))),
            Side::new("without", batches(others, None)),
            side("queue", Some(HOUR)),
            side("no queue", None),
        ];
        let measured = interleave(&settings.fine(), &sides).await;
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
        // A cost within the noise counts as a hundredth of a set.
        let seen = store.max(ns(1) / 100.0);
        Row::at_least(20.0, "overwriting a deadline, DelayQueue's cost", queue / seen)
            .figures([figures])
    })
}
