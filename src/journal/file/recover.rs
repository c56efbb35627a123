//! Recovery: opening a directory for writing. It takes the lock, reads everything, and cleans up after a crash.
//!
//! The order of the steps matters, because a power cut can interrupt a recovery too. The incomplete end is copied to a
//! separate file before it is cut off; the end is synced before the manifest records it; and files that the manifest
//! does not list are removed last.

use std::io;
use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::SyncPolicy;
use super::catalog::Catalog;
use super::disk::{Disk, DiskFile, LOCK};
use super::error::FileError;
use super::io_error::is_transient;
use super::line::Sum;
use super::log::{Log, LogSettings, begin};
use super::manifest::{
    MANIFEST, Manifest, ManifestError, SEGMENT_TEMPORARY, is_snapshot, is_temporary,
};
use super::replay::{Progress, Replayed, replay};
use super::segment::{FORMAT, Mark, SegmentInfo, is_segment};
use super::unlisted_files;
use crate::journal::{Meter, Recovered};
use crate::model::StoreId;

/// A journal that is open for writing.
pub(crate) struct Opened {
    pub(crate) log: Log,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) store: StoreId,
    pub(crate) _lock: Lock,
}

/// Opens a journal, or creates one, and passes its content to `visit`.
pub(crate) fn recover<T: DeserializeOwned>(
    disk: &Arc<dyn Disk>,
    lock: Option<Lock>,
    (sync, segment_bytes): (SyncPolicy, u64),
    meter: &Arc<Meter>,
    progress: &mut dyn FnMut(Progress),
    visit: &mut dyn FnMut(Recovered<T>) -> Result<(), FileError>,
) -> Result<Opened, FileError> {
    let path = disk.path();
    let lock = match lock {
        Some(lock) => lock,
        None => create_and_lock(&**disk)?,
    };
    let (mut manifest, is_new) = match manifest(&**disk)? {
        Some(manifest) => (manifest, false),
        None => {
            reject_data_to_import(&path)?;
            (empty(StoreId::random(), sync), true)
        }
    };
    let replayed = if is_new {
        Replayed { revision: 0, end: 0, unmarked: 0, closed: true, mark: None, damage: None }
    } else {
        replay(&**disk, &manifest, progress, visit)?
    };
    let mut segment = last_of(&manifest);
    let mut file = open_to_write(&**disk, &segment)?;
    if let Some(damage) = &replayed.damage {
        let saved_as = save_cut(&**disk, &segment, damage.start)?;
        tracing::warn!(
            file = %path.join(segment.file()).display(), offset = damage.offset, what = damage.what, saved_as,
            sync = manifest.sync,
            "the end of the log is incomplete and was not known to be synced; it is cut off"
        );
    }
    // Without a sync per append, the close marks at the end are cut off: if later changes are acknowledged and lost,
    // the next start would find the old close mark and assume that nothing was lost.
    let mut end = if sync == SyncPolicy::Always { replayed.end } else { replayed.unmarked };
    end =
        begin(&*file, &segment, end).map_err(FileError::io(path.join(segment.file()), "write"))?;
    let old = manifest.clone();
    let may_have_lost = !replayed.closed && manifest.sync != SyncPolicy::Always.to_string();
    if may_have_lost {
        // Revisions that subscribers have seen may be assigned to other changes from here on.
        let store = StoreId::random();
        tracing::warn!(old = manifest.store, new = %store, "the store was not closed and gets a new id");
        manifest.store = store.to_string();
    }
    manifest.mark = replayed.mark.or_else(|| Mark::of_empty(&segment));
    if segment.prev.is_none() {
        (segment, end) = upgrade(&**disk, &mut manifest, replayed.revision, end)?;
        file = open_to_write(&**disk, &segment)?;
    }
    let last = manifest.mark;
    manifest.sync = sync.to_string();
    disk.sync_folder().map_err(FileError::io(path.clone(), "sync"))?;
    if is_new || old != manifest {
        let written = manifest.write(&**disk);
        let only_mark = !is_new && old == Manifest { mark: old.mark, ..manifest.clone() };
        match written {
            // The old mark is valid too, so a journal on a full disk can still be opened for reading.
            Err(error) if only_mark && is_transient(&error) => {
                tracing::warn!(%error, "cannot write the manifest; retrying later");
                manifest = old;
            }
            written => written.map_err(FileError::io(path.join(MANIFEST), "write"))?,
        }
    }
    remove_leftovers(&**disk, &manifest);
    let (Some(store), Some(last)) = (manifest.store(), last) else {
        unreachable!("a valid manifest has a store id, and one of format 2 has a mark");
    };
    let catalog = Arc::new(Catalog::new(Arc::clone(disk), manifest, end, Arc::clone(meter)));
    for file in catalog.incomplete_files() {
        tracing::warn!(
            file = %path.join(file).display(),
            "the file is missing or truncated; the start does not need it, but subscribers and `restore` cannot go back beyond it"
        );
    }
    let settings = LogSettings { sync, segment_bytes, store };
    let meter = Arc::clone(meter);
    let log = Log::new(Arc::clone(&catalog), meter, settings, (segment, file), end, last);
    Ok(Opened { log, catalog, store, _lock: lock })
}

