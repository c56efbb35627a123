//! What the rows about large stores share: filling one fast, and a caller who notes the longest wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mainspring::Store;
use tokio::task::JoinHandle;

use crate::load::{Text, VALUE_BYTES, key};
use crate::measure::{Figures, histogram, median};

pub(super) const MILLION: usize = 1_000_000;

/// Elements in one message of a filler.
const MESSAGE: usize = 64;

/// Set the keys from `first` on, message by message; answers how long the longest one took.
pub(super) async fn fill(store: &Store<String>, keys: std::ops::Range<usize>) -> Duration {
    let mut longest = Duration::ZERO;
    for first in keys.clone().step_by(MESSAGE) {
        let last = keys.end.min(first + MESSAGE);
        let message: Vec<_> = (first..last).map(|n| (key(n), String::make())).collect();
        let start = Instant::now();
        let results = store.set_many(message).await.expect("the store is there");
        longest = longest.max(start.elapsed());
        assert!(results.iter().all(Result::is_ok), "there is room");
    }
    longest
}

/// A caller who gets a key over and over, and notes how long each answer took.
pub(super) struct Prober {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Histogram<u64>>,
}

impl Prober {
    /// `key` has to be there all the time.
    pub(super) fn start(store: &Store<String>, key: &'static str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (store, stopped) = (store.clone(), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut waits = histogram();
            while !stopped.load(Ordering::Relaxed) {
                let start = Instant::now();
                let entry = store.get(key).await.expect("the store is there");
                waits.saturating_record(start.elapsed().as_nanos() as u64);
                let value = entry.and_then(mainspring::Entry::into_item).expect("the key is there");
                assert_eq!(value.len(), VALUE_BYTES);
            }
            waits
        });
        Self { stop, task }
    }

    pub(super) async fn waits(self) -> Waits {
        self.stop.store(true, Ordering::Relaxed);
        Waits::of(&self.task.await.expect("the prober ends"))
    }
}

/// How long answers took, in milliseconds.
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

/// The worst of each round, for the table.
pub(super) fn worst(name: &str, rounds: &[Waits]) -> Figures {
    let worst = rounds.iter().map(|waits| waits.worst).fold(0.0, f64::max);
    Figures::named(name)
        .with("median of the worst, ms", median_worst(rounds))
        .with("worst of all, ms", worst)
        .with("p99.9, ms", median(rounds.iter().map(|waits| waits.p999)))
}

/// The median over the rounds of the longest wait. One round in which the machine itself took a break
/// says nothing about the store.
pub(super) fn median_worst(rounds: &[Waits]) -> f64 {
    median(rounds.iter().map(|waits| waits.worst))
}
