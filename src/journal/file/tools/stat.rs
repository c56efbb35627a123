//! Statistics of a journal, without reading all of it.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::{disk, manifest, retry_read};
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::line::{END, Line};
use crate::journal::file::lines::SHORT_READ;
use crate::journal::file::manifest::{MANIFEST, SnapshotInfo};
use crate::journal::file::scan::{Expected, ScanError, scan};

/// Report of [`stat`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StatReport {
    /// The directory.
    pub folder: PathBuf,
    /// The version of the format.
    pub format: u32,
    /// The id of the store.
    pub store: String,
    /// The sync policy of the last start: `always`, `os` or a period.
    pub sync: String,
    /// The newest revision.
    pub revision: u64,
    /// The oldest revision after which every change is in the log.
    pub oldest: u64,
    /// Whether the store was closed. `false` while it is running, and after it was killed.
    pub closed: bool,
    /// The snapshots, oldest first.
    pub snapshots: Vec<SnapshotStat>,
    /// The segments, oldest first. Appends go to the last one.
    pub segments: Vec<SegmentStat>,
    /// Names of files with saved ends of the log.
    pub aside: Vec<String>,
    /// The size of all files that belong to the journal, in bytes.
    pub bytes: u64,
}

/// Statistics of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SnapshotStat {
    /// The name of the file.
    pub file: String,
    /// The revision of the store in the snapshot.
    pub revision: u64,
    /// The number of entry lines in the snapshot, without the changes that were made while it was written.
    pub entries: Option<usize>,
    /// The length of the file in bytes.
    pub bytes: u64,
}

/// Statistics of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentStat {
    /// The name of the file.
    pub file: String,
    /// The revision before the first one in the segment.
    pub base: u64,
    /// The newest revision in the segment.
    pub end: u64,
    /// The length in bytes, without preallocated newlines.
    pub bytes: u64,
}

/// Reports statistics of a journal. Fast, because only the newest segment is read.
///
/// It changes nothing, and works while a store is running.
///
/// # Errors
///
/// If there is no journal, or its manifest or its newest segment cannot be read.
pub fn stat(folder: impl AsRef<Path>) -> Result<StatReport, FileError> {
    let disk = disk(folder.as_ref());
    retry_read(|| stat_once(&*disk))
}

fn stat_once(disk: &dyn Disk) -> Result<StatReport, FileError> {
    let manifest = manifest(disk)?;
    let path = disk.path();
    let (mut segments, mut closed) = (Vec::new(), false);
    for info in &manifest.segments {
        let file = info.file();
        let (end, bytes) = match (info.end, info.bytes) {
            (Some(end), Some(bytes)) => (end, bytes),
            _ => {
                let io = FileError::io(path.join(&file), "read");
                let bytes = disk.open(&file).and_then(|file| file.read_all()).map_err(io)?;
                // Damage is ignored here; `check` reports it.
                match scan(&bytes, info, Expected::default(), |_| Ok::<_, ScanError<FileError>>(()))
                {
                    Ok(scan) => {
                        closed = scan.closed;
                        (scan.revision, scan.end)
                    }
                    Err(error) => return Err(error.into_file_error(path.join(&file))),
                }
            }
        };
        segments.push(SegmentStat { file, base: info.base, end, bytes });
    }
    let snapshots: Vec<_> =
        manifest.snapshots.iter().map(|info| snapshot_stat(disk, info)).collect();
    let mut aside = disk.names().map_err(FileError::io(path.clone(), "read"))?;
    aside.retain(|name| name.contains(".cut-"));
    aside.sort_unstable();
    let of_snapshots: u64 = snapshots.iter().map(|snapshot| snapshot.bytes).sum();
    let of_segments: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let of_manifest = disk.open(MANIFEST).and_then(|file| file.length()).unwrap_or(0);
    Ok(StatReport {
        folder: path,
        format: manifest.format,
        revision: segments.last().map_or(0, |segment| segment.end).max(manifest.base()),
        oldest: manifest.oldest(),
        closed,
        snapshots,
        segments,
        aside,
        bytes: of_snapshots + of_segments + of_manifest,
        store: manifest.store.clone(),
        sync: manifest.sync,
    })
}

/// Reads the number of entries from the last line of a snapshot.
fn snapshot_stat(disk: &dyn Disk, info: &SnapshotInfo) -> SnapshotStat {
    let SnapshotInfo { revision, bytes, .. } = *info;
    let from = bytes.saturating_sub(SHORT_READ as u64);
    let end = disk.open(&info.file()).and_then(|file| file.read_some(from, SHORT_READ)).ok();
    let entries = end.and_then(|end| {
        let text = end.strip_suffix(b"\n")?;
        let line = text.rsplit(|byte| *byte == b'\n').next()?;
        Line::parse(line).ok().filter(|line| line.name == END).map(|line| line.count)
    });
    SnapshotStat { file: info.file(), revision, entries, bytes }
}
