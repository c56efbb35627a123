//! Keys that become due, compared with `DelayQueue` of tokio-util. On one thread, whose clock is advanced manually over
//! the hour in which the keys are due; its CPU time is measured.
//!
//! Only the timer is compared: the work until a due key is known, without the removal from the map, which costs the
//! same as any removal. The queue returns the key. The wheel of the store is lazy, so its part can be measured alone:
//! keys whose deadline was moved are checked at the old deadline, and stay. Complete expiries, with the removal and in
//! the store with the change, are further figures.

use std::collections::HashMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use mainspring::Write;
use tokio::task::coop::unconstrained;
use tokio::time::{advance, pause};
use tokio_util::time::DelayQueue;

use super::{Case, one_thread};
use crate::load::{KEYS, Load, Text};
use crate::measure::{Cpu, Figures, Sample, Side, Stopwatch, interleave};
use crate::peers::{HOUR, store_with_all_features};
use crate::report::Row;
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("expiry expiring", expiring)]
}

const STEP: Duration = Duration::from_secs(10);
const STEPS: u32 = (HOUR.as_secs() / STEP.as_secs()) as u32 + 1;

/// A random time in the next hour.
fn time_to_live(n: usize) -> Duration {
    Duration::from_millis(1 + n.wrapping_mul(2_654_435_761) as u64 % HOUR.as_millis() as u64)
}

/// Advance a store by the hour. If `moved`, all deadlines were moved beyond it.
async fn in_store(load: &Load, moved: bool) -> Sample {
    let store = store_with_all_features::<String>();
    let write = async |write: &dyn Fn(usize) -> Write<String>| {
        for first in (0..KEYS).step_by(256) {
            let writes = (first..KEYS.min(first + 256)).map(write);
            store.batch(writes).await.expect("no limit is reached");
        }
    };
    write(&|n| Write::set(&load.keys[n], String::make()).ttl(time_to_live(n))).await;
    if moved {
        write(&|n| Write::expire(&load.keys[n], 10 * HOUR)).await;
    }
    let watch = Stopwatch::start(Cpu::Process);
    for _ in 0..STEPS {
        advance(STEP).await;
        // Due expiries run before commands.
        assert_eq!(store.get("none").await, Ok(None));
    }
    let sample = watch.stop(KEYS as u64);
    let expired = if moved { 0 } else { KEYS };
    let stats = store.stats();
    assert_eq!((stats.entries, stats.expired), (KEYS - expired, expired as u64));
    sample
}

/// Advance a queue by the hour, with a map if keys are removed from one.
async fn in_queue(load: &Load, remove: bool) -> Sample {
    let (mut queue, mut map) = (DelayQueue::new(), HashMap::new());
    for (n, key) in load.keys.iter().enumerate() {
        queue.insert(key.clone(), time_to_live(n));
        if remove {
            map.insert(key.clone(), String::make());
        }
    }
    let (watch, mut done) = (Stopwatch::start(Cpu::Process), 0);
    for _ in 0..STEPS {
        advance(STEP).await;
        // Without the cooperative budget of tokio, which would end each step early.
        done += unconstrained(poll_fn(|context| {
            let mut done = 0;
            while let Poll::Ready(Some(expired)) = queue.poll_expired(context) {
                assert!(!remove || map.remove(expired.get_ref()).is_some());
                done += 1;
            }
            Poll::Ready(done)
        }))
        .await;
    }
    assert_eq!((done, map.len()), (KEYS as u64, 0));
    watch.stop(done)
}

fn expiring(settings: &Settings) -> Row {
    one_thread().block_on(async {
        pause();
        let load = &Load::zipf(KEYS);
        let sides = [
            Side::new("store, timer", |_| in_store(load, true)),
            Side::new("store, whole", |_| in_store(load, false)),
            Side::new("DelayQueue, timer", |_| in_queue(load, false)),
            Side::new("DelayQueue, complete with HashMap", |_| in_queue(load, true)),
        ];
        let measured = interleave(&settings.few(), &sides).await;
        let ns = |side: usize| measured[side].median(Sample::cpu_cost) * 1e9;
        let ratio = measured[2].ratio(&measured[0], Sample::cpu_cost);
        let mut figures = Figures::named("ns per key");
        for (side, measured) in measured.iter().enumerate() {
            figures = figures.with(&measured.name, ns(side));
        }
        let figures =
            figures.with("ratio of complete", measured[3].ratio(&measured[1], Sample::cpu_cost));
        Row::at_least(10.0, "expiring, DelayQueue's cost", ratio).figures([figures])
    })
}
