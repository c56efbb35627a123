//! [`Inventory`]: the files of a directory and their condition.

use std::io;

use serde::Serialize;

use super::Raw;
use super::damaged_header::with_header;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::{FileError, unknown_format};
use crate::journal::file::line::{Line, Sum, unseal};
use crate::journal::file::manifest::{MANIFEST, Manifest, SnapshotInfo};
use crate::journal::file::replay::{check_complete, read_segment, read_snapshot};
use crate::journal::file::scan::{Expected, Scan};
use crate::journal::file::segment::{
    SegmentInfo, is_segment, read_header, unknown_format as format_of,
};
use crate::journal::file::{recover, unlisted_files};
use crate::model::{Change, StoreId};

/// A problem of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// The kind of the problem; `harm` in JSON.
    #[serde(rename = "harm")]
    pub kind: ProblemKind,
    /// The offset in the file at which it was detected.
    pub offset: u64,
    /// What is wrong at that offset.
    pub what: String,
}

/// The kind of a [`Problem`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProblemKind {
    /// The last append is incomplete, and was not known to be synced. A start cuts it off.
    Torn,
    /// Acknowledged data is damaged or missing.
    Damaged,
    /// The data is intact, but this version cannot decode it.
    Unreadable,
}

impl Problem {
    pub(super) fn from_error(error: FileError) -> Result<Self, FileError> {
        let damaged = |offset, what| Self { kind: ProblemKind::Damaged, offset, what };
        Ok(match error {
            FileError::Damaged { offset, what, .. } => damaged(offset, what.into()),
            FileError::Unreadable { offset, why, .. } => {
                Self { kind: ProblemKind::Unreadable, offset, what: why }
            }
            FileError::Format { format, .. } => {
                Self { kind: ProblemKind::Unreadable, offset: 0, what: unknown_format(format) }
            }
            FileError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                damaged(0, "the file is missing".into())
            }
            FileError::Manifest { why, .. } => damaged(0, format!("the MANIFEST {why}")),
            other => return Err(other),
        })
    }
}

/// A file of the directory, with its description and condition.
pub(super) struct Inspected<I> {
    pub(super) info: I,
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) problem: Option<Problem>,
}

impl<I> Inspected<I> {
    fn problem(&self) -> Option<(&str, &Problem)> {
        self.problem.as_ref().map(|problem| (&*self.name, problem))
    }
}

/// The content of a segment.
pub(super) struct Segment {
    pub(super) info: SegmentInfo,
    /// The offset up to which the segment is intact, and the newest revision before it.
    pub(super) end: u64,
    pub(super) revision: u64,
    /// The end of the appends of changes before that offset.
    pub(super) unmarked: u64,
    /// The checksum that the first append follows, and that of the last intact one.
    pub(super) first: Option<Sum>,
    pub(super) last: Option<Sum>,
    /// The checksums of the appends that contain the revisions of snapshots.
    sums: Vec<(u64, Option<Sum>)>,
    /// The newest revision in any intact line, also behind damage.
    pub(super) seen: u64,
    /// Whether the header is damaged. The appends behind it were read as if it were intact.
    pub(super) needs_header: bool,
    /// Whether everything except the header is intact.
    pub(super) is_intact: bool,
}

impl Segment {
    /// Returns the checksum of the append that contains the revision of a snapshot, if it is in this segment.
    pub(super) fn sum_of(&self, revision: u64) -> Option<Sum> {
        self.sums.iter().find(|(other, _)| *other == revision).and_then(|(_, sum)| *sum)
    }

    /// A segment that cannot be read.
    fn unread(info: SegmentInfo) -> Self {
        Self {
            end: 0,
            revision: info.base,
            unmarked: 0,
            first: None,
            last: None,
            sums: Vec::new(),
            seen: info.base,
            needs_header: false,
            is_intact: false,
            info,
        }
    }
}

pub(super) struct Inventory {
    pub(super) manifest: Option<Manifest>,
    /// What is wrong with the manifest.
    pub(super) problem: Option<Problem>,
    /// Oldest first.
    pub(super) snapshots: Vec<Inspected<SnapshotInfo>>,
    /// Oldest first.
    pub(super) segments: Vec<Inspected<Segment>>,
    /// Names of files that do not belong to the journal.
    pub(super) others: Vec<String>,
}

/// Which files an inventory inspects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// The files that the manifest lists; all of them if it is missing or damaged.
    Listed,
    /// All snapshots and segments.
    All,
}

