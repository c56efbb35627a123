//! A store as it was.

use std::ops::ControlFlow;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use super::check::bytes_in;
use super::load::Loaded;
use super::new::NewJournal;
use super::{Raw, disk, manifest, patiently};
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

/// What to restore a store to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreTarget {
    /// As it was after the change of this revision, which is not inside a batch.
    Revision(u64),
    /// As it was at this time.
    Time(Timestamp),
}

/// A text that is no [`RestoreTarget`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no place to go back to: it is a revision, or a time such as 2026-01-31T12:00:00Z"
)]
pub struct InvalidRestoreTarget(String);

/// A revision, or a time as RFC 3339.
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

/// What [`restore`] has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestoreReport {
    /// The revision of the new store: it goes on from there.
    pub revision: u64,
    /// How many entries it has.
    pub entries: u64,
    /// Its id, which is a new one.
    pub store: String,
}

/// Make a journal, in a new folder, of what a store was at a revision or a time.
///
/// Changes nothing in the old folder, and works beside a running store. It reaches as far back as the
/// snapshots and the log do: see [`FileJournal::history_bytes`](crate::journal::FileJournal::history_bytes).
///
/// # Errors
///
/// If that is too far back, in which case the oldest possible is told, or still to come; or if the new folder has a
/// journal already.
pub fn restore(
    folder: impl AsRef<Path>,
    to: RestoreTarget,
    into: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<RestoreReport, FileError> {
    let disk = disk(folder.as_ref());
    let loaded = patiently(|| {
        let manifest = manifest(&*disk)?;
        match to {
            RestoreTarget::Revision(revision) => {
                let place = Place { revision, not_after: None };
                load(&*disk, &manifest, place, progress)
            }
            // The log is read twice: to find the place, and up to there.
            RestoreTarget::Time(time) => {
                let once = bytes_in(&*disk);
                let mut report = |done: u64| {
                    progress(Progress { done: done.min(2 * once), total: 2 * once });
                };
                let place = Place::at(&*disk, &manifest, time, &mut report)?;
                load(&*disk, &manifest, place, &mut |now| report(once + now.done))
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

/// Where that is.
#[derive(Clone, Copy)]
struct Place {
    revision: u64,
    /// The log does not reach back to this time, and what is before it has to be no newer.
    not_after: Option<Timestamp>,
}

impl Place {
    /// The newest change that is no newer than this.
    fn at(
        disk: &dyn Disk,
        manifest: &Manifest,
        time: Timestamp,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, FileError> {
        // Damage hides changes, among which may be the one that is looked for, unless one before it is newer.
        let mut hidden = Ok(());
        let mut done = 0;
        // A removal leaves no trace in a snapshot, so only the log can tell.
        for segment in manifest.segments.iter().rev() {
            let (mut revision, mut goes_beyond) = (None, false);
            let tell = |_, change: Change<Raw>| {
                if change.at <= time {
                    revision = Some(change.revision);
                } else {
                    goes_beyond = true;
                }
                Ok(())
            };
            let bytes = read(disk, segment)?;
            let expected = Expected { mark: manifest.mark_of(segment), revisions: &[] };
            let scanned = read_segment(disk, segment, &bytes, expected, tell)?;
            done += bytes.len() as u64;
            progress(done);
            if goes_beyond {
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

/// The store as it was.
fn load(
    disk: &dyn Disk,
    manifest: &Manifest,
    to: Place,
    progress: &mut dyn FnMut(Progress),
) -> Result<Loaded, FileError> {
    let oldest = manifest.oldest();
    // From nothing, if the log reaches back to the beginning, or from a snapshot that it goes on from.
    let nothing = (oldest == 0).then_some(None);
    let snapshots = manifest.snapshots.iter().filter(|snapshot| snapshot.revision >= oldest);
    let starts = nothing.into_iter().chain(snapshots.map(Some));
    let mut first_error = None;
    for start in starts.rev() {
        if start.is_some_and(|snapshot| snapshot.revision > to.revision) {
            continue;
        }
        match load_from(disk, manifest, start, to.revision, progress) {
            Ok(loaded) if to.not_after.is_some_and(|time| loaded.last() > time) => break,
            Ok(loaded) => return Ok(loaded),
            // Perhaps another snapshot is not damaged.
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

/// Begin with a snapshot, and go on up to a revision.
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
            loaded.take(recovered);
            Ok(())
        })?;
    }
    let mut done = of_snapshot;
    let mut chain = Chain::new(start);
    for segment in needed {
        let mut is_inside = false;
        let tell = |_, change: Change<Raw>| {
            if change.revision > base && change.revision <= to {
                is_inside = change.continues;
                loaded.take(Recovered::Change(change));
            }
            Ok(())
        };
        let bytes = read(disk, segment)?;
        let base = chain.revision();
        let expected = Expected { mark: manifest.mark_of(segment), revisions: base.as_slice() };
        let scanned = read_segment(disk, segment, &bytes, expected, tell)?;
        if is_inside {
            return Err(FileError::Impossible(format!(
                "revision {to} is inside a batch: restore to one that is not"
            )));
        }
        chain.follow(disk, segment, &scanned)?;
        // What is damaged after that does not matter.
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
        "{}: revision {to} is still to come: the newest is {}",
        disk.path().display(),
        loaded.revision()
    )))
}

/// What to say, with the oldest that is possible.
fn too_old(disk: &dyn Disk, manifest: &Manifest, oldest: u64) -> Result<FileError, FileError> {
    let mut possible = manifest.snapshots.iter().filter(|snapshot| snapshot.revision >= oldest);
    let Some(snapshot) = possible.next() else {
        return Ok(FileError::Impossible(format!(
            "{}: there is nothing to start from: `mainspring journal check {}` tells why",
            disk.path().display(),
            Argument(&disk.path())
        )));
    };
    let mut loaded = Loaded::new();
    read_snapshot(disk, snapshot, |_, recovered| {
        loaded.take(recovered);
        Ok(())
    })?;
    Ok(FileError::Impossible(format!(
        "{}: that is too far back: the oldest possible is revision {}, of {}",
        disk.path().display(),
        snapshot.revision,
        format_time(loaded.last())
    )))
}
