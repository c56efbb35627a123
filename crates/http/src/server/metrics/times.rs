//! Histograms of request durations.
//!
//! They are arrays of atomics, because the histogram of prometheus-client locks a mutex for each value.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The upper bounds of the buckets, in nanoseconds. The first ones are for responses from memory, those from a millisecond
/// on for requests that wait for a journal or a slow client.
const LIMITS: [u64; 16] = [
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    10_000_000_000,
];

#[derive(Debug, Default)]
pub(super) struct Times {
    buckets: [AtomicU64; LIMITS.len() + 1],
    nanos: AtomicU64,
}

impl Times {
    pub(super) fn add(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = LIMITS.partition_point(|limit| *limit < nanos);
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
    }
}

/// The sum of several histograms.
#[derive(Debug, Default)]
pub(super) struct Sum {
    buckets: [u64; LIMITS.len() + 1],
    nanos: u64,
}

impl Sum {
    pub(super) fn add(&mut self, times: &Times) {
        self.nanos = self.nanos.saturating_add(times.nanos.load(Relaxed));
        for (sum, count) in self.buckets.iter_mut().zip(&times.buckets) {
            *sum += count.load(Relaxed);
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    pub(super) fn seconds(&self) -> f64 {
        self.nanos as f64 / 1e9
    }

    /// Returns the upper bound of each bucket in seconds, and its count.
    pub(super) fn buckets(&self) -> Vec<(f64, u64)> {
        let limits = LIMITS.iter().map(|nanos| *nanos as f64 / 1e9).chain([f64::INFINITY]);
        limits.zip(self.buckets).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_includes_its_upper_bound() {
        let times = Times::default();
        for nanos in [0, 25_000, 25_001, 10_000_000_000, 10_000_000_001] {
            times.add(Duration::from_nanos(nanos));
        }
        let mut sum = Sum::default();
        sum.add(&times);
        sum.add(&Times::default());
        let buckets = sum.buckets();
        assert_eq!(buckets[..2], [(25e-6, 2), (50e-6, 1)]);
        assert_eq!(buckets[15..], [(10.0, 1), (f64::INFINITY, 1)]);
        assert_eq!(sum.count(), 5);
        assert!((sum.seconds() - 20.000_050_002).abs() < 1e-9);
    }
}
