//! Opening a folder to write: take the lock, read everything, and put right what a crash has left.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::SyncPolicy;
use super::catalog::Catalog;
use super::disk::{Disk, DiskFile, LOCK};
use super::error::FileError;
use super::line::Sum;
use super::log::{Log, Writing, begin};
use super::manifest::{
    MANIFEST, Manifest, ManifestError, SEGMENT_TEMPORARY, is_snapshot, is_temporary,
};
use super::replay::{Progress, Replayed, replay};
use super::segment::{FORMAT, Mark, SegmentInfo, is_segment};
use super::shortage::is_shortage;
use super::unlisted;
use crate::journal::{Meter, Recovered};
use crate::model::StoreId;

/// A journal that is open: whoever holds it may write.
pub(crate) struct Opened {
    pub(crate) log: Log,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) store: StoreId,
    pub(crate) _lock: Lock,
}

/// Open a journal, or begin one. Answers it, after everything that it holds was told.
pub(crate) fn recover<T: DeserializeOwned>(
    disk: &Arc<dyn Disk>,
    held: Option<Lock>,
    (sync, segment_bytes): (SyncPolicy, u64),
    meter: &Arc<Meter>,
    progress: &mut dyn FnMut(Progress),
    tell: &mut dyn FnMut(Recovered<T>) -> Result<(), FileError>,
) -> Result<Opened, FileError> {
    let path = disk.path();
    let lock = match held {
        Some(lock) => lock,
        None => create_and_lock(&**disk)?,
    };
    let (mut manifest, is_new) = match manifest(&**disk)? {
        Some(manifest) => (manifest, false),
        None => {
            refuse_data_to_import(&path)?;
            (empty(StoreId::random(), sync), true)
        }
    };
    let replayed = if is_new {
        Replayed { revision: 0, end: 0, unmarked: 0, closed: true, mark: None, damage: None }
    } else {
        replay(&**disk, &manifest, progress, tell)?
    };
    let mut segment = last_of(&manifest);
    let mut file = open_to_write(&**disk, &segment)?;
    if let Some(damage) = &replayed.damage {
        let aside = put_aside(&**disk, &segment, damage.start)?;
        tracing::warn!(
            file = %path.join(segment.file()).display(), offset = damage.offset, what = damage.what, aside,
            sync = manifest.sync,
            "the end of the log was not known to be synced and is not complete: it is cut off"
        );
    }
    // A mark must not outlive changes that were acknowledged after it and lost.
    let mut end = if sync == SyncPolicy::Always { replayed.end } else { replayed.unmarked };
    end = begin(&*file, &segment, end)
        .map_err(FileError::io(path.join(segment.file()), "write to it"))?;
    let was = manifest.clone();
    let may_have_lost = !replayed.closed && manifest.sync != SyncPolicy::Always.to_string();
    if may_have_lost {
        // Revisions that subscribers know may be other changes from here on.
        let store = StoreId::random();
        tracing::warn!(old = manifest.store, new = %store, "the store was not closed: it has a new id");
        manifest.store = store.to_string();
    }
    manifest.mark = replayed.mark.or_else(|| Mark::of_empty(&segment));
    if segment.prev.is_none() {
        (segment, end) = upgrade(&**disk, &mut manifest, replayed.revision, end)?;
        file = open_to_write(&**disk, &segment)?;
    }
    let last = manifest.mark;
    manifest.sync = sync.to_string();
    disk.sync_folder().map_err(FileError::io(path.clone(), "sync it"))?;
    if is_new || was != manifest {
        let written = manifest.write(&**disk);
        let only_mark = !is_new && was == Manifest { mark: was.mark, ..manifest.clone() };
        match written {
            // The old mark holds too, and a journal with no room for another can still be read.
            Err(error) if only_mark && is_shortage(&error) => {
                tracing::warn!(%error, "the manifest could not be written, and will be later");
                manifest = was;
            }
            written => written.map_err(FileError::io(path.join(MANIFEST), "write it"))?,
        }
    }
    remove_leftovers(&**disk, &manifest);
    let (Some(store), Some(last)) = (manifest.store(), last) else {
        unreachable!("a manifest that was read or made has an id, and one of this format a mark");
    };
    let catalog = Arc::new(Catalog::new(Arc::clone(disk), manifest, end, Arc::clone(meter)));
    for file in catalog.tolerated() {
        tracing::warn!(
            file = %path.join(file).display(),
            "it is missing or shortened, and no start needs it: subscribers and `restore` cannot go back beyond it"
        );
    }
    let writing = Writing { sync, segment_bytes, store };
    let meter = Arc::clone(meter);
    let log = Log::new(Arc::clone(&catalog), meter, writing, (segment, file), end, last);
    Ok(Opened { log, catalog, store, _lock: lock })
}

