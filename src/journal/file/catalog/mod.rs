//! [`Catalog`]: the files that belong to the journal. It is shared by the writer thread, compactions, and readers of
//! older changes.
//!
//! The manifest is behind one lock, which is held while it is written to the disk, so that a rotation and a compaction
//! cannot overwrite the changes of each other. What appends and subscriptions need is also kept in atomics, so that
//! they never wait for a write of the manifest.

mod ownership;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

pub(crate) use self::ownership::Unverified;
use crate::journal::Meter;
use crate::journal::file::SyncPolicy;
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::io_error::is_transient;
use crate::journal::file::line::Sum;
use crate::journal::file::manifest::{Manifest, SnapshotInfo};
use crate::journal::file::scan::{Expected, ScanError, scan};
use crate::journal::file::segment::{Mark, SegmentInfo};

/// The files of an open journal. See the module for the locking.
///
/// Locks are taken in this order: `manifest`, `segment`, `length`.
#[derive(Debug)]
pub(crate) struct Catalog {
    disk: Arc<dyn Disk>,
    /// The manifest on the disk. Locked while it is replaced there.
    manifest: Mutex<Manifest>,
    /// The base of the last segment, and its last synced append.
    synced: Mutex<(u64, Option<Mark>)>,
    /// The offset at which the appends of the last segment end.
    end: AtomicU64,
    /// The oldest revision after which every change is in the log. Read by each subscription, without a lock.
    oldest: AtomicU64,
    retired: AtomicBool,
    /// Whether a sync of the log has failed; later syncs prove nothing then. Locked during each sync.
    sync_failed: Mutex<bool>,
    /// The file of the last segment while it is open for appends. It is weak, so that its lock ends with the log and
    /// not with the readers of older changes. Also locked during a verification, so that a compaction cannot remove
    /// the segment before that has finished.
    segment: Mutex<Option<Weak<dyn DiskFile>>>,
    /// A lower bound of the length of that file: set after it has grown, and locked while it is truncated or verified.
    length: Mutex<u64>,
    /// The sizes of the complete segments after the newest snapshot, and of that snapshot. Atomics, because the owner
    /// reads them after each append and must not wait for a write of the manifest.
    complete_bytes: AtomicU64,
    snapshot_bytes: AtomicU64,
    /// The listed files that were missing or truncated when the journal was opened. The start needed none of them.
    incomplete_files: Vec<String>,
    /// Why the journal does not own its directory any more.
    lost: OnceLock<Arc<str>>,
    meter: Arc<Meter>,
}

