//! How long to measure.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    pub short: bool,
    /// How often the sides take turns; the first round does not count.
    pub rounds: usize,
    /// How long a side is at work before the next one is.
    pub part: Duration,
}

impl Settings {
    pub fn new(short: bool, rounds: Option<usize>) -> Self {
        let (usual, part) = if short { (7, 60) } else { (15, 150) };
        // Odd, so that the median is a round and both orders come equally often, but for the warm-up.
        let rounds = rounds.unwrap_or(usual) | 1;
        Self { short, rounds, part: Duration::from_millis(part) }
    }

    /// For small differences on one thread: shorter parts, and more of them, so that neighbours have more
    /// in common.
    pub fn fine(&self) -> Self {
        Self { rounds: 4 * self.rounds + 1, part: self.part / 4, ..self.clone() }
    }

    /// For what takes a second or more each time.
    pub fn few(&self) -> Self {
        Self { rounds: if self.short { 3 } else { 7 }.min(self.rounds), ..self.clone() }
    }
}