/// The manifest of a journal in which nothing has happened.
pub(crate) fn empty(store: StoreId, sync: SyncPolicy) -> Manifest {
    let segment = SegmentInfo::new(0, store, Sum::of_store(store));
    Manifest::new(store, sync.to_string(), None, segment)
}

fn last_of(manifest: &Manifest) -> SegmentInfo {
    match manifest.segments.last() {
        Some(segment) => segment.clone(),
        None => unreachable!("a manifest lists a segment"),
    }
}

/// Go on in a segment of this format: the log so far is of format 1, which is not written any more. From the manifest
/// on, versions that know only format 1 refuse the directory.
fn upgrade(
    disk: &dyn Disk,
    manifest: &mut Manifest,
    revision: u64,
    end: u64,
) -> Result<(SegmentInfo, u64), FileError> {
    let Some(store) = manifest.store() else {
        unreachable!("a manifest that was read has an id");
    };
    let next = SegmentInfo::new(revision, store, Sum::of_store(store));
    let path = disk.path().join(next.file());
    let begun = disk
        .create(SEGMENT_TEMPORARY)
        .and_then(|file| begin(&*file, &next, 0))
        .and_then(|end| disk.rename(SEGMENT_TEMPORARY, &next.file()).map(|()| end))
        .map_err(FileError::io(path, "begin it"))?;
    tracing::info!(from = manifest.format, to = FORMAT, "the journal is written in a new format");
    manifest.format = FORMAT;
    match manifest.segments.last_mut() {
        Some(last) if last.base < revision => {
            (last.end, last.bytes) = (Some(revision), Some(end));
        }
        // It has no appends, and the new one has taken its place.
        _ => drop(manifest.segments.pop()),
    }
    manifest.mark = Mark::of_empty(&next);
    manifest.segments.push(next.clone());
    Ok((next, begun))
}

/// The lock of a folder, until it is dropped.
pub(crate) type Lock = Box<dyn Send + Sync>;

/// Take the lock of a folder, which is created if it is not there.
pub(crate) fn create_and_lock(disk: &dyn Disk) -> Result<Lock, FileError> {
    disk.create_folder().map_err(FileError::io(disk.path(), "create it"))?;
    lock(disk)
}

/// Take the lock of a folder.
pub(crate) fn lock(disk: &dyn Disk) -> Result<Lock, FileError> {
    let path = disk.path();
    disk.lock().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => FileError::Locked { path, holder: error.to_string() },
        _ => FileError::io(path.join(LOCK), "lock it")(error),
    })
}

/// Open the segment that is written to, and lock it: where a directory cannot be locked and `LOCK` was removed,
/// another process may be writing to it.
pub(crate) fn open_to_write(
    disk: &dyn Disk,
    segment: &SegmentInfo,
) -> Result<Arc<dyn DiskFile>, FileError> {
    let path = disk.path();
    let file = disk
        .create(&segment.file())
        .map_err(FileError::io(path.join(segment.file()), "open it"))?;
    match file.lock() {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(FileError::Locked { path, holder: "another process has it open".into() })
        }
        Err(error) => Err(FileError::io(path.join(segment.file()), "lock it")(error)),
    }
}

