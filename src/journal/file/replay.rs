//! Replay: reads the newest intact snapshot of a journal, then every later change. It writes nothing.

use serde::de::DeserializeOwned;

use super::disk::Disk;
use super::error::FileError;
use super::line::Sum;
use super::lines::SHORT_READ;
use super::manifest::{Manifest, SnapshotInfo};
use super::scan::{Damage, Expected, Scan, ScanError, scan};
use super::segment::{Mark, SegmentInfo, unknown_format};
use super::{snapshot, unlisted_files};
use crate::journal::Recovered;
use crate::journal::codec::Decoder;

/// Progress of an operation, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes that were read.
    pub done: u64,
    /// Bytes to read in total.
    pub total: u64,
}

/// The end of the log that a replay has found.
#[derive(Debug)]
pub(crate) struct Replayed {
    /// The newest revision.
    pub(crate) revision: u64,
    /// The offset of the end of the last append in the last segment.
    pub(crate) end: u64,
    /// The offset of the end of the last append of changes. Only close marks follow it.
    pub(crate) unmarked: u64,
    /// Whether the log ends with a close mark.
    pub(crate) closed: bool,
    /// The mark of the end of the log; `None` if the last segment is of format 1.
    pub(crate) mark: Option<Mark>,
    /// Damage behind the end, of data that was not known to be synced.
    pub(crate) damage: Option<Damage>,
}

/// Reads everything and passes it to `visit`, in order.
pub(crate) fn replay<T: DeserializeOwned>(
    disk: &dyn Disk,
    manifest: &Manifest,
    progress: &mut dyn FnMut(Progress),
    visit: &mut dyn FnMut(Recovered<T>) -> Result<(), FileError>,
) -> Result<Replayed, FileError> {
    let snapshot = newest_intact(disk, manifest)?;
    let base = snapshot.map_or(0, |snapshot| snapshot.revision);
    let needed =
        || manifest.segments.iter().filter(|segment| segment.end.is_none_or(|end| end > base));
    if needed().next().is_none_or(|first| first.base > base) {
        let why = format!("lists no segment that continues at revision {base}");
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
            visit(recovered)
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
                // Not with every change, because the callback may be slow.
                if change.revision % 1_024 == 0 {
                    progress(Progress { done: done + offset, total });
                }
                if change.revision > base { visit(Recovered::Change(change)) } else { Ok(()) }
            },
        )?;
        check_acknowledged(disk, segment, &scanned)?;
        chain.follow(disk, segment, &scanned)?;
        done += bytes.len() as u64;
        progress(Progress { done, total });
        last = Some(scanned);
    }
    let Some(scanned) = last else { unreachable!("at least one segment was checked above") };
    let mark = scanned.mark();
    let Scan { end, revision, unmarked, closed, damage, .. } = scanned;
    if revision < base {
        let why = format!(
            "lists a log that ends at revision {revision}, before its snapshot at revision {base}"
        );
        return Err(FileError::Manifest { path: disk.path(), why });
    }
    unlisted_files::check(disk, manifest, revision)?;
    Ok(Replayed { revision, end, unmarked, closed, mark, damage })
}

/// Verifies that the segments and the snapshot belong to one history: each segment must continue the chain of the
/// previous one, and the log must contain the append that the snapshot names. Files of format 1 have no chain: the
/// chain starts after them.
pub(crate) struct Chain {
    /// The revision of the snapshot, and the checksum of the append that contains it.
    snapshot: Option<(u64, Option<Sum>)>,
    last: Option<Sum>,
}

impl Chain {
    pub(crate) fn new(snapshot: Option<&SnapshotInfo>) -> Self {
        let snapshot = snapshot.map(|snapshot| (snapshot.revision, snapshot.prev));
        Self { snapshot, last: None }
    }

    /// The revision whose checksum a scan must look up.
    pub(crate) fn revision(&self) -> Option<u64> {
        self.snapshot.map(|(revision, _)| revision)
    }