impl Inventory {
    pub(super) fn read(
        disk: &dyn Disk,
        scope: Scope,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Self, FileError> {
        let path = disk.path();
        if !path.is_dir() {
            return Err(FileError::Missing { path });
        }
        let (manifest, problem) = match recover::manifest(disk) {
            Ok(None) => return Err(FileError::Missing { path }),
            Ok(Some(manifest)) => (Some(manifest), None),
            Err(error) => (None, Some(Problem::from_error(error)?)),
        };
        let mut names = disk.names().map_err(FileError::io(path, "read"))?;
        names.sort_unstable();
        let (snapshots, segments) = match (&manifest, scope) {
            (Some(manifest), Scope::Listed) => {
                (manifest.snapshots.clone(), manifest.segments.clone())
            }
            (Some(manifest), Scope::All) => with_unlisted(disk, manifest, &names)?,
            (None, _) => {
                (unlisted_files::snapshots(&names), segments_of(disk, &names, Vec::new())?)
            }
        };
        let revisions: Vec<_> = snapshots.iter().map(|snapshot| snapshot.revision).collect();
        let mut inventory = Self {
            manifest,
            problem,
            snapshots: Vec::new(),
            segments: Vec::new(),
            others: Vec::new(),
        };
        for info in snapshots {
            let found = inspect_snapshot(disk, info)?;
            progress(found.bytes);
            inventory.snapshots.push(found);
        }
        let last = segments.len().saturating_sub(1);
        for (n, info) in segments.into_iter().enumerate() {
            let mark = inventory.manifest.as_ref().and_then(|manifest| manifest.mark_of(&info));
            let expected = Expected { mark, revisions: &revisions };
            let found = inspect_segment(disk, info, expected, n == last)?;
            progress(found.bytes);
            inventory.segments.push(found);
        }
        names.retain(|name| !inventory.contains(name) && ![MANIFEST, "LOCK"].contains(&&**name));
        inventory.others = names;
        Ok(inventory)
    }

    fn contains(&self, name: &str) -> bool {
        self.snapshots.iter().any(|found| found.name == name)
            || self.segments.iter().any(|found| found.name == name)
    }

    /// Returns every problem and the name of its file.
    pub(super) fn problems(&self) -> impl Iterator<Item = (&str, &Problem)> {
        let manifest = self.problem.iter().map(|problem| (MANIFEST, problem));
        manifest
            .chain(self.snapshots.iter().filter_map(Inspected::problem))
            .chain(self.segments.iter().filter_map(Inspected::problem))
    }

    /// The newest revision that the manifest or any intact line, also behind damage, mentions.
    pub(super) fn seen(&self) -> u64 {
        let lines = self.segments.iter().map(|found| found.info.seen);
        let snapshots = self.snapshots.iter().map(|found| found.info.revision);
        let ends = self.segments.iter().filter_map(|found| found.info.info.end);
        let mark = self.manifest.as_ref().and_then(|manifest| manifest.mark);
        let mark = mark.map(|mark| mark.revision);
        lines.chain(snapshots).chain(ends).chain(mark).max().unwrap_or(0)
    }
}

/// Returns the listed files and the unlisted ones.
fn with_unlisted(
    disk: &dyn Disk,
    manifest: &Manifest,
    names: &[String],
) -> Result<(Vec<SnapshotInfo>, Vec<SegmentInfo>), FileError> {
    let others: Vec<_> = names.iter().filter(|name| !manifest.lists(name)).cloned().collect();
    let mut snapshots = manifest.snapshots.clone();
    snapshots.extend(unlisted_files::snapshots(&others));
    snapshots.sort_by_key(|snapshot| snapshot.revision);
    Ok((snapshots, segments_of(disk, &others, manifest.segments.clone())?))
}

/// Adds the segments with these names to the known ones. A segment has its base in its name and in its header, which
/// may be damaged. A last segment without appends was left by an interrupted start.
fn segments_of(
    disk: &dyn Disk,
    names: &[String],
    mut segments: Vec<SegmentInfo>,
) -> Result<Vec<SegmentInfo>, FileError> {
    for name in names.iter().filter(|name| is_segment(name)) {
        let start = disk.open(name).and_then(|file| file.read_some(0, 4 << 10)).unwrap_or_default();
        let header = match read_header(&start) {
            Ok(header) => header.map(|(info, _)| info).filter(|info| info.file() == *name),
            // The error is reported when the segment is read.
            Err(_) => None,
        };
        let is_segment_file = header.is_some()
            || format_of(&start).is_some()
            || unlisted_files::has_appends(disk, name)
                .map_err(FileError::io(disk.path().join(name), "read"))?;
        if is_segment_file {
            segments.extend(header.or_else(|| info_from_name(name)));
        }
    }
    segments.sort_by_key(|info| info.base);
    for n in 1..segments.len() {
        segments[n - 1].end = segments[n - 1].end.or(Some(segments[n].base));
    }
    Ok(segments)
}

/// Describes a segment with a damaged header by its name. The store and the preceding checksum are unknown.
fn info_from_name(name: &str) -> Option<SegmentInfo> {
    let base = name.strip_prefix("log-")?.strip_suffix(".jsonl")?.parse().ok()?;
    let info = SegmentInfo { prev: None, ..SegmentInfo::new(base, StoreId(0), Sum::of(b"")) };
    (info.file() == name).then_some(info)
}

fn inspect_snapshot(
    disk: &dyn Disk,
    mut info: SnapshotInfo,
) -> Result<Inspected<SnapshotInfo>, FileError> {
    let name = info.file();
    let bytes = disk.open(&name).and_then(|file| file.length()).unwrap_or(0);
    info.bytes = bytes;
    let problem = match read_snapshot::<Raw>(disk, &info, |_, _| Ok(())) {
        Ok(prev) => {
            info.prev = prev;
            None
        }
        Err(error) => Some(Problem::from_error(error)?),
    };
    Ok(Inspected { info, name, bytes, problem })
}

fn inspect_segment(
    disk: &dyn Disk,
    info: SegmentInfo,
    expected: Expected<'_>,
    is_last: bool,
) -> Result<Inspected<Segment>, FileError> {
    let name = info.file();
    let bytes = match disk.open(&name).and_then(|file| file.read_all()) {
        Ok(bytes) => bytes,
        Err(error) => {
            let problem =
                Problem::from_error(FileError::io(disk.path().join(&name), "read")(error))?;
            let info = Segment::unread(info);
            return Ok(Inspected { info, name, bytes: 0, problem: Some(problem) });
        }
    };
    let length = bytes.len() as u64;
    let (mut segment, mut problem) = read_through(disk, info, &bytes, expected, is_last)?;
    let is_damaged = problem.as_ref().is_some_and(|problem| problem.kind == ProblemKind::Damaged);
    if is_damaged
        && segment.end == 0
        && let Some((info, bytes)) = with_header(&segment.info, bytes)
    {
        let behind = read_through(disk, info, &bytes, expected, is_last)?;
        segment = Segment { needs_header: true, ..behind.0 };
        problem = behind.1.filter(|problem| problem.kind == ProblemKind::Unreadable).or(problem);
    }
    Ok(Inspected { info: segment, name, bytes: length, problem })
}

/// Reads a segment. Returns its content and its problem, if there is one.
fn read_through(
    disk: &dyn Disk,
    info: SegmentInfo,
    bytes: &[u8],
    expected: Expected<'_>,
    is_last: bool,
) -> Result<(Segment, Option<Problem>), FileError> {
    let mut seen = info.base;
    let mut visit = |_, change: Change<Raw>| {
        seen = seen.max(change.revision);
        Ok(())
    };
    let scanned = read_segment(disk, &info, bytes, expected, &mut visit);
    let (mut segment, problem) = match scanned {
        Ok(scan) => {
            let problem = problem_of(disk, &info, &scan, is_last)?;
            let sums = expected
                .revisions
                .iter()
                .map(|revision| (*revision, scan.sum_of(*revision)))
                .collect();
            let segment = Segment {
                end: scan.end,
                revision: scan.revision,
                unmarked: scan.unmarked,
                first: scan.first,
                last: scan.last,
                sums,
                ..Segment::unread(info)
            };
            (segment, problem)
        }
        Err(error) => (Segment::unread(info), Some(Problem::from_error(error)?)),
    };
    let is_foreign =
        matches!(read_header(bytes), Ok(Some((header, _))) if !segment.info.has_header(&header));
    let damaged = problem.as_ref().filter(|problem| problem.kind == ProblemKind::Damaged);
    if let Some(problem) = damaged.filter(|_| !is_foreign) {
        seen = seen.max(newest_revision_behind(bytes, problem.offset as usize));
    }
    (segment.seen, segment.is_intact) = (seen, problem.is_none());
    Ok((segment, problem))
}

fn problem_of(
    disk: &dyn Disk,
    info: &SegmentInfo,
    scan: &Scan,
    is_last: bool,
) -> Result<Option<Problem>, FileError> {
    if is_last {
        return Ok(scan.damage.as_ref().map(|damage| Problem {
            kind: if damage.is_final() { ProblemKind::Damaged } else { ProblemKind::Torn },
            offset: damage.offset,
            what: damage.what.into(),
        }));
    }
    check_complete(disk, info, scan).err().map(Problem::from_error).transpose()
}

/// Returns the newest revision in an intact line from an offset on.
fn newest_revision_behind(bytes: &[u8], from: usize) -> u64 {
    let lines = bytes.get(from..).unwrap_or_default().split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| unseal(line).is_some());
    lines.filter_map(|line| Line::parse(line).ok()).map(|line| line.revision()).max().unwrap_or(0)
}
