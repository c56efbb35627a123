//! Files of a journal that the manifest does not list.
//!
//! A crash leaves some: what was compacted away, a segment that was begun and has no appends, a snapshot that was about
//! to be listed. Anything else shows that the manifest is older than the files beside it: it was put back, or copied at
//! another moment. Going on from it would lose what it does not know.

use std::io;

use super::disk::Disk;
use super::error::FileError;
use super::manifest::{Manifest, SnapshotInfo, is_snapshot};
use super::segment::is_segment;

/// Refuse a manifest that is older than the files beside it. `revision` is the newest that the listed files have.
pub(crate) fn check(disk: &dyn Disk, manifest: &Manifest, revision: u64) -> Result<(), FileError> {
    let path = disk.path();
    match newer(disk, manifest, revision).map_err(FileError::io(path.clone(), "read it"))? {
        None => Ok(()),
        Some(name) => {
            let why = format!("is older than {name}, which it does not list");
            Err(FileError::Manifest { path, why })
        }
    }
}

/// A file that has changes which the listed ones have not.
fn newer(disk: &dyn Disk, manifest: &Manifest, revision: u64) -> io::Result<Option<String>> {
    for name in disk.names()? {
        if manifest.lists(&name) {
            continue;
        }
        let is_newer = if is_segment(&name) {
            number_of(&name).is_none_or(|base| base >= manifest.oldest())
                && has_appends(disk, &name)?
        } else {
            is_snapshot(&name) && number_of(&name).is_none_or(|of| of > revision)
        };
        if is_newer {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// The revision in the name of a segment or a snapshot.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let name = name.strip_suffix(".jsonl")?;
    name.strip_prefix("log-").or_else(|| name.strip_prefix("snapshot-"))?.parse().ok()
}

/// Whether a segment has more than a header.
pub(crate) fn has_appends(disk: &dyn Disk, name: &str) -> io::Result<bool> {
    let bytes = disk.open(name)?.read_all()?;
    Ok(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() > 1)
}

/// The snapshots among these files.
pub(crate) fn snapshots(names: &[String]) -> Vec<SnapshotInfo> {
    let names = names.iter().filter(|name| is_snapshot(name));
    let revisions = names.filter_map(|name| number_of(name));
    revisions.map(|revision| SnapshotInfo { revision, bytes: 0, prev: None }).collect()
}