    /// Continues with the next segment, which was scanned.
    pub(crate) fn follow(
        &mut self,
        disk: &dyn Disk,
        segment: &SegmentInfo,
        scanned: &Scan,
    ) -> Result<(), FileError> {
        let sums = self.snapshot.map(|(revision, sum)| (sum, scanned.sum_of(revision)));
        let what = if differ(self.last, scanned.first) {
            "the segment does not follow the one before it: files of different histories are mixed"
        } else if sums.is_some_and(|(sum, found)| differ(sum, found)) {
            "the segment does not belong to the snapshot: files of different histories are mixed"
        } else {
            self.last = scanned.last;
            return Ok(());
        };
        Err(FileError::Damaged { path: disk.path().join(segment.file()), offset: 0, what })
    }
}

/// Returns whether two checksums of the same append differ. A missing checksum, as in format 1, matches everything.
pub(crate) fn differ(one: Option<Sum>, other: Option<Sum>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// Returns the newest snapshot. If it is damaged, returns an older one, provided that the log since then is complete.
fn newest_intact<'a>(
    disk: &dyn Disk,
    manifest: &'a Manifest,
) -> Result<Option<&'a SnapshotInfo>, FileError> {
    let mut snapshots = manifest.snapshots.iter().rev().peekable();
    while let Some(snapshot) = snapshots.next() {
        check_format(disk, snapshot)?;
        let alternative = match snapshots.peek() {
            Some(older) => older.revision,
            None => 0,
        };
        if manifest.oldest() > alternative {
            // There is no alternative. If the snapshot is damaged, reading it will report that.
            return Ok(Some(snapshot));
        }
        match snapshot::verify(disk, snapshot) {
            Ok(()) => return Ok(Some(snapshot)),
            Err(error) => {
                tracing::warn!(%error, "the newest snapshot is damaged; starting from an older state");
            }
        }
    }
    Ok(None)
}

/// Rejects a snapshot of an unknown format. It is not damaged, so it must not be replaced by an older one. Other
/// problems are reported when the snapshot is read.
fn check_format(disk: &dyn Disk, snapshot: &SnapshotInfo) -> Result<(), FileError> {
    let start = disk.open(&snapshot.file()).and_then(|file| file.read_some(0, SHORT_READ));
    match start.ok().as_deref().and_then(unknown_format) {
        Some(format) => Err(FileError::Format { path: disk.path().join(snapshot.file()), format }),
        None => Ok(()),
    }
}

/// Reads a snapshot, if its format is known.
pub(crate) fn read_snapshot<T: DeserializeOwned>(
    disk: &dyn Disk,
    info: &SnapshotInfo,
    visit: impl FnMut(u64, Recovered<T>) -> Result<(), FileError>,
) -> Result<Option<Sum>, FileError> {
    check_format(disk, info)?;
    snapshot::read(disk, info, visit)
}

/// Reads every change in the intact appends of a segment.
pub(crate) fn read_segment<T: DeserializeOwned>(
    disk: &dyn Disk,
    segment: &SegmentInfo,
    bytes: &[u8],
    expected: Expected<'_>,
    mut visit: impl FnMut(u64, crate::model::Change<T>) -> Result<(), FileError>,
) -> Result<Scan, FileError> {
    let mut decoder = Decoder::default();
    let scanned = scan(bytes, segment, expected, |append| {
        for (offset, line) in append.lines.iter().filter(|(_, line)| !line.is_close()) {
            let changes = decoder.changes(line);
            for change in changes.map_err(|error| ScanError::Unreadable(*offset, error))? {
                visit(*offset, change).map_err(ScanError::Visit)?;
            }
        }
        Ok(())
    });
    scanned.map_err(|error| error.into_file_error(disk.path().join(segment.file())))
}

/// Verifies that everything acknowledged is intact in a segment. Only the last segment may have an incomplete end.
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

/// Verifies a segment that another one follows. It was synced completely, so it must be intact.
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
    disk.open(&segment.file()).map_err(FileError::io(disk.path().join(segment.file()), "open"))
}

fn cannot_read(
    disk: &dyn Disk,
    segment: &SegmentInfo,
) -> impl FnOnce(std::io::Error) -> FileError + use<> {
    FileError::io(disk.path().join(segment.file()), "read")
}
