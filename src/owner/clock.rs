//! Store time: the only module that reads a clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::model::{Timestamp, nanos_of};

/// How often the wall clock is read, to check whether it has run ahead.
const LOOK_EVERY: u64 = Duration::from_secs(1).as_nanos() as u64;

/// How far the wall clock must be ahead to be followed. Less is drift, or a slow test on paused time.
const FOLLOW_FROM: u64 = Duration::from_secs(10).as_nanos() as u64;

/// Store time starts at the wall clock or at the last recorded time, whichever is later, and advances
/// with tokio's clock, so that tests run on paused time. It follows the wall clock forward (a machine
/// that was suspended, a clock that was set) and never back.
///
/// The atomics are `Relaxed`: the offset only grows (`fetch_max`), so every order of updates gives the same result, and
/// no other memory depends on it.
#[derive(Debug)]
pub(crate) struct Clock {
    base: Instant,
    /// The wall-clock time of `base`, moved forward when the wall clock is.
    offset: AtomicU64,
    /// When to read the wall clock again, in nanoseconds after `base`.
    look_at: AtomicU64,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let offset = Timestamp::from(SystemTime::now()).as_nanos();
        Self {
            base: Instant::now(),
            offset: AtomicU64::new(offset),
            look_at: AtomicU64::new(LOOK_EVERY),
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        let since = nanos_of(self.base.elapsed());
        if since >= self.look_at.load(Ordering::Relaxed) {
            self.follow(since, Timestamp::from(SystemTime::now()).as_nanos());
        }
        Timestamp::from_nanos(self.offset.load(Ordering::Relaxed).saturating_add(since))
    }

    /// Never return a time before this one, which was recorded.
    pub(crate) fn not_before(&self, recorded: Timestamp) {
        let since = nanos_of(self.base.elapsed());
        self.offset.fetch_max(recorded.as_nanos().saturating_sub(since), Ordering::Relaxed);
    }

    fn follow(&self, since: u64, wall: u64) {
        self.look_at.store(since.saturating_add(LOOK_EVERY), Ordering::Relaxed);
        let offset = wall.saturating_sub(since);
        if offset > self.offset.load(Ordering::Relaxed).saturating_add(FOLLOW_FROM) {
            self.offset.fetch_max(offset, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn clock_follows_the_wall_clock_forward_and_never_back() {
        let clock = Clock::start();
        let start = clock.now();
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(clock.now().saturating_since(start), Duration::from_millis(500));

        let wall = start.as_nanos() + 60_000_000_000;
        clock.follow(500_000_000, wall);
        assert_eq!(clock.now().as_nanos(), wall);
        clock.follow(500_000_000, wall - 50_000_000_000);
        assert_eq!(clock.now().as_nanos(), wall, "a wall clock that jumps back is not followed");
    }

    #[tokio::test(start_paused = true)]
    async fn clock_starts_at_the_recorded_time() {
        let clock = Clock::start();
        let recorded = clock.now() + Duration::from_secs(3_600);
        clock.not_before(recorded);
        assert_eq!(clock.now(), recorded);
        clock.not_before(Timestamp::from_nanos(1));
        assert_eq!(clock.now(), recorded);
    }
}
