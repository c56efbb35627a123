//! A store as it was.

use std::ops::ControlFlow;
use std::path::Path;
use std::str::FromStr;

use serde::Serialize;

use super::load::Loaded;
use super::new::NewJournal;
use super::{Raw, disk, manifest, patiently};
use crate::journal::Recovered;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::line::{Codec, text_of, time_of};
use crate::journal::file::manifest::{Manifest, SnapshotInfo};
use crate::journal::file::replay::{Progress, check_complete, read_segment};
use crate::journal::file::segment::{Damage, SegmentInfo};
use crate::journal::file::snapshot;
use crate::{Change, Timestamp};

/// What to restore a store to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// As it was after the change of this revision, which is not inside a batch.
    Revision(u64),
    /// As it was at this time.
    Time(Timestamp),
}

/// A text that is no [`Target`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no place to go back to: it is a revision, or a time such as 2026-01-31T12:00:00Z"
)]
pub struct InvalidTarget(String);

/// A revision, or a time as RFC 3339.
impl FromStr for Target {
    type Err = InvalidTarget;

    fn from_str(text: &str) -> Result<Self, InvalidTarget> {
        match text.parse() {
            Ok(revision) => Ok(Self::Revision(revision)),
            Err(_) => time_of(text).map(Self::Time).map_err(|_| InvalidTarget(text.into())),
        }
    }
}

/// What [`restore`] has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Restored {
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
    to: Target,
    into: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, FileError> {
    let disk = disk(folder.as_ref());
    let loaded = patiently(|| {
        let manifest = manifest(&*disk)?;
        let place = Place::of(&*disk, &manifest, to)?;
        load(&*disk, &manifest, place, progress)
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
    Ok(Restored { revision, entries: loaded.count(), store })
}

/// Where that is.
#[derive(Clone, Copy)]
struct Place {
    revision: u64,
    /// The log does not reach back to this time, and what is before it has to be no newer.
    not_after: Option<Timestamp>,
}

impl Place {
    fn of(disk: &dyn Disk, manifest: &Manifest, to: Target) -> Result<Self, FileError> {
        let time = match to {
            Target::Revision(revision) => return Ok(Self { revision, not_after: None }),
            Target::Time(time) => time,
        };
        // A removal leaves no trace in a snapshot, so only the log can tell.
        for segment in manifest.segments.iter().rev() {
            let mut revision = None;
            let tell = |_, change: Change<Raw>| {
                if change.at <= time {
                    revision = Some(change.revision);
                }
                Ok(())
            };
            read_segment(disk, segment, &read(disk, segment)?, tell, &mut Codec::default())?;
            if let Some(revision) = revision {
                return Ok(Self { revision, not_after: None });
            }
        }
        Ok(Self { revision: manifest.oldest(), not_after: Some(time) })
    }
}

fn read(disk: &dyn Disk, segment: &SegmentInfo) -> Result<Vec<u8>, FileError> {
    let io = FileError::io(disk.path().join(segment.file()), "read it");
    disk.open(&segment.file()).and_then(|file| file.read_all()).map_err(io)
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
    if let Some(snapshot) = start {
        let mut count = 0_u64;
        snapshot::read(disk, snapshot, |offset, recovered| {
            count += 1;
            if count.is_multiple_of(1_024) {
                progress(Progress { done: offset, total: snapshot.bytes });
            }
            loaded.take(recovered);
            Ok(())
        })?;
    }
    let base = loaded.revision();
    let needed =
        |segment: &&SegmentInfo| segment.base < to && segment.end.is_none_or(|end| end > base);
    let needed: Vec<_> = manifest.segments.iter().filter(needed).collect();
    for (n, segment) in needed.iter().enumerate() {
        progress(Progress { done: n as u64, total: needed.len() as u64 });
        let mut is_inside = false;
        let tell = |_, change: Change<Raw>| {
            if change.revision > base && change.revision <= to {
                is_inside = change.continues;
                loaded.take(Recovered::Change(change));
            }
            Ok(())
        };
        let bytes = read(disk, segment)?;
        let scanned = read_segment(disk, segment, &bytes, tell, &mut Codec::default())?;
        if is_inside {
            return Err(FileError::Impossible(format!(
                "revision {to} is inside a batch: restore to one that is not"
            )));
        }
        // What is damaged after that does not matter.
        if loaded.revision() == to {
            break;
        }
        if segment.end.is_some() {
            check_complete(disk, segment, &scanned)?;
        } else if let Some(damage) = scanned.damage.filter(Damage::is_final) {
            return Err(FileError::damaged(disk.path().join(segment.file()), &damage));
        }
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
            disk.path().display()
        )));
    };
    let mut loaded = Loaded::new();
    snapshot::read(disk, snapshot, |_, recovered| {
        loaded.take(recovered);
        Ok(())
    })?;
    Ok(FileError::Impossible(format!(
        "{}: that is too far back: the oldest possible is revision {}, of {}",
        disk.path().display(),
        snapshot.revision,
        text_of(loaded.last())
    )))
}
