//! Encoding of a snapshot, as it is written to a journal or sent as a backup.

use std::io::Write as _;
use std::slice;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::line::{END, ENTRY, Sum, seal};
use super::segment::FORMAT;
use crate::journal::codec::{Unreadable, put_checked, put_checked_entry};
use crate::model::{Change, Entry, Key, StoreId};

/// The largest capacity of the buffer that is kept for reuse.
const KEEP: usize = 1 << 20;

/// Encoder of the lines of a snapshot. It buffers lines until they are [taken](Self::take).
#[derive(Debug)]
pub(crate) struct SnapshotText {
    buffer: Vec<u8>,
    /// The checksum of all lines that were taken.
    sum: Sum,
    entries: usize,
}

impl SnapshotText {
    /// Begins with a header.
    pub(crate) fn new(store: StoreId) -> Self {
        Self::with_members(store, "")
    }

    /// Begins with a header with additional members, each preceded by a comma.
    pub(crate) fn with_members(store: StoreId, members: &str) -> Self {
        let mut text = Self { buffer: Vec::new(), sum: Sum::of(b""), entries: 0 };
        let _ = write!(text.buffer, "{{\"format\":{FORMAT},\"store\":\"{store}\"{members}");
        seal(&mut text.buffer, 0);
        text
    }

    /// Encodes an entry.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded as JSON that can be decoded again.
    pub(crate) fn entry<T: Serialize + DeserializeOwned>(
        &mut self,
        key: &Key,
        entry: &Entry<T>,
    ) -> Result<(), Unreadable> {
        let start = self.buffer.len();
        put_checked_entry(&mut self.buffer, key, entry)?;
        let _ = write!(self.buffer, ",\"record\":\"{ENTRY}\"");
        seal(&mut self.buffer, start);
        self.entries += 1;
        Ok(())
    }

    /// Encodes changes that were made while the snapshot is written.
    ///
    /// # Errors
    ///
    /// If a value cannot be encoded as JSON that can be decoded again.
    pub(crate) fn patch<T: Serialize + DeserializeOwned>(
        &mut self,
        changes: &[Change<T>],
    ) -> Result<(), Unreadable> {
        for change in changes {
            // One line each, not as a batch: a filter may have removed changes of it, and the revisions of a batch
            // must be consecutive.
            let start = self.buffer.len();
            put_checked(&mut self.buffer, slice::from_ref(change))?;
            seal(&mut self.buffer, start);
        }
        Ok(())
    }

    /// Ends the snapshot with its revision, the number of entries, and the checksum of everything before.
    pub(crate) fn end(&mut self, revision: u64, prev: Option<Sum>) {
        let start = self.buffer.len();
        let (count, sum) = (self.entries, self.sum.and(&self.buffer));
        let _ = write!(
            self.buffer,
            "{{\"record\":\"{END}\",\"revision\":{revision},\"count\":{count},\"sum\":\"{sum}\""
        );
        if let Some(prev) = prev {
            let _ = write!(self.buffer, ",\"prev\":\"{prev}\"");
        }
        seal(&mut self.buffer, start);
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Returns the lines since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.sum = self.sum.and(&self.buffer);
        std::mem::take(&mut self.buffer)
    }

    /// Returns a taken buffer for reuse.
    pub(crate) fn reuse(&mut self, mut buffer: Vec<u8>) {
        if self.buffer.is_empty() {
            buffer.clear();
            buffer.shrink_to(KEEP);
            self.buffer = buffer;
        }
    }
}