impl Catalog {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        manifest: Manifest,
        end: u64,
        meter: Arc<Meter>,
    ) -> Self {
        let (oldest, end) = (AtomicU64::default(), AtomicU64::new(end));
        let base = manifest.segments.last().map_or(0, |last| last.base);
        let synced = Mutex::new((base, manifest.mark));
        let manifest = Mutex::new(manifest);
        let mut catalog = Self {
            disk,
            manifest,
            synced,
            end,
            oldest,
            retired: AtomicBool::new(false),
            sync_failed: Mutex::new(false),
            segment: Mutex::default(),
            length: Mutex::default(),
            complete_bytes: AtomicU64::default(),
            snapshot_bytes: AtomicU64::default(),
            incomplete_files: Vec::new(),
            lost: OnceLock::new(),
            meter,
        };
        let manifest = catalog.manifest.lock();
        catalog.update_atomics(&manifest);
        let wrong = catalog.wrong_files(&manifest).unwrap_or_default();
        drop(manifest);
        catalog.incomplete_files = wrong.into_iter().map(|(name, _)| name).collect();
        catalog.update_meter();
        catalog
    }

    /// Updates what is read without the lock of the manifest.
    fn update_atomics(&self, manifest: &Manifest) {
        self.oldest.store(manifest.oldest(), Ordering::Release);
        let base = manifest.base();
        let later =
            manifest.segments.iter().filter(|segment| segment.end.is_some_and(|end| end > base));
        let complete = later.filter_map(|segment| segment.bytes).sum();
        self.complete_bytes.store(complete, Ordering::Release);
        let snapshot = manifest.snapshots.last().map_or(0, |snapshot| snapshot.bytes);
        self.snapshot_bytes.store(snapshot, Ordering::Release);
    }

    /// The listed files that were missing or truncated when the journal was opened.
    pub(crate) fn incomplete_files(&self) -> &[String] {
        &self.incomplete_files
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The segments, oldest first, and the offset at which the appends of the last one end.
    pub(crate) fn segments(&self) -> (Vec<SegmentInfo>, u64) {
        let manifest = self.manifest.lock();
        (manifest.segments.clone(), self.end.load(Ordering::Acquire))
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Acquire)
    }

    pub(crate) fn set_end(&self, end: u64) {
        self.end.store(end, Ordering::Release);
        self.update_meter();
    }

    /// Records the last synced append of the last segment.
    pub(crate) fn set_synced(&self, base: u64, mark: Mark) {
        *self.synced.lock() = (base, Some(mark));
    }

    /// Returns whether [`save_mark`](Self::save_mark) has a new mark to write; `false` while the manifest is being
    /// written.
    pub(crate) fn has_new_mark(&self) -> bool {
        let (_, mark) = *self.synced.lock();
        self.manifest.try_lock().is_some_and(|manifest| manifest.mark != mark)
    }

    /// Records in the manifest how much of the last segment is synced. Not called on the path of an append, because it
    /// takes a sync of its own.
    pub(crate) fn save_mark(&self) -> io::Result<()> {
        self.check_lost()?;
        self.write_mark()
    }

    fn write_mark(&self) -> io::Result<()> {
        let mut manifest = self.manifest.lock();
        let (base, mark) = *self.synced.lock();
        let is_last = manifest.segments.last().is_some_and(|last| last.base == base);
        if !is_last || manifest.mark == mark {
            return Ok(());
        }
        self.check_retired()?;
        let new = Manifest { mark, ..manifest.clone() };
        new.write(&*self.disk)?;
        *manifest = new;
        Ok(())
    }

    /// Reads the checksum of the append that contains a revision; `None` if it is in a segment of format 1.
    ///
    /// Needs no file descriptor if the revision is in the current segment or is the base of a segment.
    pub(crate) fn sum_at(&self, revision: u64) -> io::Result<Option<Sum>> {
        let (segments, end) = self.segments();
        if let Some(next) = segments.iter().find(|info| info.base == revision) {
            return Ok(next.prev);
        }
        let Some(info) = segments.iter().find(|info| info.end.is_none_or(|end| end > revision))
        else {
            return Ok(None);
        };
        let open = if info.end.is_none() { self.segment() } else { None };
        let file = open.map_or_else(|| self.disk.open(&info.file()), Ok)?;
        let length = usize::try_from(info.bytes.unwrap_or(end)).unwrap_or(usize::MAX);
        let bytes = file.read_some(0, length)?;
        drop(file);
        let expected = Expected { mark: None, revisions: &[revision] };
        match scan(&bytes, info, expected, |_| Ok::<_, ScanError<()>>(())) {
            Ok(scanned) if scanned.revision >= revision => Ok(scanned.sum_of(revision)),
            _ => Err(io::Error::other(format!("cannot read {} back", info.file()))),
        }
    }

    /// The file of the current segment, while it is open.
    fn segment(&self) -> Option<Arc<dyn DiskFile>> {
        self.segment.lock().as_ref().and_then(Weak::upgrade)
    }

    /// The size of the log after the newest snapshot, and of that snapshot.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let log = self.complete_bytes.load(Ordering::Acquire) + self.end.load(Ordering::Acquire);
        (log, self.snapshot_bytes.load(Ordering::Acquire))
    }

    /// Sets the file of the current segment and its length.
    pub(crate) fn set_segment(&self, file: &Arc<dyn DiskFile>, length: u64) {
        let mut segment = self.segment.lock();
        *segment = Some(Arc::downgrade(file));
        self.set_length(length);
    }

    /// Records that the current segment has grown to this length.
    pub(crate) fn set_length(&self, length: u64) {
        *self.length.lock() = length;
    }

    /// Truncates the current segment.
    pub(crate) fn truncate(&self, file: &dyn DiskFile, length: u64) -> io::Result<()> {
        // Held during the call, so that a verification never compares the new length with the old bound.
        let mut bound = self.length.lock();
        file.set_length(length)?;
        *bound = length;
        Ok(())
    }

    /// Marks the last segment as complete and adds the next one, with this file.
    ///
    /// # Errors
    ///
    /// [`RotateError::Unchanged`] if the manifest is unchanged.
    pub(crate) fn rotate(
        &self,
        end: u64,
        bytes: u64,
        next: SegmentInfo,
        (file, length): (&Arc<dyn DiskFile>, u64),
    ) -> Result<(), RotateError> {
        self.verify().map_err(|error| match error {
            Unverified::Lost(_) => RotateError::Unknown(error.into_io()),
            Unverified::Unknown(_) => RotateError::Unchanged(error.into_io()),
        })?;
        let mut manifest = self.manifest.lock();
        let mut new = manifest.clone();
        if let Some(last) = new.segments.last_mut() {
            (last.end, last.bytes) = (Some(end), Some(bytes));
        }
        new.mark = Mark::of_empty(&next);
        let synced = (next.base, new.mark);
        new.segments.push(next);
        new.prepare(&*self.disk).map_err(|error| {
            let transient = is_transient(&error);
            if transient { RotateError::Unchanged(error) } else { RotateError::Unknown(error) }
        })?;
        Manifest::commit(&*self.disk).map_err(RotateError::Unknown)?;
        *manifest = new;
        self.update_atomics(&manifest);
        self.set_segment(file, length);
        *self.synced.lock() = synced;
        Ok(())
    }

    /// Syncs the current segment. After one failure every later sync fails too, because the system may have dropped
    /// the pages that it could not write.
    pub(crate) fn sync(&self, file: &dyn DiskFile) -> io::Result<()> {
        let mut failed = self.sync_failed.lock();
        if *failed {
            return Err(io::Error::other("an earlier sync of the log has failed"));
        }
        let synced = file.sync();
        *failed = synced.is_err();
        synced
    }

    pub(crate) fn has_sync_failed(&self) -> bool {
        // Does not wait for a sync that is running.
        self.sync_failed.try_lock().is_some_and(|failed| *failed)
    }

    /// Gives the directory up, because another owner may open it from now on. After this, nothing in it is renamed,
    /// removed or listed any more.
    pub(crate) fn retire(&self) {
        // Waits until a running operation on the names in the directory has finished.
        let _manifest = self.manifest.lock();
        // Waits until a verification has dropped its handle of the file, which would keep the lock.
        *self.segment.lock() = None;
        self.retired.store(true, Ordering::Release);
    }

    /// Runs an operation on the names in the directory, unless the catalog was [retired](Self::retire).
    pub(crate) fn unless_retired<R>(&self, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let _manifest = self.manifest.lock();
        self.check_retired()?;
        act()
    }

    fn check_retired(&self) -> io::Result<()> {
        if self.retired.load(Ordering::Acquire) {
            return Err(io::Error::other("the journal was closed"));
        }
        Ok(())
    }

    /// Syncs the log before a snapshot is installed. Without this sync, the log could end before the snapshot after a
    /// power cut.
    pub(crate) fn sync_before_snapshot(&self) -> io::Result<()> {
        if self.manifest.lock().sync == SyncPolicy::Always.to_string() {
            return Ok(());
        }
        match self.segment() {
            // Only the current segment can have unsynced appends: a segment is synced before the next one begins.
            Some(file) => self.sync(&*file),
            None => Err(io::Error::other("the journal was closed")),
        }
    }

    /// Lists a complete snapshot in the manifest and removes the files that it replaces, except for the newest `keep`
    /// bytes of them, which are kept as history.
    pub(crate) fn install(&self, snapshot: SnapshotInfo, keep: u64) -> io::Result<()> {
        self.verified()?;
        let mut manifest = self.manifest.lock();
        self.check_retired()?;
        let mut new = manifest.clone();
        let base = snapshot.revision;
        new.snapshots.retain(|older| older.revision < base);
        let mut budget = keep;
        let covered =
            new.segments.iter().filter(|segment| segment.end.is_some_and(|end| end <= base));
        // Segments of format 1 are not kept: their content is in the snapshot, in format 2.
        let kept = covered.rev().take_while(|segment| {
            segment.prev.is_some() && spend(&mut budget, segment.bytes.unwrap_or(0))
        });
        let oldest = kept.last().map(|segment| segment.base);
        let is_kept = |segment: &SegmentInfo| {
            segment.end.is_none_or(|end| end > base)
                || oldest.is_some_and(|oldest| segment.base >= oldest)
        };
        new.segments.retain(is_kept);
        let oldest = new.oldest();
        // An older snapshot is useful only if the kept log continues from it.
        let older: Vec<_> = std::mem::take(&mut new.snapshots).into_iter().rev().collect();
        for snapshot in older {
            let is_kept = snapshot.prev.is_some() && snapshot.revision >= oldest;
            if is_kept && spend(&mut budget, snapshot.bytes) {
                new.snapshots.insert(0, snapshot);
            }
        }
        let file = snapshot.file();
        new.snapshots.push(snapshot);
        let (base, mark) = *self.synced.lock();
        if new.segments.last().is_some_and(|last| last.base == base) {
            new.mark = mark;
        }
        if let Err(error) = new.prepare(&*self.disk) {
            // The snapshot takes space, which may be why the manifest could not be written.
            if !manifest.lists(&file) {
                let _ = self.disk.remove(&file);
            }
            return Err(error);
        }
        Manifest::commit(&*self.disk)?;
        let old = std::mem::replace(&mut *manifest, new);
        self.update_atomics(&manifest);
        let names = old.segments.iter().map(SegmentInfo::file);
        let names = names.chain(old.snapshots.iter().map(SnapshotInfo::file));
        let removed: Vec<_> = names.filter(|name| !manifest.lists(name)).collect();
        // Released first, so that a rotation does not wait for the removal.
        drop(manifest);
        for name in removed {
            if let Err(error) = self.disk.remove(&name) {
                // The next start removes the file.
                tracing::warn!(name, %error, "cannot remove a file that was compacted");
            }
        }
        self.update_meter();
        Ok(())
    }

    /// Updates the size of the journal in the [`Meter`].
    fn update_meter(&self) {
        if let Some(manifest) = self.manifest.try_lock() {
            let segments: u64 = manifest.segments.iter().filter_map(|segment| segment.bytes).sum();
            let snapshots: u64 = manifest.snapshots.iter().map(|snapshot| snapshot.bytes).sum();
            self.meter.set_bytes(segments + snapshots + self.end.load(Ordering::Acquire));
        }
    }
}

