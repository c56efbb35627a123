//! A snapshot: the entries of a store, and the changes that were made to them while it was walked. Replayed in its
//! order it is the store at the revision of its last line.

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
use super::lines::{Lines, MUCH};
use super::manifest::{SNAPSHOT_TEMPORARY, SnapshotInfo};
use super::segment::unknown_format;
use super::snapshot_text::SnapshotText;
use crate::journal::Recovered;
use crate::journal::codec::{Decoder, Unreadable};
use crate::model::{Change, Entry, Key, StoreId};

/// How much is written at once.
const PIECE: usize = 256 << 10;

/// How much is written between two syncs, so that the last one is short and others need not wait for it.
const SYNC_EVERY: u64 = 512 << 10;

/// The longest rest: what took longer was waiting for something else.
const LONGEST_REST: Duration = Duration::from_millis(20);

/// A snapshot that is being written, under a temporary name.
pub(crate) struct SnapshotWriter {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    text: SnapshotText,
    written: u64,
    synced: u64,
    /// How many more entries than changes there were since it last rested.
    told: i64,
    /// When it last rested, if it makes way for others.
    rested: Option<Instant>,
}

/// Why a snapshot could not be written.
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
        Ok(Self { disk, file, text, written: 0, synced: 0, told: 0, rested: None })
    }

    /// Rest as long as it works, so that a store that serves meanwhile has half of the disk, and half of a core, to
    /// itself at any time.
    pub(crate) fn paced(self) -> Self {
        Self { rested: Some(Instant::now()), ..self }
    }

    pub(crate) fn entry<T: Serialize + DeserializeOwned>(
        &mut self,
        key: &Key,
        entry: &Entry<T>,
    ) -> Result<(), WriteError> {
        self.text.entry(key, entry)?;
        self.told += 1;
        Ok(self.write_if_full()?)
    }

    /// Changes that were made meanwhile.
    pub(crate) fn patch<T: Serialize + DeserializeOwned>(
        &mut self,
        changes: &[Change<T>],
    ) -> Result<(), WriteError> {
        self.told -= changes.len() as i64;
        self.text.patch(changes)?;
        Ok(self.write_if_full()?)
    }

    fn write_if_full(&mut self) -> io::Result<()> {
        if self.text.len() >= PIECE {
            self.write()?;
            if self.written - self.synced >= SYNC_EVERY {
                self.file.sync()?;
                self.synced = self.written;
                if let Some(rested) = &mut self.rested {
                    // Changes do not wait: more would come, and a snapshot that is slower than they are has no
                    // end.
                    if self.told > 0 {
                        thread::sleep(rested.elapsed().min(LONGEST_REST));
                    }
                    (*rested, self.told) = (Instant::now(), 0);
                }
            }
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        let piece = self.text.take();
        self.file.write_all_at(&piece, self.written)?;
        self.written += piece.len() as u64;
        self.text.reuse(piece);
        Ok(())
    }

    /// End it, with the checksum of the append that holds its revision. From here on it is there under its name, and
    /// counts once the manifest lists it.
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

/// Read a snapshot. `tell` gets everything, in order, and says whether to go on. Returns the checksum of the append
/// that holds its revision; `None` in format 1.
pub(crate) fn read<T: DeserializeOwned>(
    disk: &dyn Disk,
    info: &SnapshotInfo,
    mut tell: impl FnMut(u64, Recovered<T>) -> Result<(), FileError>,
) -> Result<Option<Sum>, FileError> {
    let mut part = Part::open(disk, info)?;
    let end = part.read(&mut tell)?;
    if end.revision != info.revision || (info.prev.is_some() && end.prev != info.prev) {
        return Err(part.damaged(part.lines.offset(), "it is not the snapshot that is listed"));
    }
    tell(info.bytes, Recovered::SnapshotEnd(end.revision))?;
    Ok(end.prev)
}

/// Make sure that all of a snapshot is as it was written, without reading what it says.
pub(crate) fn verify(disk: &dyn Disk, info: &SnapshotInfo) -> Result<(), FileError> {
    let mut part = Part::open(disk, info)?;
    let (mut last, mut at, mut before) = (Vec::new(), 0, part.sum);
    loop {
        let sum = part.sum;
        let Some((offset, text)) = part.next()? else { break };
        (at, before) = (offset, sum);
        last.clear();
        last.extend_from_slice(text);
    }
    match Line::parse(&last) {
        Ok(line) if line.name == END && line.revision() == info.revision => {
            part.check_sum(at, &line, before)
        }
        _ => Err(part.damaged(at, "the end is missing")),
    }
}

/// The last line of a snapshot.
pub(crate) struct End {
    pub(crate) revision: u64,
    /// The checksum of the append that holds the revision; `None` in format 1.
    pub(crate) prev: Option<Sum>,
}

/// A snapshot that is read, in a file of its own or in a backup.
pub(crate) struct Part {
    path: PathBuf,
    lines: Lines,
    format: u32,
    /// The checksum of everything before the next line.
    sum: Sum,
}

impl Part {
    fn open(disk: &dyn Disk, info: &SnapshotInfo) -> Result<Self, FileError> {
        let path = disk.path().join(info.file());
        let file = disk.open(&info.file()).map_err(FileError::io(path.clone(), "open it"))?;
        let (part, _) = Self::begin(path, Lines::new(file, 0, MUCH), |_| ())?;
        Ok(part)
    }

    /// Read the header, which has to be the next line. `look` may take from it what else it wants to know.
    pub(crate) fn begin<H>(
        path: PathBuf,
        lines: Lines,
        look: impl FnOnce(&Line<'_>) -> H,
    ) -> Result<(Self, H), FileError> {
        let mut part = Self { path, lines, format: 0, sum: Sum::of(b"") };
        let at = part.lines.offset();
        let path = part.path.clone();
        let missing = |what| FileError::Damaged { path: path.clone(), offset: at, what };
        let Some((offset, text)) = part.next()? else {
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
        let looked = look(&line);
        part.format = format;
        Ok((part, looked))
    }

    /// Every line between the header and the end.
    pub(crate) fn read<T: DeserializeOwned>(
        &mut self,
        tell: &mut dyn FnMut(u64, Recovered<T>) -> Result<(), FileError>,
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
                    tell(offset, Recovered::Entry(key, entry))?;
                }
                _ => {
                    let changes: Vec<Change<T>> = decoder.changes(&line).map_err(unreadable)?;
                    for change in changes {
                        tell(offset, Recovered::Patch(change))?;
                    }
                }
            }
        }
    }

    /// The next line, whose checksum is right.
    fn next(&mut self) -> Result<Option<(u64, &[u8])>, FileError> {
        let path = &self.path;
        let line = self.lines.next().map_err(FileError::io(path.clone(), "read it"))?;
        let Some((offset, text)) = line else { return Ok(None) };
        if unseal(text).is_none() {
            let what = "the checksum is not that of the line";
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

    /// What follows it.
    pub(crate) fn into_rest(self) -> (PathBuf, Lines) {
        (self.path, self.lines)
    }
}

/// The end has the checksum of everything before it; in format 1 it has none.
fn check_sum(format: u32, end: &Line<'_>, before: Sum) -> Result<(), &'static str> {
    if format >= 2 && end.extra.sum != Some(before) {
        Err("lines are missing or differ")
    } else {
        Ok(())
    }
}
