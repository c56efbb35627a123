//! Helpers for large stores: fast filling, and a caller that records the longest wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mainspring::Store;
use tokio::task::JoinHandle;

use crate::load::{Text, VALUE_BYTES, key};
use crate::measure::{Figures, histogram, median};

pub(super) const MILLION: usize = 1_000_000;

/// Elements per message while filling.
const MESSAGE: usize = 64;

/// Set the keys from `first` on, and return the longest duration of a message.
pub(super) async fn fill(store: &Store<String>, keys: std::ops::Range<usize>) -> Duration {
    let mut longest = Duration::ZERO;
    for first in keys.clone().step_by(MESSAGE) {
        let last = keys.end.min(first + MESSAGE);
        let message: Vec<_> = (first..last).map(|n| (key(n), String::make())).collect();
        let start = Instant::now();
        let results = store.set_many(message).await.expect("the store is open");
        longest = longest.max(start.elapsed());
        assert!(results.iter().all(Result::is_ok), "no limit is reached");
    }
    longest
}

/// A caller that gets a key repeatedly, and records each latency.
pub(super) struct Prober {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Histogram<u64>>,
}

impl Prober {
    /// `key` must always exist.
    pub(super) fn start(store: &Store<String>, key: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (store, stopped) = (store.clone(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut waits = histogram();
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                let entry = store.get(key).await.expect("the store is open");
                waits.saturating_record(start.elapsed().as_nanos() as u64);
                let value = entry.and_then(mainspring::Entry::into_item).expect("the key exists");
                assert_eq!(value.len(), VALUE_BYTES);
            }
            waits
        });
        Self { stop, task }
    }

    pub(super) async fn waits(self) -> Waits {
        self.stop.store(true, Ordering::Relaxed);
        Waits::of(&self.task.await.expect("no panic"))
    }
}

/// Latencies in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits {
    pub(super) worst: f64,
    pub(super) p999: f64,
}

impl Waits {
    pub(super) fn of(waits: &Histogram<u64>) -> Self {
        let ms = |ns: u64| ns as f64 / 1e6;
        Self { worst: ms(waits.max()), p999: ms(waits.value_at_quantile(0.999)) }
    }
}

/// The longest wait of each round, for the table.
pub(super) fn worst(name: &str, rounds: &[Waits]) -> Figures {
    let worst = rounds.iter().map(|waits| waits.worst).fold(0.0, f64::max);
    Figures::named(name)
        .with("median of the worst, ms", median_worst(rounds))
        .with("worst of all, ms", worst)
        .with("p99.9, ms", median(rounds.iter().map(|waits| waits.p999)))
}

/// The median over the rounds of the longest wait, so that a pause of the machine in one round has no
/// effect.
pub(super) fn median_worst(rounds: &[Waits]) -> f64 {
    median(rounds.iter().map(|waits| waits.worst))
}
