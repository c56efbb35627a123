//! The lines of a file, read in pieces.

use std::io;
use std::sync::Arc;

use super::disk::DiskFile;

/// How much is read at once, from one end of a file to the other.
pub(crate) const MUCH: usize = 1 << 20;

/// How much is read at once to look at a line.
pub(crate) const LITTLE: usize = 4 << 10;

/// The lines of a file from an offset on, without their newlines.
pub(crate) struct Lines {
    file: Arc<dyn DiskFile>,
    /// Where in the file the buffer begins.
    start: u64,
    buffer: Vec<u8>,
    /// What of the buffer has been given out.
    used: usize,
    /// How much is read at once.
    piece: usize,
}

impl Lines {
    pub(crate) fn new(file: Arc<dyn DiskFile>, offset: u64, piece: usize) -> Self {
        Self { file, start: offset, buffer: Vec::new(), used: 0, piece }
    }

    /// The next line and its offset; `None` at the end of the file, or where the last line has no newline.
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
            let more = self.file.read_some(self.start + searched as u64, self.piece)?;
            if more.is_empty() {
                return Ok(None);
            }
            self.buffer.extend_from_slice(&more);
        };
        let from = self.used;
        self.used += length + 1;
        Ok(Some((self.start + from as u64, &self.buffer[from..from + length])))
    }

    /// Where the next line begins.
    pub(crate) fn offset(&self) -> u64 {
        self.start + self.used as u64
    }
}
