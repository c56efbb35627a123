//! The duration of the measurements.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Settings {
    pub short: bool,
    /// The number of rounds, without the warm-up.
    pub rounds: usize,
    /// The duration of a slice of one side.
    pub part: Duration,
}

impl Settings {
    pub fn new(short: bool, rounds: Option<usize>) -> Self {
        let (usual, part) = if short { (7, 60) } else { (15, 150) };
        // Odd, so that the median is the result of a round.
        let rounds = rounds.unwrap_or(usual) | 1;
        Self { short, rounds, part: Duration::from_millis(part) }
    }

    /// For small differences on one thread: more and shorter slices, so that adjacent ones are more
    /// alike.
    pub fn fine(&self) -> Self {
        Self { rounds: 4 * self.rounds + 1, part: self.part / 4, ..self.clone() }
    }

    /// For measurements of a second or more.
    pub fn few(&self) -> Self {
        Self { rounds: if self.short { 3 } else { 7 }.min(self.rounds), ..self.clone() }
    }
}
