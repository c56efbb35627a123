//! A journal that begins with entries from elsewhere: a snapshot of them, and an empty log.

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

/// A folder that is locked, and holds no journal, or one in which nothing ever happened.
pub(super) struct NewJournal {
    disk: Arc<dyn Disk>,
    writer: SnapshotWriter,
    store: StoreId,
    /// The log of a journal in which nothing ever happened. It stays as it is, or a crash would leave the manifest
    /// of that journal with another log.
    begun: Option<(SegmentInfo, Arc<dyn DiskFile>)>,
    _lock: Box<dyn Send + Sync>,
}

impl NewJournal {
    pub(super) fn create(disk: Arc<dyn Disk>) -> Result<Self, FileError> {
        let path = disk.path();
        disk.create_folder().map_err(FileError::io(path.clone(), "create"))?;
        let lock = recover::lock(&*disk)?;
        let mut begun = None;
        if let Some(manifest) =
            recover::manifest(&*disk).map_err(|error| cut_short(error, &path))?
        {
            let loaded = super::load::Loaded::read(&*disk, &manifest, &mut |_| {})?;
            if loaded.revision() > 0 {
                return Err(FileError::Impossible(format!(
                    "{}: there is a journal in this folder already, at revision {}: choose another folder",
                    path.display(),
                    loaded.revision()
                )));
            }
            if let Some(last) = manifest.segments.last() {
                begun = Some((last.clone(), recover::open_to_write(&*disk, last)?));
            }
        }
        let store = StoreId::random();
        let writer = SnapshotWriter::create(Arc::clone(&disk), store)
            .map_err(FileError::io(path, "write a snapshot"))?;
        Ok(Self { disk, writer, store, begun, _lock: lock })
    }

    /// Claim the name of the snapshot: a start refuses the directory from here until it is complete, also if this
    /// process is killed.
    pub(super) fn claim(&self, revision: u64) -> Result<(), FileError> {
        let name = SnapshotInfo { revision, bytes: 0, prev: None }.file();
        let claimed = self.disk.create(&name).and_then(|_| self.disk.sync_folder());
        claimed.map_err(FileError::io(self.disk.path().join(name), "create"))
    }

    /// Remove what was written so far, and what [`claim`](Self::claim) created.
    pub(super) fn discard(self, claimed: Option<u64>) {
        let of = |revision| SnapshotInfo { revision, bytes: 0, prev: None }.file();
        let claimed = claimed.map(of);
        // What caused the failure is the error to report. A next start or restore handles what is left.
        for name in claimed.as_deref().into_iter().chain([SNAPSHOT_TEMPORARY]) {
            let _ = self.disk.remove(name);
        }
    }

    pub(super) fn entry(&mut self, key: &Key, entry: &Entry<Raw>) -> Result<(), FileError> {
        self.writer.entry(key, entry).map_err(|error| cannot_write(&*self.disk, error))
    }

    /// Changes to entries that were written before.
    pub(super) fn patch(&mut self, change: &Change<Raw>) -> Result<(), FileError> {
        let written = self.writer.patch(std::slice::from_ref(change));
        written.map_err(|error| cannot_write(&*self.disk, error))
    }

    /// It is the store at this revision. Until now the folder held no journal. Answers the store's new id.
    pub(super) fn finish(self, revision: u64) -> Result<StoreId, FileError> {
        self.seal(revision)?.commit()
    }

    /// Write everything but the manifest. Until that is there, a start refuses the directory.
    pub(super) fn seal(self, revision: u64) -> Result<Sealed, FileError> {
        let Self { disk, writer, store, begun, _lock } = self;
        let path = disk.path();
        let (begun, prev) = match begun.filter(|(begun, _)| begun.base == revision) {
            Some((begun, _)) => (Some(begun.clone()), begun.prev),
            None => (None, Some(Sum::of_store(store))),
        };
        let info = writer.finish(revision, prev);
        let info = info.map_err(FileError::io(path.clone(), "write a snapshot"))?;
        let segment = match begun {
            Some(begun) => begun,
            None => begin_segment(&*disk, SegmentInfo::new(revision, store, Sum::of_store(store)))?,
        };
        let manifest = Manifest::new(store, SyncPolicy::Always.to_string(), Some(info), segment);
        Ok(Sealed { disk, manifest, store, _lock })
    }
}

/// A journal that is complete but for its manifest.
pub(super) struct Sealed {
    disk: Arc<dyn Disk>,
    manifest: Manifest,
    store: StoreId,
    _lock: Box<dyn Send + Sync>,
}

impl Sealed {
    /// Make it a journal. Answers the store's new id.
    pub(super) fn commit(self) -> Result<StoreId, FileError> {
        let io = FileError::io(self.disk.path().join(MANIFEST), "write");
        self.manifest.write(&*self.disk).map_err(io)?;
        Ok(self.store)
    }
}

/// Write the file of a segment, which has no appends.
pub(super) fn begin_segment(
    disk: &dyn Disk,
    segment: SegmentInfo,
) -> Result<SegmentInfo, FileError> {
    begin(&*recover::open_to_write(disk, &segment)?, &segment, 0)
        .and_then(|_| disk.sync_folder())
        .map_err(FileError::io(disk.path().join(segment.file()), "write"))?;
    Ok(segment)
}

/// Without a manifest there may be a journal that has lost it, or what a killed import has left.
fn cut_short(error: FileError, path: &Path) -> FileError {
    if matches!(error, FileError::Manifest { .. }) && !path.join(MANIFEST).exists() {
        return FileError::Impossible(format!(
            "{}: there are files of a journal, and no MANIFEST. If an import or a restore into this folder was cut \
             short, delete the folder and run the command again; if not, choose another folder",
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
