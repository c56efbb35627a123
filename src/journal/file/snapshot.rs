//! Reading and writing of snapshots.
//!
//! A snapshot contains the entries of a store, and the changes that were made to written entries while it was written.
//! Replayed in order, they give the store at the revision of the last line.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::{Disk, DiskFile};
use super::error::FileError;
use super::line::{END, ENTRY, Line, Sum, unseal};
use super::lines::{Lines, SEQUENTIAL_READ};
use super::manifest::{SNAPSHOT_TEMPORARY, SnapshotInfo};
use super::segment::unknown_format;
use super::snapshot_text::SnapshotText;
use crate::journal::Recovered;
use crate::journal::codec::{Decoder, Unreadable};
use crate::model::{Change, Entry, Key, StoreId};

/// How much is written at once.
const CHUNK: usize = 256 << 10;

/// How much is written between two syncs. Frequent syncs are short, so that the syncs of appends do not wait long.
const SYNC_EVERY: u64 = 512 << 10;

/// The longest pause. If a step took longer, it was waiting for something else.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// Writes a snapshot under a temporary name.
pub(crate) struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    text: SnapshotText,
    written: u64,
    synced: u64,
    /// The number of entries minus the number of changes since the last pause.
    entry_surplus: i64,
    /// When the last pause ended, if the writer is [throttled](Self::throttled).
    last_pause: Option<Instant>,
}

/// Error of writing a snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl SnapshotWriter {
    pub(crate) fn create(disk: Arc<dyn Disk>, store: StoreId) -> io::Result<Self> {
        let file = disk.create(SNAPSHOT_TEMPORARY)?;
        file.set_length(0)?;
        let text = SnapshotText::new(store);
        Ok(Self { disk, file, text, written: 0, synced: 0, entry_surplus: 0, last_pause: None })
    }

    /// Makes the writer pause after each sync for as long as it has worked, so that a running store has half of the
    /// disk and half of a core for itself.
    pub(crate) fn throttled(self) -> Self {
        Self { last_pause: Some(Instant::now()), ..self }
    }

    pub(crate) fn entry<T: Serialize + DeserializeOwned>(
        &mut self,
        key: &Key,
        entry: &Entry<T>,
    ) -> Result<(), WriteError> {
        self.text.entry(key, entry)?;
        self.entry_surplus += 1;
        Ok(self.write_if_full()?)
    }

    /// Writes changes that were made while the snapshot is written.
    pub(crate) fn patch<T: Serialize + DeserializeOwned>(
        &mut self,
        changes: &[Change<T>],
    ) -> Result<(), WriteError> {
        self.entry_surplus -= changes.len() as i64;
        self.text.patch(changes)?;
        Ok(self.write_if_full()?)
    }

    fn write_if_full(&mut self) -> io::Result<()> {
        if self.text.len() >= CHUNK {
            self.write()?;
            if self.written - self.synced >= SYNC_EVERY {
                self.file.sync()?;
                self.synced = self.written;
                if let Some(last_pause) = &mut self.last_pause {
                    // No pause while changes outnumber entries: a snapshot that is written more slowly than
                    // changes arrive would never end.
                    if self.entry_surplus > 0 {
                        thread::sleep(last_pause.elapsed().min(LONGEST_PAUSE));
                    }
                    (*last_pause, self.entry_surplus) = (Instant::now(), 0);
                }
            }
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let chunk = self.text.take();
        self.file.write_all_at(&chunk, self.written)?;
        self.written += chunk.len() as u64;
        self.text.reuse(chunk);
        Ok(())
    }

    /// Completes the snapshot with the checksum of the append that contains its revision, and renames it to its final
    /// name. It becomes part of the journal when the manifest lists it.
    pub(crate) fn finish(mut self, revision: u64, prev: Option<Sum>) -> io::Result<SnapshotInfo> {
        self.text.end(revision, prev);
        self.write()?;
        self.file.sync()?;
        let info = SnapshotInfo { revision, bytes: self.written, prev };
        self.disk.rename(SNAPSHOT_TEMPORARY, &info.file())?;
        self.disk.sync_folder()?;
        Ok(info)
    }
}

/// Reads a snapshot and passes its content to `visit`, in order. Returns the checksum of the append that contains its
/// revision; `None` in format 1.
pub(crate) fn read<T: DeserializeOwned>(
    disk: &dyn Disk,
    info: &SnapshotInfo,
    mut visit: impl FnMut(u64, Recovered<T>) -> Result<(), FileError>,
) -> Result<Option<Sum>, FileError> {
    let mut reader = SnapshotReader::open(disk, info)?;
    let end = reader.read(&mut visit)?;
    if end.revision != info.revision || (info.prev.is_some() && end.prev != info.prev) {
        return Err(
            reader.damaged(reader.lines.offset(), "the snapshot is not the one in the manifest")
        );
    }
    visit(info.bytes, Recovered::SnapshotEnd(end.revision))?;
    Ok(end.prev)
}