/// Returns the manifest of a journal without changes.
pub(crate) fn empty(store: StoreId, sync: SyncPolicy) -> Manifest {
    let segment = SegmentInfo::new(0, store, Sum::of_store(store));
    Manifest::new(store, sync.to_string(), None, segment)
}

fn last_of(manifest: &Manifest) -> SegmentInfo {
    match manifest.segments.last() {
        Some(segment) => segment.clone(),
        None => unreachable!("a valid manifest lists a segment"),
    }
}

/// Continues a log of format 1 in a segment of format 2. Once the manifest is written, versions that know only format
/// 1 reject the directory.
fn upgrade(
    disk: &dyn Disk,
    manifest: &mut Manifest,
    revision: u64,
    end: u64,
) -> Result<(SegmentInfo, u64), FileError> {
    let Some(store) = manifest.store() else {
        unreachable!("a valid manifest has a store id");
    };
    let next = SegmentInfo::new(revision, store, Sum::of_store(store));
    let path = disk.path().join(next.file());
    let begun = disk
        .create(SEGMENT_TEMPORARY)
        .and_then(|file| begin(&*file, &next, 0))
        .and_then(|end| disk.rename(SEGMENT_TEMPORARY, &next.file()).map(|()| end))
        .map_err(FileError::io(path, "create"))?;
    tracing::info!(from = manifest.format, to = FORMAT, "upgrading the journal to a new format");
    manifest.format = FORMAT;
    match manifest.segments.last_mut() {
        Some(last) if last.base < revision => {
            (last.end, last.bytes) = (Some(revision), Some(end));
        }
        // The old segment has no appends, so its file was replaced by the new one.
        _ => drop(manifest.segments.pop()),
    }
    manifest.mark = Mark::of_empty(&next);
    manifest.segments.push(next.clone());
    Ok((next, begun))
}

/// The lock of a directory, held until it is dropped.
pub(crate) type Lock = Box<dyn Send + Sync>;

/// Takes the lock of a directory, which is created if it does not exist.
pub(crate) fn create_and_lock(disk: &dyn Disk) -> Result<Lock, FileError> {
    disk.create_folder().map_err(FileError::io(disk.path(), "create"))?;
    lock(disk)
}

/// Takes the lock of a directory.
pub(crate) fn lock(disk: &dyn Disk) -> Result<Lock, FileError> {
    let path = disk.path();
    disk.lock().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => FileError::Locked { path, holder: error.to_string() },
        _ => FileError::io(path.join(LOCK), "lock")(error),
    })
}

/// Opens the current segment and locks it. If the file system cannot lock a directory and `LOCK` was removed, this is
/// the only lock that keeps a second process out.
pub(crate) fn open_to_write(
    disk: &dyn Disk,
    segment: &SegmentInfo,
) -> Result<Arc<dyn DiskFile>, FileError> {
    let path = disk.path();
    let file =
        disk.create(&segment.file()).map_err(FileError::io(path.join(segment.file()), "open"))?;
    match file.lock() {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(FileError::Locked { path, holder: "another process has the journal open".into() })
        }
        Err(error) => Err(FileError::io(path.join(segment.file()), "lock")(error)),
    }
}

