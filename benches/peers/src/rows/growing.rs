//! The longest waits while the map grows, and while a million keys expire in the same second.
//!
//! A caller gets a key repeatedly, and records the longest wait. The same caller and the same work on a store that does
//! not grow, or in which no key expires, shows the noise of the machine. On one thread: with more threads than idle
//! cores, the result would be the scheduling delay of the kernel, which is milliseconds.

use std::time::Duration;

use mainspring::{Store, Write};
use tokio::time::{Instant, sleep};

use super::large::{MILLION, Prober, Waits, fill, median_worst, worst};
use super::{Case, one_thread};
use crate::load::{Text, key};
use crate::peers::store_with_all_features;
use crate::report::{Row, Unit};
use crate::settings::Settings;

pub(super) fn cases() -> Vec<Case> {
    vec![Case::new("growing", doubling), Case::new("expiry million", due_together)]
}

fn row(what: &str, goal: f64, with: &[Waits], without: (&str, &[Waits])) -> Row {
    Row::at_most(goal, what, median_worst(with))
        .unit(Unit::Millis)
        .figures([worst("with", with), worst(without.0, without.1)])
}

fn doubling(settings: &Settings) -> Row {
    let (mut growing, mut steady) = (Vec::new(), Vec::new());
    for _ in 0..settings.few().rounds {
        one_thread().block_on(async {
            let store = store_with_all_features::<String>();
            store.set("probe", String::make()).await.expect("no limit is reached");
            // First the map grows from empty, then keys are overwritten.
            for (rounds, keys) in [(&mut growing, 2 * MILLION), (&mut steady, MILLION / 2)] {
                let prober = Prober::start(&store, "probe");
                fill(&store, 0..keys).await;
                rounds.push(prober.waits().await);
            }
            assert_eq!(store.stats().entries, 2 * MILLION + 1);
        });
    }
    row("growing from 0 to 2 M keys, longest wait", 2.0, &growing, ("overwriting", &steady))
}

/// Longer than filling takes, so that no key expires before all are set.
const SOON: Duration = Duration::from_secs(4);

/// Set keys that are all due at the same moment, the worst case.
async fn fill_until(store: &Store<String>, due: Instant) {
    for first in (0..MILLION).step_by(256) {
        let ttl = due - Instant::now();
        let keys = first..MILLION.min(first + 256);
        let writes = keys.map(|n| Write::set(key(n), String::make()).ttl(ttl));
        store.batch(writes).await.expect("no limit is reached");
    }
}

fn due_together(settings: &Settings) -> Row {
    let (mut due, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..settings.few().rounds {
        one_thread().block_on(async {
            let store = store_with_all_features();
            store.set("probe", String::make()).await.expect("no limit is reached");
            let moment = Instant::now() + SOON;
            fill_until(&store, moment).await;
            assert_eq!(store.stats().expired, 0, "a key has expired too early");
            // Start before the deadline, because a timer may have work before it.
            let (prober, start) = (Prober::start(&store, "probe"), Instant::now());
            while store.stats().expired < MILLION as u64 {
                sleep(Duration::from_millis(5)).await;
            }
            due.push(prober.waits().await);
            assert_eq!(store.get(key(0)).await, Ok(None));
            let (prober, time) = (Prober::start(&store, "probe"), start.elapsed());
            sleep(time).await;
            idle.push(prober.waits().await);
        });
    }
    row(
        "a million keys due at the same moment, longest wait",
        2.0,
        &due,
        ("equally long afterwards", &idle),
    )
}