/// The manifest; `None` if there is no journal yet.
pub(crate) fn manifest(disk: &dyn Disk) -> Result<Option<Manifest>, FileError> {
    let path = disk.path();
    match Manifest::read(disk) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(ManifestError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            if holds_anything(disk).map_err(FileError::io(path.clone(), "read it"))? {
                return Err(FileError::Manifest { path, why: "is missing".into() });
            }
            Ok(None)
        }
        Err(ManifestError::Io(error)) => Err(FileError::io(path.join(MANIFEST), "read it")(error)),
        // Neither is damage: there is nothing to repair.
        Err(ManifestError::Format(format)) => {
            Err(FileError::Format { path: path.join(MANIFEST), format })
        }
        Err(ManifestError::Unreadable(why)) => {
            Err(FileError::Unreadable { path: path.join(MANIFEST), offset: 0, why })
        }
        Err(error) => Err(FileError::Manifest { path, why: format!("cannot be read: {error}") }),
    }
}

/// Where the Go programs that this store replaces keep their data: a log of commands, and a snapshot.
const TO_IMPORT: [&str; 2] = ["test_db.log", "file.tmp"];

/// A new journal beside such data would serve an empty store in its place. An import into this folder does not come
/// by here, and leaves a journal.
fn refuse_data_to_import(folder: &Path) -> Result<(), FileError> {
    match TO_IMPORT.into_iter().find(|file| folder.join(file).is_file()) {
        Some(file) => Err(FileError::NotImported { path: folder.to_owned(), file }),
        None => Ok(()),
    }
}

/// Whether there is a snapshot or an append in the folder: a start that was cut short leaves neither.
fn holds_anything(disk: &dyn Disk) -> io::Result<bool> {
    for name in disk.names()? {
        if is_snapshot(&name) {
            return Ok(true);
        }
        if is_segment(&name) && unlisted::has_appends(disk, &name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Keep what is about to be cut off in a file of its own. Answers its name, unless there is nothing to keep.
pub(crate) fn put_aside(
    disk: &dyn Disk,
    segment: &SegmentInfo,
    start: u64,
) -> Result<Option<String>, FileError> {
    let path = disk.path().join(segment.file());
    let aside = || -> io::Result<Option<String>> {
        let file = disk.open(&segment.file())?;
        let mut cut = file.read_some(start, usize::MAX)?;
        let text = cut.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 2);
        cut.truncate(text);
        if cut.iter().all(|byte| matches!(byte, b'\n' | 0)) {
            return Ok(None);
        }
        // Another one was perhaps cut off at the same place before.
        let names = disk.names()?;
        let plain = format!("{}.cut-{start}", segment.file());
        let mut others = (2..).map(|n| format!("{plain}.{n}"));
        let mut name = plain.clone();
        while names.contains(&name) {
            if disk.open(&name)?.read_all()? == cut {
                return Ok(Some(name));
            }
            name = others.next().unwrap_or_default();
        }
        let file = disk.create(&name)?;
        let written = file.write_all_at(&cut, 0).and_then(|()| file.sync());
        if let Err(error) = written.and_then(|()| disk.sync_folder()) {
            // It takes room that there is not.
            let _ = disk.remove(&name);
            return Err(error);
        }
        Ok(Some(name))
    };
    aside().map_err(FileError::io(path, "put aside the end of it"))
}

/// Remove what a crash has left half done.
fn remove_leftovers(disk: &dyn Disk, manifest: &Manifest) {
    for name in disk.names().unwrap_or_default() {
        let ours = is_segment(&name) || is_snapshot(&name) || is_temporary(&name);
        if ours && !manifest.lists(&name) {
            tracing::debug!(name, "removed what the manifest does not list");
            let _ = disk.remove(&name);
        }
    }
}
