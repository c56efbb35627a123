//! The way through the channel, against the plainest actor that anyone writes by hand: an `mpsc`, a
//! `oneshot` for each reply, a `HashMap`, and nothing else.
//!
//! `cargo bench --bench channel` (add `-- --rounds 15` for calmer numbers). Both run in one process,
//! one after the other in short turns, and what counts is the median of the ratios of neighbours:
//! machines speed up and slow down, and take both along. Mainspring runs with revisions, limits,
//! history, and a default time to live, so that every entry has a deadline.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mainspring::Store;
use tokio::sync::{mpsc, oneshot};

const KEYS: usize = 100_000;
const CALLERS: [usize; 4] = [1, 8, 64, 512];
const PART: Duration = Duration::from_millis(150);

#[derive(Clone, Copy, PartialEq)]
enum Job {
    Get,
    Mixed,
    Set,
}

impl Job {
    fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Mixed => "90/10",
            Self::Set => "set",
        }
    }

    /// Whether the nth operation is a write.
    fn writes(self, n: usize) -> bool {
        match self {
            Self::Get => false,
            Self::Mixed => n.is_multiple_of(10),
            Self::Set => true,
        }
    }
}

trait Actor: Clone + Send + Sync + 'static {
    fn get(&self, key: &str) -> impl Future<Output = usize> + Send;
    fn set(&self, key: &str, value: String) -> impl Future<Output = ()> + Send;
}

enum Ask {
    Get(String, oneshot::Sender<Option<String>>),
    Set(String, String, oneshot::Sender<()>),
}

#[derive(Clone)]
struct Plain(mpsc::Sender<Ask>);

impl Plain {
    fn spawn() -> Self {
        let (sender, mut receiver) = mpsc::channel(1_024);
        tokio::spawn(async move {
            let mut map = HashMap::new();
            while let Some(ask) = receiver.recv().await {
                match ask {
                    Ask::Get(key, reply) => drop(reply.send(map.get(&key).cloned())),
                    Ask::Set(key, value, reply) => {
                        map.insert(key, value);
                        let _ = reply.send(());
                    }
                }
            }
        });
        Self(sender)
    }
}

impl Actor for Plain {
    async fn get(&self, key: &str) -> usize {
        let (reply, answer) = oneshot::channel();
        self.0.send(Ask::Get(key.to_owned(), reply)).await.expect("the actor is there");
        answer.await.expect("it answers").map_or(0, |value| value.len())
    }

    async fn set(&self, key: &str, value: String) {
        let (reply, answer) = oneshot::channel();
        self.0.send(Ask::Set(key.to_owned(), value, reply)).await.expect("the actor is there");
        answer.await.expect("it answers");
    }
}

impl Actor for Store<String> {
    async fn get(&self, key: &str) -> usize {
        let entry = (**self).get(key).await.expect("the store is there");
        entry.and_then(|entry| entry.value.into_item()).map_or(0, |value| value.len())
    }

    async fn set(&self, key: &str, value: String) {
        Store::set(self, key, value).await.expect("the store is there");
    }
}

/// Indices of keys with a Zipf distribution of exponent 0.99, drawn beforehand.
fn zipf(draws: usize) -> Vec<u32> {
    let mut total = 0.0;
    let sums: Vec<f64> = (1..=KEYS)
        .map(|rank| {
            total += (rank as f64).powf(-0.99);
            total
        })
        .collect();
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let scatter = |rank: usize| (rank.wrapping_mul(2_654_435_761) % KEYS) as u32;
    (0..draws)
        .map(|_| {
            let point = (random() >> 11) as f64 / (1_u64 << 53) as f64 * total;
            scatter(sums.partition_point(|sum| *sum < point).min(KEYS - 1))
        })
        .collect()
}

struct Load {
    keys: Vec<String>,
    draws: Vec<u32>,
}

impl Load {
    fn key(&self, n: usize) -> &str {
        &self.keys[self.draws[n % self.draws.len()] as usize]
    }
}

async fn fill(actor: &impl Actor, load: &Load) {
    for key in &load.keys {
        actor.set(key, "v".repeat(100)).await;
    }
}

/// Operations a second with this many callers.
async fn measure(actor: &impl Actor, load: &Arc<Load>, job: Job, callers: usize) -> f64 {
    let start = Instant::now();
    let end = start + PART;
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (actor, load) = (actor.clone(), Arc::clone(load));
            tokio::spawn(async move {
                let value = "w".repeat(100);
                let first = caller * 7_919;
                let mut n = first;
                while n % 16 != 0 || Instant::now() < end {
                    if job.writes(n) {
                        actor.set(load.key(n), value.clone()).await;
                    } else {
                        assert_eq!(actor.get(load.key(n)).await, 100);
                    }
                    n += 1;
                }
                n - first
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.expect("the caller finishes");
    }
    done as f64 / start.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let rounds = std::env::args().skip_while(|arg| arg != "--rounds").nth(1);
    let rounds: usize = rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(9);
    let load = Arc::new(Load {
        keys: (0..KEYS).map(|n| format!("key-{n:012}")).collect(),
        draws: zipf(1 << 20),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let plain = Plain::spawn();
        let store = Store::<String>::builder()
            .default_ttl(Duration::from_secs(3_600))
            .max_entries(10_000_000)
            .max_bytes(8 << 30)
            .spawn();
        fill(&plain, &load).await;
        fill(&store, &load).await;
        println!(
            "{rounds} rounds of {PART:?} each; throughput of Mainspring over the plain actor's"
        );
        println!(
            "{:>8} {:>6} {:>14} {:>14} {:>7}",
            "callers", "op", "plain /s", "store /s", "ratio"
        );
        for callers in CALLERS {
            for job in [Job::Get, Job::Mixed, Job::Set] {
                let (mut theirs, mut ours, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
                for round in 0..=rounds {
                    let (plain_rate, store_rate) = if round % 2 == 0 {
                        let plain_rate = measure(&plain, &load, job, callers).await;
                        (plain_rate, measure(&store, &load, job, callers).await)
                    } else {
                        let store_rate = measure(&store, &load, job, callers).await;
                        (measure(&plain, &load, job, callers).await, store_rate)
                    };
                    if round > 0 {
                        theirs.push(plain_rate);
                        ours.push(store_rate);
                        ratios.push(store_rate / plain_rate);
                    }
                }
                println!(
                    "{callers:>8} {:>6} {:>14.0} {:>14.0} {:>7.2}",
                    job.name(),
                    median(&mut theirs),
                    median(&mut ours),
                    median(&mut ratios)
                );
            }
        }
    });
}
