//! Restore of a store at an earlier revision or time.

use std::ops::ControlFlow;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use super::check::total_file_size;
use super::load::Loaded;
use super::new_journal::NewJournal;
use super::{Raw, disk, manifest, retry_read};
use crate::journal::Recovered;
use crate::journal::codec::{format_time, parse_time};
use crate::journal::file::disk::Disk;
use crate::journal::file::error::{Argument, FileError};
use crate::journal::file::manifest::{Manifest, SnapshotInfo};
use crate::journal::file::replay::{
    Chain, Progress, check_acknowledged, read_segment, read_snapshot,
};
use crate::journal::file::scan::Expected;
use crate::journal::file::segment::SegmentInfo;
use crate::model::{Change, Timestamp};

/// The state that [`restore`] recreates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreTarget {
    /// The state after the change of this revision, which must not be inside a batch.
    Revision(u64),
    /// The state at this time.
    Time(Timestamp),
}

/// Error of parsing a [`RestoreTarget`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid restore target {0:?}; expected a revision, or a time such as 2026-01-31T12:00:00Z"
)]
pub struct InvalidRestoreTarget(String);

/// Parses a revision, or a time in RFC 3339.
impl FromStr for RestoreTarget {
    type Err = InvalidRestoreTarget;

    fn from_str(text: &str) -> Result<Self, InvalidRestoreTarget> {
        match text.parse() {
            Ok(revision) => Ok(Self::Revision(revision)),
            Err(_) => {
                parse_time(text).map(Self::Time).map_err(|_| InvalidRestoreTarget(text.into()))
            }
        }
    }
}

/// Report of [`restore`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The revision at which the new store continues.
    pub revision: u64,
    /// The number of entries.
    pub entries: u64,
    /// The new id of the store.
    pub store: String,
}

