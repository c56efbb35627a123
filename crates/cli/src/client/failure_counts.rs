//! Counts of failed writes by outcome.

use mainspring::Error;

use crate::exit::Exit;

/// Failures of independent writes, by outcome.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct FailureCounts {
    /// Rejected by the store.
    pub rejected: u64,
    /// Not accepted by the server, or the server was not reached.
    pub unavailable: u64,
    /// May or may not have been applied.
    pub unknown: u64,
}

impl FailureCounts {
    pub fn add(&mut self, error: &Error) {
        match error {
            Error::Unknown | Error::Failed(_) => self.unknown += 1,
            Error::Unreachable(_) | Error::Closed | Error::Busy | Error::Recovering => {
                self.unavailable += 1;
            }
            _ => self.rejected += 1,
        }
    }

    pub fn sum(&self) -> u64 {
        self.rejected + self.unavailable + self.unknown
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self { unknown: 1.., .. } => Exit::Unknown,
            counts if counts.sum() > 0 => Exit::Incomplete,
            _ => Exit::Success,
        }
    }
}
