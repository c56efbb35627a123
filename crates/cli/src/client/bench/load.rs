//! The load: clients that ask as fast as they are answered.

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

/// How long without anything else said.
const DURATION: Duration = Duration::from_secs(10);
/// How many keys are filled or removed with one request, and how many of those requests are on their way at once.
const GROUP: u64 = 500;
const IN_FLIGHT: usize = 8;
/// Latencies are told up to a minute, to three digits.
const LONGEST: u64 = 60_000_000_000;

/// What was measured.
pub struct Measured {
    /// In nanoseconds, of requests that were done.
    pub latencies: Histogram<u64>,
    pub errors: BTreeMap<String, u64>,
    pub elapsed: Duration,
}

/// The keys of a run, and their value.
#[derive(Debug, Clone)]
pub struct Keys {
    prefix: Arc<str>,
    count: u64,
    value: Json,
    /// A group has to fit into a request.
    group: u64,
}

impl Keys {
    pub fn new(args: &Args) -> Self {
        let value = Json::text(&"x".repeat(args.value_size));
        let group = (400_000 / (args.value_size as u64 + 100)).clamp(1, GROUP);
        Self { prefix: args.prefix.as_str().into(), count: args.keys, value, group }
    }

    fn key(&self, number: u64) -> String {
        format!("{}{number:08}", self.prefix)
    }

    fn groups(&self) -> impl Iterator<Item = Vec<String>> {
        let groups = self.count.div_ceil(self.group);
        (0..groups).map(|group| {
            let first = group * self.group;
            (first..self.count.min(first + self.group)).map(|number| self.key(number)).collect()
        })
    }

    /// Set all of them.
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

    /// Remove those that are there.
    pub async fn remove(&self, client: &Client<Json>) -> mainspring::Result<()> {
        let removals = self.groups().map(|keys| {
            let writes: Vec<_> = keys.into_iter().map(Write::remove).collect();
            async move { client.write_many(writes).await.map(drop) }
        });
        stream::iter(removals).buffer_unordered(IN_FLIGHT).try_collect().await
    }
}

/// Ask until the time is up, or the requests are done.
pub async fn run(args: &Args, keys: &Keys, client: &Client<Json>) -> Measured {
    let begin = Instant::now();
    let limit = args.duration.or(args.requests.is_none().then_some(DURATION));
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
    let mut measured =
        Measured { latencies: histogram(), errors: BTreeMap::new(), elapsed: Duration::ZERO };
    while let Some(done) = clients.join_next().await {
        match done {
            Ok(Worker { latencies, errors, .. }) => {
                // They have the same bounds.
                let _ = measured.latencies.add(latencies);
                errors.into_iter().for_each(|(name, count)| {
                    *measured.errors.entry(name).or_default() += count;
                });
            }
            Err(error) => *measured.errors.entry(error.to_string()).or_default() += 1,
        }
    }
    measured.elapsed = begin.elapsed();
    measured
}

fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1_000, LONGEST, 3) {
        Ok(histogram) => histogram,
        Err(_) => unreachable!("these bounds are allowed"),
    }
}

struct Worker {
    client: Client<Json>,
    keys: Keys,
    mix: Mix,
    random: u64,
    latencies: Histogram<u64>,
    errors: BTreeMap<String, u64>,
}

impl Worker {
    async fn run(mut self, deadline: Option<Instant>, left: Arc<AtomicU64>) -> Self {
        let take = |left: u64| left.checked_sub(1);
        loop {
            let is_over = deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_over || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                return self;
            }
            let number = self.random() % self.keys.count;
            let key = self.keys.key(number);
            let writes = match self.mix {
                Mix::Get => false,
                Mix::Set => true,
                Mix::Mixed => self.random().is_multiple_of(10),
            };
            let begin = Instant::now();
            let done = if writes {
                self.client.set(key, self.keys.value.clone()).no_ttl().await.map(drop)
            } else {
                self.client.get(key).await.map(drop)
            };
            match done {
                Ok(()) => {
                    let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(LONGEST);
                    self.latencies.saturating_record(nanos);
                }
                Err(error) => {
                    let is_gone = matches!(error, Error::Unreachable(_) | Error::Closed);
                    *self.errors.entry(reason(&error)).or_default() += 1;
                    // A server that is not there is refused as fast as the loop goes round.
                    if is_gone {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                    }
                }
            }
        }
    }

    /// Xorshift: fast, and good enough to spread keys.
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 11
    }
}