/// Creates a journal in a new directory, with the content that a store had at a revision or a time.
///
/// It changes nothing in the old directory, and works while a store is running. It reaches as far back as the
/// snapshots and the log; see [`FileJournal::history_bytes`](crate::journal::FileJournal::history_bytes).
///
/// # Errors
///
/// If the target is too old (the message states the oldest possible one) or not reached yet, or if the new directory
/// contains a journal already.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let base = std::env::temp_dir().join(format!("mainspring-restore-{}", std::process::id()));
/// # let (old, new) = (base.join("old"), base.join("new"));
/// use mainspring::Store;
/// use mainspring::journal::FileJournal;
/// use mainspring::journal::file::tools::{RestoreTarget, restore};
///
/// let store = Store::<u32>::builder().journal(FileJournal::open(&old)).spawn();
/// let revision = store.set("k", 7).await?;
/// store.clear().await?; // a mistake
/// store.shutdown().await?;
///
/// let report = restore(&old, RestoreTarget::Revision(revision), &new, &mut |_| {})?;
/// assert_eq!((report.revision, report.entries), (1, 1));
/// # std::fs::remove_dir_all(&base)?;
/// # Ok(()) }
/// ```
pub fn restore(
    folder: impl AsRef<Path>,
    to: RestoreTarget,
    into: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<RestoreReport, FileError> {
    let disk = disk(folder.as_ref());
    let loaded = retry_read(|| {
        let manifest = manifest(&*disk)?;
        match to {
            RestoreTarget::Revision(revision) => {
                let point = RestorePoint { revision, not_after: None };
                load(&*disk, &manifest, point, progress)
            }
            // The log is read twice: to find the revision, and up to it.
            RestoreTarget::Time(time) => {
                let pass = total_file_size(&*disk);
                let mut report = |done: u64| {
                    progress(Progress { done: done.min(2 * pass), total: 2 * pass });
                };
                let point = RestorePoint::at(&*disk, &manifest, time, &mut report)?;
                load(&*disk, &manifest, point, &mut |now| report(pass + now.done))
            }
        }
    })?;
    let mut new = NewJournal::create(super::disk(into.as_ref()))?;
    let mut written = Ok(());
    loaded.each(Timestamp::from_nanos(0), |key, entry| {
        written = new.entry(key, entry);
        if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    written?;
    let revision = loaded.revision();
    let store = new.finish(revision)?.to_string();
    Ok(RestoreReport { revision, entries: loaded.count(), store })
}

/// The revision to restore.
#[derive(Clone, Copy)]
struct RestorePoint {
    revision: u64,
    /// Set if the log does not reach back to the requested time: then the snapshot before the log must not be newer
    /// than this time.
    not_after: Option<Timestamp>,
}

impl RestorePoint {
    /// Finds the newest change that is not newer than a time.
    fn at(
        disk: &dyn Disk,
        manifest: &Manifest,
        time: Timestamp,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, FileError> {
        // Damage may hide the requested change, unless an intact change before the damage is already newer than the
        // time.
        let mut hidden = Ok(());
        let mut done = 0;
        // Only the log is searched, because a removal leaves no trace in a snapshot.
        for segment in manifest.segments.iter().rev() {
            let (mut revision, mut has_newer) = (None, false);
            let visit = |_, change: Change<Raw>| {
                if change.at <= time {
                    revision = Some(change.revision);
                } else {
                    has_newer = true;
                }
                Ok(())
            };
            let bytes = read(disk, segment)?;
            let expected = Expected { mark: manifest.mark_of(segment), revisions: &[] };
            let scanned = read_segment(disk, segment, &bytes, expected, visit)?;
            done += bytes.len() as u64;
            progress(done);
            if has_newer {
                hidden = Ok(());
            } else if let Err(damage) = check_acknowledged(disk, segment, &scanned) {
                hidden = Err(damage);
            }
            if let Some(revision) = revision {
                return hidden.map(|()| Self { revision, not_after: None });
            }
        }
        hidden.map(|()| Self { revision: manifest.oldest(), not_after: Some(time) })
    }
}

fn read(disk: &dyn Disk, segment: &SegmentInfo) -> Result<Vec<u8>, FileError> {
    let io = FileError::io(disk.path().join(segment.file()), "read");
    disk.open(&segment.file()).and_then(|file| file.read_all()).map_err(io)
}

fn length_of(disk: &dyn Disk, segment: &SegmentInfo) -> Option<u64> {
    disk.open(&segment.file()).and_then(|file| file.length()).ok()
}

/// Loads the store at a restore point.
fn load(
    disk: &dyn Disk,
    manifest: &Manifest,
    to: RestorePoint,
    progress: &mut dyn FnMut(Progress),
) -> Result<Loaded, FileError> {
    let oldest = manifest.oldest();
    // Start from the beginning of the log, if it is still there, or from a snapshot that the log continues.
    let beginning = (oldest == 0).then_some(None);
    let snapshots = manifest.snapshots.iter().filter(|snapshot| snapshot.revision >= oldest);
    let starts = beginning.into_iter().chain(snapshots.map(Some));
    let mut first_error = None;
    for start in starts.rev() {
        if start.is_some_and(|snapshot| snapshot.revision > to.revision) {
            continue;
        }
        match load_from(disk, manifest, start, to.revision, progress) {
            Ok(loaded) if to.not_after.is_some_and(|time| loaded.last() > time) => break,
            Ok(loaded) => return Ok(loaded),
            // An older snapshot may be intact.
            Err(error @ (FileError::Damaged { .. } | FileError::Io { .. })) => {
                first_error.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(match first_error {
        Some(error) => error,
        None => too_old(disk, manifest, oldest)?,
    })
}

/// Loads a snapshot, or nothing, and applies the log up to a revision.
fn load_from(
    disk: &dyn Disk,
    manifest: &Manifest,
    start: Option<&SnapshotInfo>,
    to: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Loaded, FileError> {
    let mut loaded = Loaded::new();
    let base = start.map_or(0, |snapshot| snapshot.revision);
    let needed =
        |segment: &&SegmentInfo| segment.base < to && segment.end.is_none_or(|end| end > base);
    let needed: Vec<_> = manifest.segments.iter().filter(needed).collect();
    let of_snapshot = start.map_or(0, |snapshot| snapshot.bytes);
    let length = |segment: &&SegmentInfo| segment.bytes.or_else(|| length_of(disk, segment));
    let total = of_snapshot + needed.iter().filter_map(length).sum::<u64>();
    if let Some(snapshot) = start {
        let mut count = 0_u64;
        read_snapshot(disk, snapshot, |offset, recovered| {
            count += 1;
            if count.is_multiple_of(1_024) {
                progress(Progress { done: offset, total });
            }
            loaded.apply(recovered);
            Ok(())
        })?;
    }
    let mut done = of_snapshot;
    let mut chain = Chain::new(start);
    for segment in needed {
        let mut is_inside = false;
        let visit = |_, change: Change<Raw>| {
            if change.revision > base && change.revision <= to {
                is_inside = change.continues;
                loaded.apply(Recovered::Change(change));
            }
            Ok(())
        };
        let bytes = read(disk, segment)?;
        let base = chain.revision();
        let expected = Expected { mark: manifest.mark_of(segment), revisions: base.as_slice() };
        let scanned = read_segment(disk, segment, &bytes, expected, visit)?;
        if is_inside {
            return Err(FileError::Impossible(format!(
                "revision {to} is inside a batch; specify a revision that is not"
            )));
        }
        chain.follow(disk, segment, &scanned)?;
        // Damage after the requested revision does not matter.
        if loaded.revision() == to {
            break;
        }
        check_acknowledged(disk, segment, &scanned)?;
        done += bytes.len() as u64;
        progress(Progress { done: done.min(total), total });
    }
    if loaded.revision() == to {
        return Ok(loaded);
    }
    Err(FileError::Impossible(format!(
        "{}: revision {to} does not exist yet; the newest is {}",
        disk.path().display(),
        loaded.revision()
    )))
}

/// The error for a target that is too old, which states the oldest possible one.
fn too_old(disk: &dyn Disk, manifest: &Manifest, oldest: u64) -> Result<FileError, FileError> {
    let mut possible = manifest.snapshots.iter().filter(|snapshot| snapshot.revision >= oldest);
    let Some(snapshot) = possible.next() else {
        return Ok(FileError::Impossible(format!(
            "{}: no intact snapshot to start from; `mainspring journal check {}` shows the damage",
            disk.path().display(),
            Argument(&disk.path())
        )));
    };
    let mut loaded = Loaded::new();
    read_snapshot(disk, snapshot, |_, recovered| {
        loaded.apply(recovered);
        Ok(())
    })?;
    Ok(FileError::Impossible(format!(
        "{}: the requested state is too old; the oldest possible one is revision {}, of {}",
        disk.path().display(),
        snapshot.revision,
        format_time(loaded.last())
    )))
}
