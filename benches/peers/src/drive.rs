//! Callers at full speed, and how their operations are counted.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::load::{Load, Text};
use crate::measure::{Cpu, Sample, Side, Stopwatch};
use crate::peers::Actor;

/// The work of a caller.
pub trait Work: Clone + Send + Sync + 'static {
    /// Whether a step waits for another task. If not, callers yield from time to time.
    const WAITS: bool = true;

    /// Steps between two reads of the clock, so that they do not affect the measurement.
    const STEPS: usize = if Self::WAITS { 16 } else { 256 };

    /// Run the nth step, and return its number of operations.
    fn step(&self, n: usize) -> impl Future<Output = u64> + Send;
}

#[derive(Clone, Copy, Debug, PartialEq, clap::ValueEnum)]
pub enum Job {
    Get,
    #[value(name = "90/10")]
    Mixed,
    Set,
}

impl Job {
    pub const ALL: [Self; 3] = [Self::Get, Self::Mixed, Self::Set];

    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Mixed => "90/10",
            Self::Set => "set",
        }
    }

    fn writes(self, n: usize) -> bool {
        match self {
            Self::Get => false,
            Self::Mixed => n.is_multiple_of(10),
            Self::Set => true,
        }
    }
}

/// The number of callers in words.
pub fn callers_text(callers: usize) -> String {
    if callers == 1 { "one caller".into() } else { format!("{callers} callers") }
}

/// Gets and sets of the keys of a load.
#[derive(Clone, Debug)]
pub struct Keyed<T, A> {
    actor: A,
    load: Arc<Load>,
    job: Job,
    element: PhantomData<fn() -> T>,
}

impl<T: Text, A: Actor<T>> Keyed<T, A> {
    pub fn new(actor: &A, load: &Arc<Load>, job: Job) -> Self {
        Self { actor: actor.clone(), load: Arc::clone(load), job, element: PhantomData }
    }
}

impl<T: Text, A: Actor<T>> Work for Keyed<T, A> {
    const WAITS: bool = A::WAITS;

    async fn step(&self, n: usize) -> u64 {
        let key = self.load.key(n);
        if self.job.writes(n) {
            self.actor.set(key, self.load.value()).await;
        } else {
            assert_eq!(self.actor.get(key).await.bytes(), self.load.value_bytes());
        }
        1
    }
}

/// Set all keys of a load.
pub async fn fill<T: Text, A: Actor<T>>(actor: &A, load: &Arc<Load>) {
    const FILLERS: usize = 16;
    let start = |filler: usize| {
        let (actor, load) = (actor.clone(), Arc::clone(load));
        async move {
            for key in load.keys.iter().skip(filler).step_by(FILLERS) {
                actor.set(key, load.value()).await;
            }
        }
    };
    (0..FILLERS).map(start).collect::<JoinSet<()>>().join_all().await;
}

/// Run callers until the time is over.
pub async fn drive(work: impl Work, callers: usize, time: Duration) -> Sample {
    let watch = Stopwatch::start(Cpu::Process);
    let done = call_all::<_, false>(&work, callers, time).await;
    watch.stop(done.iter().map(|(done, _)| done).sum())
}

/// Like `drive`, but returns the duration of each step in nanoseconds.
pub async fn latencies(work: &impl Work, callers: usize, time: Duration) -> Vec<u64> {
    let done = call_all::<_, true>(work, callers, time).await;
    done.into_iter().flat_map(|(_, waits)| waits).collect()
}

/// A side of callers: throughput, and latencies in separate slices.
pub fn side<'a, W: Work>(name: &str, work: W, callers: usize) -> Side<'a> {
    let timed = work.clone();
    Side::new(name, move |time| {
        let work = work.clone();
        drive(work, callers, time)
    })
    .with_latencies(move |time| {
        let work = timed.clone();
        async move { latencies(&work, callers, time).await }
    })
}

async fn call_all<W: Work, const TIMED: bool>(
    work: &W,
    callers: usize,
    time: Duration,
) -> Vec<(u64, Vec<u64>)> {
    let end = Instant::now() + time;
    let start = |caller| tokio::spawn(call::<W, TIMED>(work.clone(), caller * 7_919, end));
    let tasks: Vec<_> = (0..callers).map(start).collect();
    let mut done = Vec::with_capacity(callers);
    for task in tasks {
        done.push(task.await.expect("no panic"));
    }
    done
}

async fn call<W: Work, const TIMED: bool>(work: W, first: usize, end: Instant) -> (u64, Vec<u64>) {
    let (mut done, mut waits) = (0, Vec::new());
    for n in first.. {
        let begun = TIMED.then(Instant::now);
        done += work.step(n).await;
        waits.extend(begun.map(|begun| begun.elapsed().as_nanos() as u64));
        if (n - first) % W::STEPS == W::STEPS - 1 {
            if Instant::now() >= end {
                break;
            }
            if !W::WAITS {
                tokio::task::yield_now().await;
            }
        }
    }
    (done, waits)
}
