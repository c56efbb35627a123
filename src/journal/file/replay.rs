//! Reading a journal from its start: the newest snapshot that is good, and every later change. Changes
//! nothing.

use serde::de::DeserializeOwned;

use super::disk::Disk;
use super::error::FileError;
use super::line::Sum;
use super::lines::LITTLE;
use super::manifest::{Manifest, SnapshotInfo};
use super::scan::{Damage, Expected, Scan, ScanError, scan};
use super::segment::{Mark, SegmentInfo, unknown_format};
use super::{snapshot, unlisted};
use crate::journal::Recovered;
use crate::journal::codec::Decoder;

/// How far reading has come, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that have been read.
    pub done: u64,
    /// Bytes that there are to read.
    pub total: u64,
}

/// Where the log ends.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The newest revision.
    pub(crate) revision: u64,
    /// Where the last append of the last segment ends.
    pub(crate) end: u64,
    /// The same without the marks behind it that say that it was closed.
    pub(crate) unmarked: u64,
    /// Whether it was closed there.
    pub(crate) closed: bool,
    /// The last append, unless the last segment is of format 1.
    pub(crate) mark: Option<Mark>,
    /// What is behind the end, and was not known to be synced.
    pub(crate) damage: Option<Damage>,
}

/// Read everything, in order.
pub(crate) fn replay<T: DeserializeOwned>(
    disk: &dyn Disk,
    manifest: &Manifest,
    progress: &mut dyn FnMut(Progress),
    tell: &mut dyn FnMut(Recovered<T>) -> Result<(), FileError>,
) -> Result<Replayed, FileError> {
    let snapshot = newest_good(disk, manifest)?;
    let base = snapshot.map_or(0, |snapshot| snapshot.revision);
    let needed =
        || manifest.segments.iter().filter(|segment| segment.end.is_none_or(|end| end > base));
    if needed().next().is_none_or(|first| first.base > base) {
        let why = format!("lists no segment that goes on from revision {base}");
        return Err(FileError::Manifest { path: disk.path(), why });
    }
    let mut total = snapshot.map_or(0, |snapshot| snapshot.bytes);
    for segment in needed() {
        total += match segment.bytes {
            Some(bytes) => bytes,
            None => open(disk, segment)?.length().map_err(cannot_read(disk, segment))?,
        };
    }
    let mut done = 0;
    if let Some(snapshot) = snapshot {
        let mut count = 0_u64;
        read_snapshot(disk, snapshot, |offset, recovered| {
            count += 1;
            if count.is_multiple_of(1_024) {
                progress(Progress { done: offset, total });
            }
            tell(recovered)
        })?;
        done = snapshot.bytes;
    }
    let mut chain = Chain::new(snapshot);
    let mut last = None;
    for segment in needed() {
        let bytes = open(disk, segment)?.read_all().map_err(cannot_read(disk, segment))?;
        let scanned = read_segment(
            disk,
            segment,
            &bytes,
            Expected { mark: manifest.mark_of(segment), revisions: chain.revision().as_slice() },
            |offset, change| {
                // Now and then.
                if change.revision % 1_024 == 0 {
                    progress(Progress { done: done + offset, total });
                }
                if change.revision > base { tell(Recovered::Change(change)) } else { Ok(()) }
            },
        )?;
        check_acknowledged(disk, segment, &scanned)?;
        chain.follow(disk, segment, &scanned)?;
        done += bytes.len() as u64;
        progress(Progress { done, total });
        last = Some(scanned);
    }
    let Some(scanned) = last else { unreachable!("there is at least one segment") };
    let mark = scanned.mark();
    let Scan { end, revision, unmarked, closed, damage, .. } = scanned;
    if revision < base {
        let why =
            format!("lists a log that ends at revision {revision}, before the snapshot at {base}");
        return Err(FileError::Manifest { path: disk.path(), why });
    }
    unlisted::check(disk, manifest, revision)?;
    Ok(Replayed { revision, end, unmarked, closed, mark, damage })
}

/// Holds the segments to one history: each continues the chain of the one before it, and the log that of the snapshot
/// that it goes on from. Files of format 1 have no chain; it begins anew after them.
pub(crate) struct Chain {
    /// The revision of the snapshot, and the checksum of the append that holds it.
    snapshot: Option<(u64, Option<Sum>)>,
    last: Option<Sum>,
}

impl Chain {
    pub(crate) fn new(snapshot: Option<&SnapshotInfo>) -> Self {
        let snapshot = snapshot.map(|snapshot| (snapshot.revision, snapshot.prev));
        Self { snapshot, last: None }
    }

