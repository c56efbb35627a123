//! Counters that the owner keeps for `stats` and metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::journal::meter::SYNC_TIMES;

/// Counters that only the owner writes, so that counting is a load and a store instead of an atomic addition.
///
/// `Relaxed` suffices: each counter is read alone, for statistics, and no other memory depends on it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) entries: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) turns: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) expired: AtomicU64,
    pub(crate) sizes: TurnSizes,
}

/// Histograms: the number of observations per bucket.
#[derive(Debug)]
pub struct Histograms {
    /// Turns, by [`SIZES`].
    pub turns: [u64; SIZES.len() + 1],
    /// The commands in them.
    pub commands: u64,
    /// Syncs of the journal, by [`SYNC_TIMES`].
    pub syncs: [u64; SYNC_TIMES.len() + 1],
}

/// The upper bounds of the buckets of turn sizes; one more bucket is for larger turns.
pub const SIZES: [u64; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];

/// The histogram of turn sizes. Turns of one command without subscribers are not counted here, to keep the fastest path
/// short: their number is the difference to the number of all turns.
#[derive(Debug, Default)]
pub(crate) struct TurnSizes {
    classes: [AtomicU64; SIZES.len() + 1],
    commands: AtomicU64,
}

impl TurnSizes {
    /// Count a turn. Called by the owner only.
    pub(crate) fn add(&self, commands: usize) {
        let class = commands.max(1).next_power_of_two().trailing_zeros() as usize;
        add(&self.classes[class.min(SIZES.len())], 1);
        add(&self.commands, commands);
    }

    /// The number of turns per bucket, given the number of all turns, and the number of their commands.
    pub(crate) fn of(&self, turns: u64) -> ([u64; SIZES.len() + 1], u64) {
        let mut classes = self.classes.each_ref().map(|count| count.load(Ordering::Relaxed));
        let single = turns.saturating_sub(classes.iter().sum());
        classes[0] += single;
        (classes, self.commands.load(Ordering::Relaxed) + single)
    }
}

/// Add to a counter that has one writer.
pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.store(counter.load(Ordering::Relaxed) + n as u64, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted_by_size() {
        let sizes = TurnSizes::default();
        [1, 2, 3, 4, 256, 257].into_iter().for_each(|commands| sizes.add(commands));
        let (classes, commands) = sizes.of(10);
        assert_eq!(
            classes,
            [1 + 4, 1, 2, 0, 0, 0, 0, 0, 1, 1],
            "four single turns were not counted"
        );
        assert_eq!(commands, 4 + 1 + 2 + 3 + 4 + 256 + 257);
    }
}
