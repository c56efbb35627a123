//! What belongs to the journal now: shared by the thread that writes, compactions, and those who read older
//! changes.

mod ownership;

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;

pub(crate) use self::ownership::Unverified;
use crate::journal::Meter;
use crate::journal::file::SyncPolicy;
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::line::Sum;
use crate::journal::file::manifest::{Manifest, SnapshotInfo};
use crate::journal::file::scan::{Expected, ScanError, scan};
use crate::journal::file::segment::{Mark, SegmentInfo};
use crate::journal::file::shortage::is_shortage;

#[derive(Debug)]
pub(crate) struct Catalog {
    disk: Arc<dyn Disk>,
    /// As it is on the disk. Locked while it is replaced there.
    manifest: Mutex<Manifest>,
    /// The base of the last segment, and its last append that is synced.
    synced: Mutex<(u64, Option<Mark>)>,
    /// Where the appends of the last segment end.
    end: AtomicU64,
    /// The oldest revision after which every change is there: read by each subscription, without a lock.
    oldest: AtomicU64,
    retired: AtomicBool,
    /// Held while the log is synced. Whether that has failed: a sync after it proves nothing.
    sync_failed: Mutex<bool>,
    /// The file of the last segment, while it is written to: its lock ends with the log, and not with those who
    /// read older changes. Locked after the manifest where both are, and while it is verified: until then a
    /// compaction cannot remove it.
    segment: Mutex<Option<Weak<dyn DiskFile>>>,
    /// The file of the last segment is at least so long: set after it has grown, and locked while it is cut or looked
    /// at. Locked after the segment where both are.
    length: Mutex<u64>,
    /// The bytes of the complete segments after the newest snapshot, and of that snapshot: the owner asks after each
    /// append, and waits for no manifest.
    complete: AtomicU64,
    snapshot: AtomicU64,
    /// The listed files that were missing or shortened when the journal was opened: the start needed none of them.
    tolerated: Vec<String>,
    /// Why the directory is not this journal's any more.
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
            complete: AtomicU64::default(),
            snapshot: AtomicU64::default(),
            tolerated: Vec::new(),
            lost: OnceLock::new(),
            meter,
        };
        let manifest = catalog.manifest.lock();
        catalog.note(&manifest);
        let wrong = catalog.wrong_files(&manifest).unwrap_or_default();
        drop(manifest);
        catalog.tolerated = wrong.into_iter().map(|(name, _)| name).collect();
        catalog.count();
        catalog
    }

    /// What is asked for without waiting for the manifest, now that it has changed.
    fn note(&self, manifest: &Manifest) {
        self.oldest.store(manifest.oldest(), Ordering::Release);
        let base = manifest.base();
        let later =
            manifest.segments.iter().filter(|segment| segment.end.is_some_and(|end| end > base));
        let complete = later.filter_map(|segment| segment.bytes).sum();
        self.complete.store(complete, Ordering::Release);
        let snapshot = manifest.snapshots.last().map_or(0, |snapshot| snapshot.bytes);
        self.snapshot.store(snapshot, Ordering::Release);
    }

    /// The listed files that were missing or shortened when the journal was opened.
    pub(crate) fn tolerated(&self) -> &[String] {
        &self.tolerated
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// The segments, oldest first, and where the appends of the last one end.
    pub(crate) fn segments(&self) -> (Vec<SegmentInfo>, u64) {
        let manifest = self.manifest.lock();
        (manifest.segments.clone(), self.end.load(Ordering::Acquire))
    }

    pub(crate) fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Acquire)
    }

    pub(crate) fn set_end(&self, end: u64) {
        self.end.store(end, Ordering::Release);
        self.count();
    }

    /// The log of the last segment is synced up to there.
    pub(crate) fn set_synced(&self, base: u64, mark: Mark) {
        *self.synced.lock() = (base, Some(mark));
    }

    /// Whether there is anything for [`save_mark`](Self::save_mark) to do; no, while the manifest is being written.
    pub(crate) fn has_new_mark(&self) -> bool {
        let (_, mark) = *self.synced.lock();
        self.manifest.try_lock().is_some_and(|manifest| manifest.mark != mark)
    }

    /// Let the manifest say how much of the last segment is synced. Not done where appends wait for it: it takes a
    /// sync of its own.
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

    /// The checksum of the append that holds a revision; `None` if it is in a segment of format 1.
    ///
    /// Needs no descriptor if the revision is in the segment that is written to, or is the last before a segment.
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
            _ => Err(io::Error::other(format!("{} cannot be read back", info.file()))),
        }
    }

    /// The file that is written to, while it is open.
    fn segment(&self) -> Option<Arc<dyn DiskFile>> {
        self.segment.lock().as_ref().and_then(Weak::upgrade)
    }

    /// How much of the log a start would have to read, and how large the snapshot before it is.
    pub(crate) fn sizes(&self) -> (u64, u64) {
        let log = self.complete.load(Ordering::Acquire) + self.end.load(Ordering::Acquire);
        (log, self.snapshot.load(Ordering::Acquire))
    }

    /// The file that is written to from here on, and its length.
    pub(crate) fn set_segment(&self, file: &Arc<dyn DiskFile>, length: u64) {
        let mut segment = self.segment.lock();
        *segment = Some(Arc::downgrade(file));
        self.has_grown(length);
    }

    /// The file that is written to is so long now.
    pub(crate) fn has_grown(&self, length: u64) {
        *self.length.lock() = length;
    }

    /// Cut the file that is written to.
    pub(crate) fn cut(&self, file: &dyn DiskFile, length: u64) -> io::Result<()> {
        let mut known = self.length.lock();
        file.set_length(length)?;
        *known = length;
        Ok(())
    }

    /// The last segment is complete, and another one, with this file, goes on.
    ///
    /// # Errors
    ///
    /// With [`RotateError::Unchanged`] the manifest is as it was.
    pub(crate) fn rotate(
        &self,
        end: u64,
        bytes: u64,
        next: SegmentInfo,
        (file, length): (&Arc<dyn DiskFile>, u64),
    ) -> Result<(), RotateError> {
        self.verify().map_err(|error| match error {
            Unverified::Lost(_) => RotateError::Unknown(error.into_io()),
            Unverified::Unclear(_) => RotateError::Unchanged(error.into_io()),
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
            let is_shortage = is_shortage(&error);
            if is_shortage { RotateError::Unchanged(error) } else { RotateError::Unknown(error) }
        })?;
        Manifest::commit(&*self.disk).map_err(RotateError::Unknown)?;
        *manifest = new;
        self.note(&manifest);
        self.set_segment(file, length);
        *self.synced.lock() = synced;
        Ok(())
    }

    /// Sync the segment that is written to.
    pub(crate) fn sync(&self, file: &dyn DiskFile) -> io::Result<()> {
        let mut failed = self.sync_failed.lock();
        if *failed {
            return Err(io::Error::other("a sync of the log has failed before"));
        }
        let synced = file.sync();
        *failed = synced.is_err();
        synced
    }

    pub(crate) fn has_sync_failed(&self) -> bool {
        // Does not wait for one that is under way.
        self.sync_failed.try_lock().is_some_and(|failed| *failed)
    }

    /// The folder may have another owner from here on: nothing in it is renamed, removed or listed any more.
    pub(crate) fn retire(&self) {
        // Whatever is being done there now is done by then.
        let _manifest = self.manifest.lock();
        // Nor is a file kept open by a verification.
        *self.segment.lock() = None;
        self.retired.store(true, Ordering::Release);
    }

    /// Do something to the names in the folder, unless it has [another owner](Self::retire).
    pub(crate) fn unless_retired<R>(&self, act: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
        let _manifest = self.manifest.lock();
        self.check_retired()?;
        act()
    }

    fn check_retired(&self) -> io::Result<()> {
        if self.retired.load(Ordering::Acquire) {
            return Err(io::Error::other("the journal was closed meanwhile"));
        }
        Ok(())
    }

    /// Before a snapshot counts, the log has to be as safe up to there: it would end before the snapshot
    /// otherwise, after a power cut.
    pub(crate) fn sync_before_snapshot(&self) -> io::Result<()> {
        if self.manifest.lock().sync == SyncPolicy::Always.to_string() {
            return Ok(());
        }
        match self.segment() {
            // What is written to was synced up to where it began.
            Some(file) => self.sync(&*file),
            None => Err(io::Error::other("the journal was closed meanwhile")),
        }
    }

    /// A snapshot is complete: it counts from here on, and what it replaces goes, but for so many bytes of
    /// older log.
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
        // What is of format 1 is not kept: it is written anew, as the snapshot.
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
        // Of what is older, a snapshot is of use only if the log goes on from it.
        let older: Vec<_> = std::mem::take(&mut new.snapshots).into_iter().rev().collect();
        for snapshot in older {
            let is_kept = snapshot.prev.is_some() && snapshot.revision >= oldest;
            if is_kept && spend(&mut budget, snapshot.bytes) {
                new.snapshots.insert(0, snapshot);
            }
        }
        let file = snapshot.file();
        new.snapshots.push(snapshot);
        let (of, mark) = *self.synced.lock();
        if new.segments.last().is_some_and(|last| last.base == of) {
            new.mark = mark;
        }
        if let Err(error) = new.prepare(&*self.disk) {
            // It takes room, perhaps the last.
            if !manifest.lists(&file) {
                let _ = self.disk.remove(&file);
            }
            return Err(error);
        }
        Manifest::commit(&*self.disk)?;
        let old = std::mem::replace(&mut *manifest, new);
        self.note(&manifest);
        let names = old.segments.iter().map(SegmentInfo::file);
        let names = names.chain(old.snapshots.iter().map(SnapshotInfo::file));
        let gone: Vec<_> = names.filter(|name| !manifest.lists(name)).collect();
        // Appends need not wait for that.
        drop(manifest);
        for name in gone {
            if let Err(error) = self.disk.remove(&name) {
                // The next start removes it.
                tracing::warn!(name, %error, "what was compacted away could not be removed");
            }
        }
        self.count();
        Ok(())
    }

    /// Let `stats` see how much there is.
    fn count(&self) {
        if let Some(manifest) = self.manifest.try_lock() {
            let segments: u64 = manifest.segments.iter().filter_map(|segment| segment.bytes).sum();
            let snapshots: u64 = manifest.snapshots.iter().map(|snapshot| snapshot.bytes).sum();
            self.meter.set_bytes(segments + snapshots + self.end.load(Ordering::Acquire));
        }
    }
}

/// Why the log does not go on in another segment.
#[derive(Debug)]
pub(crate) enum RotateError {
    /// It goes on in the one that it was in.
    Unchanged(io::Error),
    /// What a start would find is not known.
    Unknown(io::Error),
}

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
    fn what_is_retired_changes_nothing_in_the_folder() {
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
            catalog.unless_retired::<()>(|| panic!("another owner has the directory")).is_err()
        );
        assert_eq!(Manifest::read(&*disk).unwrap(), manifest);
        std::fs::remove_dir_all(disk.path().parent().unwrap()).unwrap();
    }
}
