//! The time of the car: it starts with ours, and passes N times faster.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::DateTime;
use tokio::time::{Instant, Interval, interval_at, sleep_until};

/// How many times faster than ours the time of the car passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speedup(pub f64);

impl Speedup {
    /// How long we wait, when the car waits this long.
    pub fn ours(self, time: Duration) -> Duration {
        Duration::try_from_secs_f64(time.as_secs_f64() / self.0).unwrap_or(Duration::MAX)
    }
}

/// Tells every task the same time. Durations that go in and come out are the car's.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    date: Zoned,
    speedup: Speedup,
}

impl Clock {
    /// Start now.
    pub fn start(speedup: Speedup) -> Self {
        Self { start: Instant::now(), date: Zoned::now(), speedup }
    }

    /// How long the drive has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed().mul_f64(self.speedup.0)
    }

    /// The date, in the local time zone.
    pub fn now(&self) -> DateTime {
        self.date.saturating_add(self.elapsed()).datetime()
    }

    /// Wait until the drive has taken this long.
    pub async fn sleep(&self, time: Duration) {
        match self.start.checked_add(self.speedup.ours(time)) {
            Some(then) => sleep_until(then).await,
            None => std::future::pending().await,
        }
    }

    /// A tick after every period, counted from the start of the drive: so the ticks of all tasks fall
    /// together, and none is left out if we are late.
    pub fn every(&self, period: Duration) -> Interval {
        let period = self.speedup.ours(period);
        interval_at(self.start + period, period)
    }
}
