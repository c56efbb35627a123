//! [`Lines`]: reads the lines of a file in chunks.

use std::io;
use std::sync::Arc;

use super::disk::DiskFile;

/// Chunk size for reading a whole file.
pub(crate) const SEQUENTIAL_READ: usize = 1 << 20;

/// Chunk size for reading a single line.
pub(crate) const SHORT_READ: usize = 4 << 10;

/// Reads the lines of a file from an offset, without their newlines.
pub(crate) struct Lines {
    file: Arc<dyn DiskFile>,
    /// The offset in the file at which the buffer begins.
    start: u64,
    buffer: Vec<u8>,
    /// The length of the prefix of the buffer that was already returned.
    used: usize,
    /// How much is read at once.
    chunk: usize,
}

impl Lines {
    pub(crate) fn new(file: Arc<dyn DiskFile>, offset: u64, chunk: usize) -> Self {
        Self { file, start: offset, buffer: Vec::new(), used: 0, chunk }
    }

    /// Returns the next line and its offset, or `None` at the end of the file or at a last line without a newline.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, &[u8])>> {
        let mut searched = self.used;
        let length = loop {
            if let Some(found) = memchr::memchr(b'\n', &self.buffer[searched..]) {
                break searched + found - self.used;
            }
            self.buffer.drain(..self.used);
            self.start += self.used as u64;
            self.used = 0;
            searched = self.buffer.len();
            let more = self.file.read_some(self.start + searched as u64, self.chunk)?;
            if more.is_empty() {
                return Ok(None);
            }
            self.buffer.extend_from_slice(&more);
        };
        let from = self.used;
        self.used += length + 1;
        Ok(Some((self.start + from as u64, &self.buffer[from..from + length])))
    }

    /// The offset of the next line.
    pub(crate) fn offset(&self) -> u64 {
        self.start + self.used as u64
    }
}
