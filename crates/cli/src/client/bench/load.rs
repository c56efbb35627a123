//! The load: clients that each send a request as soon as the previous one completes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use mainspring::wire::Json;
use mainspring::{Error, Write};
use mainspring_http::Client;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{Args, Mix};
use crate::client::failure::reason;

/// The default duration.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);
/// Keys that are set or removed per request, and the number of such requests in flight.
const GROUP: u64 = 500;
const IN_FLIGHT: usize = 8;
/// Latencies are recorded up to a minute, with three significant digits.
const MAX_LATENCY: u64 = 60_000_000_000;

/// The result of a run.
pub struct Measurement {
    /// In nanoseconds, of successful requests.
    pub latencies: Histogram<u64>,
    pub errors: BTreeMap<String, u64>,
    pub elapsed: Duration,
}

/// The keys of a run and their value.
#[derive(Debug, Clone)]
pub struct KeySet {
    prefix: Arc<str>,
    count: u64,
    value: Json,
    /// Keys per request, so that their values fit into it.
    group_size: u64,
}

impl KeySet {
    pub fn new(args: &Args) -> Self {
        let value = Json::text(&"x".repeat(args.value_size));
        let group_size = (400_000 / (args.value_size as u64 + 100)).clamp(1, GROUP);
        Self { prefix: args.prefix.as_str().into(), count: args.keys, value, group_size }
    }

    fn key(&self, number: u64) -> String {
        format!("{}{number:08}", self.prefix)
    }

    fn groups(&self) -> impl Iterator<Item = Vec<String>> {
        let groups = self.count.div_ceil(self.group_size);
        (0..groups).map(|group| {
            let first = group * self.group_size;
            (first..self.count.min(first + self.group_size))
                .map(|number| self.key(number))
                .collect()
        })
    }

    /// Set all keys.
    pub async fn fill(&self, client: &Client<Json>) -> mainspring::Result<()> {
        let sets = self.groups().map(|keys| {
            let writes: Vec<_> =
                keys.into_iter().map(|key| Write::set(key, self.value.clone()).no_ttl()).collect();
            async move {
                client.write_many(writes).await?.into_iter().try_for_each(|done| done.map(drop))
            }
        });
        stream::iter(sets).buffer_unordered(IN_FLIGHT).try_collect().await
    }

    /// Remove all keys.
    pub async fn remove(&self, client: &Client<Json>) -> mainspring::Result<()> {
        let removals = self.groups().map(|keys| {
            let writes: Vec<_> = keys.into_iter().map(Write::remove).collect();
            async move { client.write_many(writes).await.map(drop) }
        });
        stream::iter(removals).buffer_unordered(IN_FLIGHT).try_collect().await
    }
}

/// Send requests until the time is up or their number is reached.
pub async fn run(args: &Args, keys: &KeySet, client: &Client<Json>) -> Measurement {
    let begin = Instant::now();
    let limit = args.duration.or(args.requests.is_none().then_some(DEFAULT_DURATION));
    let deadline = limit.map(|limit| begin + limit);
    let left = Arc::new(AtomicU64::new(args.requests.unwrap_or(u64::MAX)));
    let mut clients = JoinSet::new();
    for seed in 1..=args.clients {
        let worker = Worker {
            client: client.clone(),
            keys: keys.clone(),
            mix: args.mix,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            latencies: histogram(),
            errors: BTreeMap::new(),
        };
        clients.spawn(worker.run(deadline, Arc::clone(&left)));
    }
    let mut measurement =
        Measurement { latencies: histogram(), errors: BTreeMap::new(), elapsed: Duration::ZERO };
    while let Some(done) = clients.join_next().await {
        match done {
            Ok(Worker { latencies, errors, .. }) => {
                // Cannot fail: all histograms have the same bounds.
                let _ = measurement.latencies.add(latencies);
                errors.into_iter().for_each(|(name, count)| {
                    *measurement.errors.entry(name).or_default() += count;
                });
            }
            Err(error) => *measurement.errors.entry(error.to_string()).or_default() += 1,
        }
    }
    measurement.elapsed = begin.elapsed();
    measurement
}

fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1_000, MAX_LATENCY, 3) {
        Ok(histogram) => histogram,
        Err(_) => unreachable!("the bounds are valid"),
    }
}

struct Worker {
    client: Client<Json>,
    keys: KeySet,
    mix: Mix,
    random: u64,
    latencies: Histogram<u64>,
    errors: BTreeMap<String, u64>,
}

impl Worker {
    async fn run(mut self, deadline: Option<Instant>, left: Arc<AtomicU64>) -> Self {
        let decrement = |left: u64| left.checked_sub(1);
        loop {
            let is_expired = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_expired
                || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, decrement).is_err()
            {
                return self;
            }
            let number = self.random() % self.keys.count;
            let key = self.keys.key(number);
            let is_write = match self.mix {
                Mix::Get => false,
                Mix::Set => true,
                Mix::Mixed => self.random().is_multiple_of(10),
            };
            let begin = Instant::now();
            let done = if is_write {
                self.client.set(key, self.keys.value.clone()).no_ttl().await.map(drop)
            } else {
                self.client.get(key).await.map(drop)
            };
            match done {
                Ok(()) => {
                    let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(MAX_LATENCY);
                    self.latencies.saturating_record(nanos);
                }
                Err(error) => {
                    let is_unreachable = matches!(error, Error::Unreachable(_) | Error::Closed);
                    *self.errors.entry(reason(&error)).or_default() += 1;
                    // Connections to a stopped server fail at once, which would make this a busy loop.
                    if is_unreachable {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
        }
    }

    /// Xorshift: fast, and random enough to spread the keys.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }
}
