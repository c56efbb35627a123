//! What became of those of several independent writes that were not acknowledged.

use mainspring::Error;

use crate::exit::Exit;

/// How many, each for one reason.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// The store said no.
    pub refused: u64,
    /// The server did not take them, or was not reached.
    pub not_taken: u64,
    /// They may or may not have been done.
    pub unknown: u64,
}

impl Tally {
    pub fn add(&mut self, error: &Error) {
        match error {
            Error::Unknown | Error::Failed(_) => self.unknown += 1,
            Error::Unreachable(_) | Error::Closed | Error::Busy | Error::Recovering => {
                self.not_taken += 1;
            }
            _ => self.refused += 1,
        }
    }

    pub fn sum(&self) -> u64 {
        self.refused + self.not_taken + self.unknown
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self { unknown: 1.., .. } => Exit::Unknown,
            tally if tally.sum() > 0 => Exit::Incomplete,
            _ => Exit::Fine,
        }
    }
}