/// Error of a rotation.
#[derive(Debug)]
pub(crate) enum RotateError {
    /// The log continues in the current segment.
    Unchanged(io::Error),
    /// It is unknown in which segment a start would continue.
    Unknown(io::Error),
}

/// Takes bytes from a budget. Returns whether there were enough.
fn spend(budget: &mut u64, bytes: u64) -> bool {
    match budget.checked_sub(bytes) {
        Some(left) => {
            *budget = left;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::file::folder::Folder;
    use crate::journal::file::recover;
    use crate::model::StoreId;

    #[test]
    fn retired_catalog_changes_nothing_in_the_directory() {
        let name = format!("mainspring-retired-{}", std::process::id());
        let disk: Arc<dyn Disk> =
            Arc::new(Folder::new(std::env::temp_dir().join(name).join("deep")));
        disk.create_folder().unwrap();
        let manifest = recover::empty(StoreId::random(), SyncPolicy::Always);
        manifest.write(&*disk).unwrap();
        let snapshot = SnapshotInfo { revision: 0, bytes: 1, prev: None };
        let catalog = Catalog::new(Arc::clone(&disk), manifest.clone(), 0, Arc::default());
        catalog.retire();
        assert!(catalog.install(snapshot, 0).is_err());
        assert!(
            catalog
                .unless_retired::<()>(|| panic!("must not run after the catalog was retired"))
                .is_err()
        );
        assert_eq!(Manifest::read(&*disk).unwrap(), manifest);
        std::fs::remove_dir_all(disk.path().parent().unwrap()).unwrap();
    }
}
