//! Sides that alternate, and the medians of their results.

use std::time::{Duration, Instant};

use futures_util::future::LocalBoxFuture;
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::Serializer;

use crate::settings::Settings;

/// Operations, wall time and CPU time of one slice.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    pub done: u64,
    pub wall: Duration,
    pub cpu: Duration,
}

impl Sample {
    pub fn per_second(&self) -> f64 {
        self.done as f64 / self.wall.as_secs_f64()
    }

    /// The sum of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            done: self.done + other.done,
            wall: self.wall + other.wall,
            cpu: self.cpu + other.cpu,
        }
    }

    /// Seconds of wall time per operation.
    pub fn cost(&self) -> f64 {
        self.wall.as_secs_f64() / self.done as f64
    }

    /// Seconds of CPU time of all threads per operation.
    pub fn cpu_cost(&self) -> f64 {
        self.cpu.as_secs_f64() / self.done as f64
    }
}

/// The source of the CPU time.
#[derive(Clone, Copy, Debug)]
pub enum Cpu {
    Process,
    /// The current thread.
    Thread,
}

impl Cpu {
    fn now(self) -> Duration {
        let time = clock_gettime(match self {
            Self::Process => ClockId::ProcessCPUTime,
            Self::Thread => ClockId::ThreadCPUTime,
        });
        Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
    }
}

#[derive(Debug)]
pub struct Stopwatch {
    start: Instant,
    whose: Cpu,
    cpu: Duration,
}

impl Stopwatch {
    pub fn start(whose: Cpu) -> Self {
        Self { cpu: whose.now(), whose, start: Instant::now() }
    }

    pub fn stop(&self, done: u64) -> Sample {
        let wall = self.start.elapsed();
        assert!(done > 0, "no operation was completed");
        Sample { done, wall, cpu: self.whose.now() - self.cpu }
    }
}

/// Work for a given time.
type Part<'a, S> = Box<dyn Fn(Duration) -> LocalBoxFuture<'a, S> + 'a>;

/// A side that alternates with others.
pub struct Side<'a> {
    name: String,
    part: Part<'a, Sample>,
    latencies: Option<Part<'a, Vec<u64>>>,
}

impl<'a> Side<'a> {
    pub fn new<F>(name: impl Into<String>, part: impl Fn(Duration) -> F + 'a) -> Self
    where
        F: Future<Output = Sample> + 'a,
    {
        Self {
            name: name.into(),
            part: Box::new(move |time| Box::pin(part(time))),
            latencies: None,
        }
    }

    /// Add separate slices in which each latency is recorded, in nanoseconds.
    pub fn with_latencies<F>(mut self, part: impl Fn(Duration) -> F + 'a) -> Self
    where
        F: Future<Output = Vec<u64>> + 'a,
    {
        self.latencies = Some(Box::new(move |time| Box::pin(part(time))));
        self
    }
}

/// The results of one side: a sample of each round, and the latencies if they were measured.
#[derive(Debug)]
pub struct SideResult {
    pub name: String,
    pub samples: Vec<Sample>,
    pub latencies: Option<Histogram<u64>>,
}

impl SideResult {
    pub fn new(name: impl Into<String>, samples: Vec<Sample>) -> Self {
        Self { name: name.into(), samples, latencies: None }
    }

    pub fn median(&self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().map(of))
    }

    /// Returns the median over the rounds of `of(self) / of(other)`.
    pub fn ratio(&self, other: &Self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().zip(&other.samples).map(|(ours, theirs)| of(ours) / of(theirs)))
    }

    /// Returns the median over the rounds of `of(self) - of(other)`.
    pub fn less(&self, other: &Self, of: impl Fn(&Sample) -> f64) -> f64 {
        median(self.samples.iter().zip(&other.samples).map(|(ours, theirs)| of(ours) - of(theirs)))
    }

    /// Returns further figures for the table.
    pub fn figures(&self) -> Figures {
        let mut figures = Figures::named(&self.name)
            .with("per_second", self.median(Sample::per_second))
            .with("cpu_us", self.median(Sample::cpu_cost) * 1e6);
        if let Some(latencies) = &self.latencies {
            let us = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
            figures = figures
                .with("mean_us", latencies.mean() / 1e3)
                .with("p50_us", us(0.5))
                .with("p99_us", us(0.99))
                .with("p99.9_us", us(0.999));
        }
        figures
    }
}

/// Further numbers of a row.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Figures {
    pub of: String,
    #[serde(flatten, serialize_with = "as_map")]
    pub values: Vec<(String, f64)>,
}

impl Figures {
    pub fn named(of: impl Into<String>) -> Self {
        Self { of: of.into(), values: Vec::new() }
    }

    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.values.push((name.into(), value));
        self
    }
}

fn as_map<S: Serializer>(values: &[(String, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(values.iter().map(|(name, value)| (name, value)))
}

/// Runs the sides alternately.
pub async fn interleave(settings: &Settings, sides: &[Side<'_>]) -> Vec<SideResult> {
    let mut samples = vec![Vec::new(); sides.len()];
    for (counts, side) in turns(settings.rounds, sides.len()) {
        let sample = (sides[side].part)(settings.part).await;
        if counts {
            samples[side].push(sample);
        }
    }
    let mut latencies: Vec<_> = sides.iter().map(|_| None).collect();
    for (_, side) in turns(1, sides.len()) {
        if let Some(part) = &sides[side].latencies {
            let all = latencies[side].get_or_insert_with(histogram);
            for wait in part(settings.part).await {
                all.saturating_record(wait);
            }
        }
    }
    let names = sides.iter().map(|side| side.name.clone());
    let measured = names.zip(samples).zip(latencies);
    measured.map(|((name, samples), latencies)| SideResult { name, samples, latencies }).collect()
}

/// Returns the order of the sides, reversed every other round, and whether the result counts: the first round is a
/// warm-up.
pub fn turns(rounds: usize, sides: usize) -> impl Iterator<Item = (bool, usize)> {
    (0..=rounds).flat_map(move |round| {
        let side = move |n| if round.is_multiple_of(2) { n } else { sides - 1 - n };
        (0..sides).map(move |n| (round > 0, side(n)))
    })
}

/// Returns a histogram of latencies in nanoseconds, up to a minute.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000_000, 3).expect("valid bounds")
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