    /// The revision of which a scan has to find the checksum.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.snapshot.map(|(revision, _)| revision)
    }

    /// Go on with a segment that was scanned.
    pub(crate) fn follow(
        &mut self,
        disk: &dyn Disk,
        segment: &SegmentInfo,
        scanned: &Scan,
    ) -> Result<(), FileError> {
        let of_snapshot = self.snapshot.map(|(revision, sum)| (sum, scanned.sum_of(revision)));
        let what = if differ(self.last, scanned.first) {
            "the segment does not follow the one before it: files of different histories are mixed"
        } else if of_snapshot.is_some_and(|(sum, found)| differ(sum, found)) {
            "the segment does not belong to the snapshot: files of different histories are mixed"
        } else {
            self.last = scanned.last;
            return Ok(());
        };
        Err(FileError::Damaged { path: disk.path().join(segment.file()), offset: 0, what })
    }
}

/// Whether two checksums of the same append are not the same. What is of format 1 has none.
pub(crate) fn differ(one: Option<Sum>, other: Option<Sum>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// The newest snapshot; the one before it if that is damaged and the log since then is still there.
fn newest_good<'a>(
    disk: &dyn Disk,
    manifest: &'a Manifest,
) -> Result<Option<&'a SnapshotInfo>, FileError> {
    let mut snapshots = manifest.snapshots.iter().rev().peekable();
    while let Some(snapshot) = snapshots.next() {
        check_format(disk, snapshot)?;
        let other = match snapshots.peek() {
            Some(older) => older.revision,
            None => 0,
        };
        if manifest.oldest() > other {
            // There is nothing else to start from: what is wrong with it shows when it is read.
            return Ok(Some(snapshot));
        }
        match snapshot::verify(disk, snapshot) {
            Ok(()) => return Ok(Some(snapshot)),
            Err(error) => tracing::warn!(%error, "starting from what was there before it"),
        }
    }
    Ok(None)
}

/// A snapshot of another format is not damaged, and is not to be passed over. What else is wrong shows when it
/// is read.
fn check_format(disk: &dyn Disk, snapshot: &SnapshotInfo) -> Result<(), FileError> {
    let start = disk.open(&snapshot.file()).and_then(|file| file.read_some(0, LITTLE));
    match start.ok().as_deref().and_then(unknown_format) {
        Some(format) => Err(FileError::Format { path: disk.path().join(snapshot.file()), format }),
        None => Ok(()),
    }
}

/// All of a snapshot, if it is of this format.
pub(crate) fn read_snapshot<T: DeserializeOwned>(
    disk: &dyn Disk,
    info: &SnapshotInfo,
    tell: impl FnMut(u64, Recovered<T>) -> Result<(), FileError>,
) -> Result<Option<Sum>, FileError> {
    check_format(disk, info)?;
    snapshot::read(disk, info, tell)
}

/// Every change of a segment that is whole.
pub(crate) fn read_segment<T: DeserializeOwned>(
    disk: &dyn Disk,
    segment: &SegmentInfo,
    bytes: &[u8],
    expected: Expected<'_>,
    mut tell: impl FnMut(u64, crate::model::Change<T>) -> Result<(), FileError>,
) -> Result<Scan, FileError> {
    let mut decoder = Decoder::default();
    let scanned = scan(bytes, segment, expected, |append| {
        for (offset, line) in append.lines.iter().filter(|(_, line)| !line.is_close()) {
            let changes = decoder.changes(line);
            for change in changes.map_err(|error| ScanError::Unreadable(*offset, error))? {
                tell(*offset, change).map_err(ScanError::Stopped)?;
            }
        }
        Ok(())
    });
    scanned.map_err(|error| error.of_file(disk.path().join(segment.file())))
}

/// What was acknowledged is all there: of the last segment, which may have a torn end, or of another one.
pub(crate) fn check_acknowledged(
    disk: &dyn Disk,
    segment: &SegmentInfo,
    scanned: &Scan,
) -> Result<(), FileError> {
    if segment.end.is_some() {
        return check_complete(disk, segment, scanned);
    }
    match scanned.damage.as_ref().filter(|damage| damage.is_final()) {
        Some(damage) => Err(FileError::damaged(disk.path().join(segment.file()), damage)),
        None => Ok(()),
    }
}

/// A segment that another one follows was synced as a whole.
pub(crate) fn check_complete(
    disk: &dyn Disk,
    segment: &SegmentInfo,
    scanned: &Scan,
) -> Result<(), FileError> {
    let path = disk.path().join(segment.file());
    if let Some(damage) = &scanned.damage {
        return Err(FileError::damaged(path, damage));
    }
    if Some(scanned.revision) != segment.end {
        let what = "the segment is shorter than it was";
        return Err(FileError::Damaged { path, offset: scanned.end, what });
    }
    Ok(())
}

fn open(
    disk: &dyn Disk,
    segment: &SegmentInfo,
) -> Result<std::sync::Arc<dyn super::disk::DiskFile>, FileError> {
    disk.open(&segment.file()).map_err(FileError::io(disk.path().join(segment.file()), "open it"))
}

fn cannot_read(
    disk: &dyn Disk,
    segment: &SegmentInfo,
) -> impl FnOnce(std::io::Error) -> FileError + use<> {
    FileError::io(disk.path().join(segment.file()), "read it")
}
