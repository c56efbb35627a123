//! A backup: the data of a server and its accounts, in one file.
//!
//! It consists of parts. Each part is a snapshot as a journal has it: a header, entries, changes, and an end with the
//! checksum of everything before it. The header names the part. The first header also lists all parts, so that a file
//! that ends after one of them is noticed, and the time of the backup.

mod read;
mod write;

pub(crate) use self::read::Backup;
pub use self::write::{CutShort, PartWriter};

/// What a part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartName {
    /// The entries of the store that is served.
    Data,
    /// The accounts of the server.
    Accounts,
}

impl PartName {
    const ALL: [Self; 2] = [Self::Data, Self::Accounts];

    /// The name as it is written.
    pub fn text(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Accounts => "accounts",
        }
    }

    fn of(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }
}
