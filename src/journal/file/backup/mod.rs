//! Backups: the data of a server and its accounts, in one file.
//!
//! A backup consists of parts. Each part is encoded like the snapshot of a journal: a header, entries, changes, and an
//! end with the checksum of everything before it. The header names the part. The first header also has the time of the
//! backup and the list of all parts, so that a file that ends after one of them is detected.

mod read;
mod write;

pub(crate) use self::read::Backup;
pub use self::write::{CutShort, PartWriter};

/// The name of a part of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartName {
    /// The entries of the store that is served.
    Data,
    /// The accounts of the server.
    Accounts,
}

impl PartName {
    const ALL: [Self; 2] = [Self::Data, Self::Accounts];

    /// Returns the name as it is written in the file.
    pub fn text(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Accounts => "accounts",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }
}
