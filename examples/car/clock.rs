//! Simulated time, which starts at the current time and runs N times faster.

use std::time::Duration;

use jiff::Zoned;
use jiff::civil::DateTime;
use tokio::time::{Instant, Interval, interval_at, sleep_until};

/// The factor between simulated time and real time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speedup(pub f64);

impl Speedup {
    /// Convert a simulated duration to a real one.
    pub fn to_real(self, time: Duration) -> Duration {
        Duration::try_from_secs_f64(time.as_secs_f64() / self.0).unwrap_or(Duration::MAX)
    }
}

/// The clock of all tasks. All durations are simulated.
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

    /// The duration of the drive so far.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed().mul_f64(self.speedup.0)
    }

    /// The current simulated date, in the local time zone.
    pub fn now(&self) -> DateTime {
        self.date.saturating_add(self.elapsed()).datetime()
    }

    /// Wait until the drive has this duration.
    pub async fn sleep(&self, time: Duration) {
        match self.start.checked_add(self.speedup.to_real(time)) {
            Some(then) => sleep_until(then).await,
            None => std::future::pending().await,
        }
    }

    /// Tick after each period, from the start of the drive, so that the ticks of all tasks coincide, and none is
    /// skipped if a task is late.
    pub fn every(&self, period: Duration) -> Interval {
        let period = self.speedup.to_real(period);
        interval_at(self.start + period, period)
    }
}
