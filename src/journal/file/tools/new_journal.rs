//! Creation of a journal from imported or restored entries: a snapshot of them, and an empty log.

use std::path::Path;
use std::sync::Arc;

use super::Raw;
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::error::FileError;
use crate::journal::file::line::Sum;
use crate::journal::file::log::begin;
use crate::journal::file::manifest::{MANIFEST, Manifest, SNAPSHOT_TEMPORARY, SnapshotInfo};
use crate::journal::file::segment::SegmentInfo;
use crate::journal::file::snapshot::{SnapshotWriter, WriteError};
use crate::journal::file::{SyncPolicy, recover};
use crate::model::{Change, Entry, Key, StoreId};

/// A journal under construction, in a locked directory that contained no journal or an empty one.
pub(super) struct NewJournal {
    disk: Arc<dyn Disk>,
    writer: SnapshotWriter,
    store: StoreId,
    /// The log of the empty journal. It is kept unchanged, because a crash would otherwise leave the manifest of that
    /// journal with another log.
    existing: Option<(SegmentInfo, Arc<dyn DiskFile>)>,
    _lock: Box<dyn Send + Sync>,
}

impl NewJournal {
    pub(super) fn create(disk: Arc<dyn Disk>) -> Result<Self, FileError> {
        let path = disk.path();
        disk.create_folder().map_err(FileError::io(path.clone(), "create"))?;
        let lock = recover::lock(&*disk)?;
        let mut existing = None;
        if let Some(manifest) =
            recover::manifest(&*disk).map_err(|error| describe_incomplete(error, &path))?
        {
            let loaded = super::load::Loaded::read(&*disk, &manifest, &mut |_| {})?;
            if loaded.revision() > 0 {
                return Err(FileError::Impossible(format!(
                    "{}: there is already a journal in this directory, at revision {}; use another directory",
                    path.display(),
                    loaded.revision()
                )));
            }
            if let Some(last) = manifest.segments.last() {
                existing = Some((last.clone(), recover::open_to_write(&*disk, last)?));
            }
        }
        let store = StoreId::random();
        let writer = SnapshotWriter::create(Arc::clone(&disk), store)
            .map_err(FileError::io(path, "write a snapshot"))?;
        Ok(Self { disk, writer, store, existing, _lock: lock })
    }

    /// Creates an empty file with the name of the snapshot. From here until the journal is complete, a store refuses
    /// to start from the directory, even if this process is killed.
    pub(super) fn claim(&self, revision: u64) -> Result<(), FileError> {
        let name = SnapshotInfo { revision, bytes: 0, prev: None }.file();
        let claimed = self.disk.create(&name).and_then(|_| self.disk.sync_folder());
        claimed.map_err(FileError::io(self.disk.path().join(name), "create"))
    }

    /// Removes what was written so far, and the file that [`claim`](Self::claim) created.
    pub(super) fn discard(self, claimed: Option<u64>) {
        let name = |revision| SnapshotInfo { revision, bytes: 0, prev: None }.file();
        let claimed = claimed.map(name);
        // Errors are ignored: the original failure is reported, and the next start or restore handles remaining files.
        for name in claimed.as_deref().into_iter().chain([SNAPSHOT_TEMPORARY]) {
            let _ = self.disk.remove(name);
        }
    }

    pub(super) fn entry(&mut self, key: &Key, entry: &Entry<Raw>) -> Result<(), FileError> {
        self.writer.entry(key, entry).map_err(|error| cannot_write(&*self.disk, error))
    }

    /// Writes a change to an entry that was written before.
    pub(super) fn patch(&mut self, change: &Change<Raw>) -> Result<(), FileError> {
        let written = self.writer.patch(std::slice::from_ref(change));
        written.map_err(|error| cannot_write(&*self.disk, error))
    }

    /// Completes the journal at this revision. Returns the new id of the store.
    pub(super) fn finish(self, revision: u64) -> Result<StoreId, FileError> {
        self.seal(revision)?.commit()
    }

    /// Writes everything except the manifest. Without it, a store refuses to start from the directory.
    pub(super) fn seal(self, revision: u64) -> Result<Sealed, FileError> {
        let Self { disk, writer, store, existing, _lock } = self;
        let path = disk.path();
        let (existing, prev) = match existing.filter(|(existing, _)| existing.base == revision) {
            Some((existing, _)) => (Some(existing.clone()), existing.prev),
            None => (None, Some(Sum::of_store(store))),
        };
        let info = writer.finish(revision, prev);
        let info = info.map_err(FileError::io(path.clone(), "write a snapshot"))?;
        let segment = match existing {
            Some(existing) => existing,
            None => begin_segment(&*disk, SegmentInfo::new(revision, store, Sum::of_store(store)))?,
        };
        let manifest = Manifest::new(store, SyncPolicy::Always.to_string(), Some(info), segment);
        Ok(Sealed { disk, manifest, store, _lock })
    }
}

/// A journal that is complete except for the manifest.
pub(super) struct Sealed {
    disk: Arc<dyn Disk>,
    manifest: Manifest,
    store: StoreId,
    _lock: Box<dyn Send + Sync>,
}

impl Sealed {
    /// Writes the manifest. Returns the new id of the store.
    pub(super) fn commit(self) -> Result<StoreId, FileError> {
        let io = FileError::io(self.disk.path().join(MANIFEST), "write");
        self.manifest.write(&*self.disk).map_err(io)?;
        Ok(self.store)
    }
}

/// Creates the file of a segment without appends.
pub(super) fn begin_segment(
    disk: &dyn Disk,
    segment: SegmentInfo,
) -> Result<SegmentInfo, FileError> {
    begin(&*recover::open_to_write(disk, &segment)?, &segment, 0)
        .and_then(|_| disk.sync_folder())
        .map_err(FileError::io(disk.path().join(segment.file()), "write"))?;
    Ok(segment)
}

/// Adds advice to the error for files without a manifest: an interrupted import may have left them, or a journal may
/// have lost its manifest.
fn describe_incomplete(error: FileError, path: &Path) -> FileError {
    if matches!(error, FileError::Manifest { .. }) && !path.join(MANIFEST).exists() {
        return FileError::Impossible(format!(
            "{}: there are files of a journal, but no MANIFEST; if an import or a restore into this directory was \
                         interrupted, delete the directory and run the command again; if not, use another directory",
            path.display()
        ));
    }
    error
}

pub(super) fn cannot_write(disk: &dyn Disk, error: WriteError) -> FileError {
    match error {
        WriteError::Io(error) => FileError::io(disk.path(), "write a snapshot")(error),
        WriteError::Unreadable(why) => FileError::Impossible(why.to_string()),
    }
}