/// Verifies the checksums of a snapshot without decoding its content.
pub(crate) fn verify(disk: &dyn Disk, info: &SnapshotInfo) -> Result<(), FileError> {
    let mut reader = SnapshotReader::open(disk, info)?;
    let (mut last_line, mut at, mut before) = (Vec::new(), 0, reader.sum);
    loop {
        let sum = reader.sum;
        let Some((offset, text)) = reader.next()? else { break };
        (at, before) = (offset, sum);
        last_line.clear();
        last_line.extend_from_slice(text);
    }
    match Line::parse(&last_line) {
        Ok(line) if line.name == END && line.revision() == info.revision => {
            reader.check_sum(at, &line, before)
        }
        _ => Err(reader.damaged(at, "the end is missing")),
    }
}

/// The last line of a snapshot.
pub(crate) struct End {
    pub(crate) revision: u64,
    /// The checksum of the append that contains the revision; `None` in format 1.
    pub(crate) prev: Option<Sum>,
}

/// Reads a snapshot, from its own file or from a part of a backup.
pub(crate) struct SnapshotReader {
    path: PathBuf,
    lines: Lines,
    format: u32,
    /// The checksum of everything before the next line.
    sum: Sum,
}

impl SnapshotReader {
    fn open(disk: &dyn Disk, info: &SnapshotInfo) -> Result<Self, FileError> {
        let path = disk.path().join(info.file());
        let file = disk.open(&info.file()).map_err(FileError::io(path.clone(), "open"))?;
        let (reader, _) = Self::begin(path, Lines::new(file, 0, SEQUENTIAL_READ), |_| ())?;
        Ok(reader)
    }

    /// Reads the header, which must be the next line. `inspect` can extract more members of it.
    pub(crate) fn begin<H>(
        path: PathBuf,
        lines: Lines,
        inspect: impl FnOnce(&Line<'_>) -> H,
    ) -> Result<(Self, H), FileError> {
        let mut reader = Self { path, lines, format: 0, sum: Sum::of(b"") };
        let at = reader.lines.offset();
        let path = reader.path.clone();
        let missing = |what| FileError::Damaged { path: path.clone(), offset: at, what };
        let Some((offset, text)) = reader.next()? else {
            return Err(missing("the header is missing"));
        };
        let mut header = text.to_vec();
        header.push(b'\n');
        if let Some(format) = unknown_format(&header) {
            return Err(FileError::Format { path, format });
        }
        header.pop();
        let line = Line::parse(&header).map_err(FileError::unreadable(path.clone(), offset))?;
        let format = line.extra.format.ok_or_else(|| missing("the header is missing"))?;
        let inspected = inspect(&line);
        reader.format = format;
        Ok((reader, inspected))
    }

    /// Reads every line between the header and the end.
    pub(crate) fn read<T: DeserializeOwned>(
        &mut self,
        visit: &mut dyn FnMut(u64, Recovered<T>) -> Result<(), FileError>,
    ) -> Result<End, FileError> {
        let mut decoder = Decoder::default();
        let path = self.path.clone();
        let damaged = |offset, what| FileError::Damaged { path: path.clone(), offset, what };
        let mut entries = 0;
        loop {
            let (at, before) = (self.lines.offset(), self.sum);
            let format = self.format;
            let Some((offset, text)) = self.next()? else {
                return Err(damaged(at, "the end is missing"));
            };
            let unreadable = |why| FileError::unreadable(path.clone(), offset)(why);
            let line = Line::parse(text).map_err(unreadable)?;
            match &*line.name {
                END => {
                    if line.count != entries {
                        return Err(damaged(offset, "lines are missing"));
                    }
                    check_sum(format, &line, before).map_err(|what| damaged(offset, what))?;
                    return Ok(End { revision: line.revision(), prev: line.extra.prev });
                }
                ENTRY => {
                    entries += 1;
                    let (key, entry) = decoder.entry(&line).map_err(unreadable)?;
                    visit(offset, Recovered::Entry(key, entry))?;
                }
                _ => {
                    let changes: Vec<Change<T>> = decoder.changes(&line).map_err(unreadable)?;
                    for change in changes {
                        visit(offset, Recovered::Patch(change))?;
                    }
                }
            }
        }
    }

    /// Reads the next line and verifies its checksum.
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, FileError> {
        let path = &self.path;
        let line = self.lines.next().map_err(FileError::io(path.clone(), "read"))?;
        let Some((offset, text)) = line else { return Ok(None) };
        if unseal(text).is_none() {
            let what = "the checksum does not match the line";
            return Err(FileError::Damaged { path: path.clone(), offset, what });
        }
        self.sum = self.sum.and(text).and(b"\n");
        Ok(Some((offset, text)))
    }

    fn check_sum(&self, offset: u64, end: &Line<'_>, before: Sum) -> Result<(), FileError> {
        check_sum(self.format, end, before).map_err(|what| self.damaged(offset, what))
    }

    fn damaged(&self, offset: u64, what: &'static str) -> FileError {
        FileError::Damaged { path: self.path.clone(), offset, what }
    }

    /// Returns the path and the reader of the lines after the snapshot.
    pub(crate) fn into_rest(self) -> (PathBuf, Lines) {
        (self.path, self.lines)
    }
}

/// Verifies the checksum of everything before the end. Format 1 has none.
fn check_sum(format: u32, end: &Line<'_>, before: Sum) -> Result<(), &'static str> {
    if format >= 2 && end.extra.sum != Some(before) {
        Err("lines are missing or changed")
    } else {
        Ok(())
    }
}
