//! A snapshot: the entries of a store, and the changes that were made to them while it was walked. Replayed
//! in its order it is the store at the revision of its last line.

use std::fmt::Write as _;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::disk::{Disk, DiskFile};
use super::error::FileError;
use super::line::{Codec, Line, Text, Unreadable, seal, unseal};
use super::lines::{Lines, MUCH};
use super::manifest::{SNAPSHOT_TEMPORARY, SnapshotInfo};
use super::segment::FORMAT;
use crate::journal::Recovered;
use crate::{Change, Entry, Key, StoreId};

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
    buffer: Vec<u8>,
    written: u64,
    synced: u64,
    entries: usize,
    codec: Codec,
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
        let mut buffer = Vec::with_capacity(2 * PIECE);
        let _ = write!(Text(&mut buffer), "{{\"format\":{FORMAT},\"store\":\"{store}\"");
        seal(&mut buffer, 0);
        let codec = Codec::default();
        Ok(Self {
            disk,
            file,
            buffer,
            written: 0,
            synced: 0,
            entries: 0,
            codec,
            told: 0,
            rested: None,
        })
    }

    /// Rest as long as it works, so that a store that serves meanwhile has half of the disk, and half of a
    /// core, to itself at any time.
    pub(crate) fn paced(self) -> Self {
        Self { rested: Some(Instant::now()), ..self }
    }

    pub(crate) fn entry<T: Serialize + DeserializeOwned>(
        &mut self,
        key: &Key,
        entry: &Entry<T>,
    ) -> Result<(), WriteError> {
        let start = self.buffer.len();
        self.codec.entry(&mut self.buffer, key, entry)?;
        seal(&mut self.buffer, start);
        self.entries += 1;
        self.told += 1;
        Ok(self.write_if_full()?)
    }

    /// Changes that were made meanwhile.
    pub(crate) fn patch<T: Serialize + DeserializeOwned>(
        &mut self,
        changes: &[Change<T>],
    ) -> Result<(), WriteError> {
        self.told -= changes.len() as i64;
        for change in changes {
            // One by one: those of a batch that a filter left need not follow one another.
            let start = self.buffer.len();
            self.codec.change_line(&mut self.buffer, std::slice::from_ref(change))?;
            seal(&mut self.buffer, start);
        }
        Ok(self.write_if_full()?)
    }

    fn write_if_full(&mut self) -> io::Result<()> {
        if self.buffer.len() >= PIECE {
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
        self.file.write_all_at(&self.buffer, self.written)?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// End it. From here on it is there under its name, and counts once the manifest lists it.
    pub(crate) fn finish(mut self, revision: u64) -> io::Result<SnapshotInfo> {
        let start = self.buffer.len();
        let count = self.entries;
        let _ = write!(
            Text(&mut self.buffer),
            "{{\"revision\":{revision},\"command\":\"end\",\"count\":{count}"
        );
        seal(&mut self.buffer, start);
        self.write()?;
        self.file.sync()?;
        let info = SnapshotInfo { revision, bytes: self.written };
        self.disk.rename(SNAPSHOT_TEMPORARY, &info.file())?;
        self.disk.sync_folder()?;
        Ok(info)
    }
}

/// Read a snapshot. `tell` gets everything, in order, and says whether to go on.
pub(crate) fn read<T: DeserializeOwned>(
    disk: &dyn Disk,
    info: &SnapshotInfo,
    mut tell: impl FnMut(u64, Recovered<T>) -> Result<(), FileError>,
) -> Result<(), FileError> {
    let mut codec = Codec::default();
    let mut count = 0;
    let revision = walk(disk, info, |offset, line| {
        let recovered = if line.command == "entry" {
            count += 1;
            let (key, entry) = codec.read_entry(line)?;
            tell(offset, Recovered::Entry(key, entry))
        } else {
            let changes: Vec<Change<T>> = codec.read_changes(line)?;
            changes.into_iter().try_for_each(|change| tell(offset, Recovered::Patch(change)))
        };
        Ok(recovered)
    })?;
    tell(info.bytes, Recovered::SnapshotEnd(revision))
}

/// Make sure that all of a snapshot is as it was written, without reading what it says.
pub(crate) fn verify(disk: &dyn Disk, info: &SnapshotInfo) -> Result<(), FileError> {
    let path = disk.path().join(info.file());
    let io = |action| FileError::io(path.clone(), action);
    let mut lines = Lines::new(disk.open(&info.file()).map_err(io("open it"))?, 0, MUCH);
    let (mut last, mut offset) = (Vec::new(), 0);
    while let Some((at, text)) = lines.next().map_err(io("read it"))? {
        if unseal(text).is_none() {
            return Err(wrong_sum(path, at));
        }
        offset = at;
        last.clear();
        last.extend_from_slice(text);
    }
    match Line::parse(&last) {
        Ok(line) if line.command == "end" && line.revision == info.revision => Ok(()),
        _ => Err(FileError::Damaged { path, offset, what: "its end is missing" }),
    }
}

fn wrong_sum(path: PathBuf, offset: u64) -> FileError {
    FileError::Damaged { path, offset, what: "the checksum is not that of the line" }
}

/// Every line between the first and the last. Answers the revision.
fn walk(
    disk: &dyn Disk,
    info: &SnapshotInfo,
    mut tell: impl FnMut(u64, &Line<'_>) -> Result<Result<(), FileError>, Unreadable>,
) -> Result<u64, FileError> {
    let path = disk.path().join(info.file());
    let io = |action| FileError::io(path.clone(), action);
    let damaged = |offset, what| Err(FileError::Damaged { path: path.clone(), offset, what });
    let mut lines = Lines::new(disk.open(&info.file()).map_err(io("open it"))?, 0, MUCH);
    let (mut first, mut count) = (true, 0);
    loop {
        let at = lines.offset();
        let Some((offset, text)) = lines.next().map_err(io("read it"))? else {
            return damaged(at, "its end is missing");
        };
        if unseal(text).is_none() {
            return Err(wrong_sum(path, offset));
        }
        let unreadable =
            |Unreadable(why)| FileError::Unreadable { path: path.clone(), offset, why };
        let line = Line::parse(text).map_err(unreadable)?;
        if std::mem::take(&mut first) {
            if !line.command.is_empty() {
                return damaged(offset, "its header is missing");
            }
            continue;
        }
        if line.command == "end" {
            if line.count != count || line.revision != info.revision {
                return damaged(offset, "lines are missing");
            }
            return Ok(line.revision);
        }
        count += usize::from(line.command == "entry");
        tell(offset, &line).map_err(unreadable)??;
    }
}
