//! [`PartWriter`]: encodes a backup in chunks.

use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PartName;
use crate::feed::Subscription;
use crate::journal::codec::{Unreadable, format_time};
use crate::journal::file::snapshot_text::SnapshotText;
use crate::model::{Error, Event, StoreId, Timestamp};

/// The minimum size of a chunk, except for the last one.
const CHUNK: usize = 64 << 10;

/// Encodes a part of a backup from a subscription that begins with a snapshot.
#[derive(Debug)]
pub struct PartWriter<T> {
    snapshot: Subscription<T>,
    text: SnapshotText,
    /// The revision of the part, once it is complete.
    revision: Option<u64>,
}

/// Error that ends a part before it is complete.
#[derive(Debug, thiserror::Error)]
pub enum CutShort {
    /// The subscription ended before the snapshot was complete.
    #[error(transparent)]
    Store(#[from] Error),
    /// A value cannot be encoded such that it can be decoded again.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> PartWriter<T> {
    /// Creates the writer of the first part, the data. Its header lists the parts of the backup and has its time.
    pub fn first(
        snapshot: Subscription<T>,
        store: StoreId,
        parts: &[PartName],
        time: Timestamp,
    ) -> Self {
        let names: Vec<_> = parts.iter().map(|name| format!("\"{}\"", name.text())).collect();
        let (names, time) = (names.join(","), format_time(time));
        let members = format!(",\"parts\":[{names}],\"time\":\"{time}\"");
        Self::begin(snapshot, store, PartName::Data, &members)
    }

    /// Creates the writer of a part after the first.
    pub fn later(snapshot: Subscription<T>, store: StoreId, name: PartName) -> Self {
        Self::begin(snapshot, store, name, "")
    }

    fn begin(snapshot: Subscription<T>, store: StoreId, name: PartName, members: &str) -> Self {
        let mut all = String::new();
        let _ = write!(all, ",\"part\":\"{}\"{members}", name.text());
        let text = SnapshotText::with_members(store, &all);
        Self { snapshot, text, revision: None }
    }

    /// Returns the next chunk; `None` after the last one.
    ///
    /// # Errors
    ///
    /// If the subscription ends before the snapshot is complete, for example because it falls too far behind, or if a
    /// value cannot be encoded. The part has no end then, and readers reject it.
    ///
    /// # Cancel safety
    ///
    /// This method is cancel safe. If the future is dropped before it completes, what was encoded is in the next
    /// chunk.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, CutShort> {
        while self.revision.is_none() && self.text.len() < CHUNK {
            match self.snapshot.recv().await? {
                Event::Entry { key, entry } => self.text.entry(&key, &entry)?,
                Event::SnapshotEnd { revision } => {
                    self.text.end(revision, None);
                    self.revision = Some(revision);
                }
                other => self.text.patch(other.changes())?,
            }
        }
        Ok((self.text.len() > 0).then(|| self.text.take()))
    }

    /// Returns the revision of the part, once it is complete.
    pub fn revision(&self) -> Option<u64> {
        self.revision
    }
}
