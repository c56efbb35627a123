//! The text of a snapshot, as it is written to a journal or sent as a backup.

use std::io::Write as _;
use std::slice;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::line::{END, ENTRY, Sum, seal};
use super::segment::FORMAT;
use crate::journal::codec::{Unreadable, put_checked, put_checked_entry};
use crate::model::{Change, Entry, Key, StoreId};

/// How large the buffer may grow before it is given back.
const KEEP: usize = 1 << 20;

/// Lines of a snapshot that have not been [taken](Self::take) yet.
#[derive(Debug)]
pub(crate) struct SnapshotText {
    buffer: Vec<u8>,
    /// The checksum of what was taken.
    sum: Sum,
    entries: usize,
}

impl SnapshotText {
    /// Begin with a header.
    pub(crate) fn new(store: StoreId) -> Self {
        Self::with_members(store, "")
    }

    /// Begin with a header that has more members than that of a journal, each after a comma.
    pub(crate) fn with_members(store: StoreId, members: &str) -> Self {
        let mut text = Self { buffer: Vec::new(), sum: Sum::of(b""), entries: 0 };
        let _ = write!(text.buffer, "{{\"format\":{FORMAT},\"store\":\"{store}\"{members}");
        seal(&mut text.buffer, 0);
        text
    }

    /// # Errors
    ///
    /// If a value cannot be written as JSON that can be read back.
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

    /// Changes that were made while the store was walked.
    ///
    /// # Errors
    ///
    /// If a value cannot be written as JSON that can be read back.
    pub(crate) fn patch<T: Serialize + DeserializeOwned>(
        &mut self,
        changes: &[Change<T>],
    ) -> Result<(), Unreadable> {
        for change in changes {
            // One by one: those of a batch that a filter left need not follow one another.
            let start = self.buffer.len();
            put_checked(&mut self.buffer, slice::from_ref(change))?;
            seal(&mut self.buffer, start);
        }
        Ok(())
    }

    /// End with the revision, the number of entries, and the checksum of everything before.
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

    /// The lines since the last call.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.sum = self.sum.and(&self.buffer);
        std::mem::take(&mut self.buffer)
    }

    /// Give a buffer that was taken back.
    pub(crate) fn reuse(&mut self, mut buffer: Vec<u8>) {
        if self.buffer.is_empty() {
            buffer.clear();
            buffer.shrink_to(KEEP);
            self.buffer = buffer;
        }
    }
}
