//! Writing a backup, piece by piece.

use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::PartName;
use crate::feed::Subscription;
use crate::journal::codec::{Unreadable, format_time};
use crate::journal::file::snapshot_text::SnapshotText;
use crate::model::{Error, Event, StoreId, Timestamp};

/// How large a piece grows before it is given out.
const PIECE: usize = 64 << 10;

/// The text of a part, made of a subscription that begins with a snapshot.
#[derive(Debug)]
pub struct PartWriter<T> {
    snapshot: Subscription<T>,
    text: SnapshotText,
    /// The revision of the part, once it is complete.
    revision: Option<u64>,
}

/// Why a part ends before its end.
#[derive(Debug, thiserror::Error)]
pub enum CutShort {
    /// The snapshot ended before its end.
    #[error(transparent)]
    Store(#[from] Error),
    /// A value cannot be written such that it can be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl<T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static> PartWriter<T> {
    /// The first part of a backup, which has these parts and is made at this time.
    pub fn first(
        snapshot: Subscription<T>,
        store: StoreId,
        parts: &[PartName],
        time: Timestamp,
    ) -> Self {
        let names: Vec<_> = parts.iter().map(|name| format!("\"{}\"", name.text())).collect();
        let (names, time) = (names.join(","), format_time(time));
        let more = format!(",\"parts\":[{names}],\"time\":\"{time}\"");
        Self::begin(snapshot, store, PartName::Data, &more)
    }

    /// A part after the first.
    pub fn later(snapshot: Subscription<T>, store: StoreId, name: PartName) -> Self {
        Self::begin(snapshot, store, name, "")
    }

    fn begin(snapshot: Subscription<T>, store: StoreId, name: PartName, more: &str) -> Self {
        let mut members = String::new();
        let _ = write!(members, ",\"part\":\"{}\"{more}", name.text());
        let text = SnapshotText::with_members(store, &members);
        Self { snapshot, text, revision: None }
    }

    /// The next piece; `None` after the last one.
    ///
    /// # Errors
    ///
    /// If the subscription ends before the snapshot is complete, as one that falls too far behind does, or if a value
    /// cannot be written. The part has no end then, and readers refuse it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, CutShort> {
        while self.revision.is_none() && self.text.len() < PIECE {
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

    /// The revision at which it is the store, once it is complete.
    pub fn revision(&self) -> Option<u64> {
        self.revision
    }
}