/// Reads the manifest. Returns `None` if there is no journal yet.
pub(crate) fn manifest(disk: &dyn Disk) -> Result<Option<Manifest>, FileError> {
    let path = disk.path();
    match Manifest::read(disk) {
        Ok(manifest) => Ok(Some(manifest)),
        Err(ManifestError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
            if has_journal_files(disk).map_err(FileError::io(path.clone(), "read"))? {
                return Err(FileError::Manifest { path, why: "is missing".into() });
            }
            Ok(None)
        }
        Err(ManifestError::Io(error)) => Err(FileError::io(path.join(MANIFEST), "read")(error)),
        // An unknown format or member is not damage, so `repair` is not suggested.
        Err(ManifestError::Format(format)) => {
            Err(FileError::Format { path: path.join(MANIFEST), format })
        }
        Err(ManifestError::Unreadable(why)) => {
            Err(FileError::Unreadable { path: path.join(MANIFEST), offset: 0, why })
        }
        Err(error) => Err(FileError::Manifest { path, why: format!("cannot be read: {error}") }),
    }
}

/// The files in which the earlier Go servers keep their data: a log of commands, and a snapshot.
const TO_IMPORT: [&str; 2] = ["test_db.log", "file.tmp"];

/// Rejects a directory with data of the earlier Go server and no journal, in which a new store would be empty. An
/// import into the directory does not call this, and creates a journal.
fn reject_data_to_import(folder: &Path) -> Result<(), FileError> {
    match TO_IMPORT.into_iter().find(|file| folder.join(file).is_file()) {
        Some(file) => Err(FileError::NotImported { path: folder.to_owned(), file }),
        None => Ok(()),
    }
}

/// Returns whether the directory contains a snapshot or an append. An interrupted first start leaves neither.
fn has_journal_files(disk: &dyn Disk) -> io::Result<bool> {
    for name in disk.names()? {
        if is_snapshot(&name) {
            return Ok(true);
        }
        if is_segment(&name) && unlisted_files::has_appends(disk, &name)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Saves the bytes that are about to be cut off in a separate file. Returns its name, or `None` if there is nothing to
/// save.
pub(crate) fn save_cut(
    disk: &dyn Disk,
    segment: &SegmentInfo,
    start: u64,
) -> Result<Option<String>, FileError> {
    let path = disk.path().join(segment.file());
    let save = || -> io::Result<Option<String>> {
        let file = disk.open(&segment.file())?;
        let mut cut = file.read_some(start, usize::MAX)?;
        let text = cut.iter().rposition(|byte| *byte != b'\n').map_or(0, |last| last + 2);
        cut.truncate(text);
        if cut.iter().all(|byte| matches!(byte, b'\n' | 0)) {
            return Ok(None);
        }
        // An earlier cut at the same offset may have used the name.
        let names = disk.names()?;
        let first_name = format!("{}.cut-{start}", segment.file());
        let mut more_names = (2..).map(|n| format!("{first_name}.{n}"));
        let mut name = first_name.clone();
        while names.contains(&name) {
            if disk.open(&name)?.read_all()? == cut {
                return Ok(Some(name));
            }
            name = more_names.next().unwrap_or_default();
        }
        let file = disk.create(&name)?;
        let written = file.write_all_at(&cut, 0).and_then(|()| file.sync());
        if let Err(error) = written.and_then(|()| disk.sync_folder()) {
            // Frees the space of the incomplete file.
            let _ = disk.remove(&name);
            return Err(error);
        }
        Ok(Some(name))
    };
    save().map_err(FileError::io(path, "save its incomplete end"))
}

/// Removes files that a crash has left incomplete or unlisted.
fn remove_leftovers(disk: &dyn Disk, manifest: &Manifest) {
    for name in disk.names().unwrap_or_default() {
        let ours = is_segment(&name) || is_snapshot(&name) || is_temporary(&name);
        if ours && !manifest.lists(&name) {
            tracing::debug!(name, "removing a file that the manifest does not list");
            let _ = disk.remove(&name);
        }
    }
}
