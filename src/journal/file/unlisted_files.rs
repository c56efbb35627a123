//! Detection of a manifest that is older than the files beside it.
//!
//! A crash leaves files that the manifest does not list: files that a compaction has replaced, a new segment without
//! appends, a snapshot that was about to be listed. Any other unlisted file shows that the manifest was restored from
//! an older copy, or copied at another moment than the files. Continuing from it would lose the changes in these
//! files.

use std::io;

use super::disk::Disk;
use super::error::FileError;
use super::manifest::{Manifest, SnapshotInfo, is_snapshot};
use super::segment::is_segment;

/// Rejects a manifest that is older than the files beside it. `revision` is the newest revision in the listed
/// files.
pub(crate) fn check(disk: &dyn Disk, manifest: &Manifest, revision: u64) -> Result<(), FileError> {
    let path = disk.path();
    match newer_file(disk, manifest, revision).map_err(FileError::io(path.clone(), "read"))? {
        None => Ok(()),
        Some(name) => {
            let why = format!("is older than {name}, which it does not list");
            Err(FileError::Manifest { path, why })
        }
    }
}

/// Returns the name of an unlisted file with changes that the listed files do not have.
fn newer_file(disk: &dyn Disk, manifest: &Manifest, revision: u64) -> io::Result<Option<String>> {
    for name in disk.names()? {
        if manifest.lists(&name) {
            continue;
        }
        let is_newer = if is_segment(&name) {
            revision_in(&name).is_none_or(|base| base >= manifest.oldest())
                && has_appends(disk, &name)?
        } else {
            is_snapshot(&name) && revision_in(&name).is_none_or(|newest| newest > revision)
        };
        if is_newer {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Parses the revision in the name of a segment or a snapshot.
pub(crate) fn revision_in(name: &str) -> Option<u64> {
    let name = name.strip_suffix(".jsonl")?;
    name.strip_prefix("log-").or_else(|| name.strip_prefix("snapshot-"))?.parse().ok()
}

/// Returns whether a segment has more than a header.
pub(crate) fn has_appends(disk: &dyn Disk, name: &str) -> io::Result<bool> {
    let bytes = disk.open(name)?.read_all()?;
    Ok(bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count() > 1)
}

/// Returns the snapshots among these files.
pub(crate) fn snapshots(names: &[String]) -> Vec<SnapshotInfo> {
    let names = names.iter().filter(|name| is_snapshot(name));
    let revisions = names.filter_map(|name| revision_in(name));
    revisions.map(|revision| SnapshotInfo { revision, bytes: 0, prev: None }).collect()
}
