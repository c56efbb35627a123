//! The manifest: the list of the files that belong to the journal, in one line of JSON. It is replaced atomically:
//! written under a temporary name, synced, then renamed.

use std::io;

use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::line::{Sum, seal, unseal};
use super::segment::{FORMAT, Mark, SegmentInfo, is_known_format};
use crate::model::StoreId;

/// The name of the file.
pub(crate) const MANIFEST: &str = "MANIFEST";

/// The name of a manifest until it is complete.
const TEMPORARY: &str = "MANIFEST.tmp";

/// The name of a snapshot until it is complete.
pub(crate) const SNAPSHOT_TEMPORARY: &str = "snapshot.tmp";

/// The name of a segment that replaces another one, until it is complete.
pub(crate) const SEGMENT_TEMPORARY: &str = "log.tmp";

/// Returns whether a file of this name is a temporary one.
pub(crate) fn is_temporary(name: &str) -> bool {
    [TEMPORARY, SNAPSHOT_TEMPORARY, SEGMENT_TEMPORARY].contains(&name)
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) format: u32,
    pub(crate) store: String,
    /// The sync policy. Under another one than `always`, a store that was not closed may have lost acknowledged
    /// changes.
    pub(crate) sync: String,
    /// Oldest first. A start uses the last one; the others are kept for `restore`.
    pub(crate) snapshots: Vec<SnapshotInfo>,
    /// Oldest first. Appends go to the last one.
    pub(crate) segments: Vec<SegmentInfo>,
    /// The last synced append of the last segment when the manifest was written; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) mark: Option<Mark>,
}

/// The description of a snapshot in the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotInfo {
    /// The revision of the store in the snapshot.
    pub(crate) revision: u64,
    pub(crate) bytes: u64,
    /// The checksum of the append that contains the revision; absent in format 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prev: Option<Sum>,
}

impl SnapshotInfo {
    /// Returns the name of the file.
    pub(crate) fn file(&self) -> String {
        format!("snapshot-{:020}.jsonl", self.revision)
    }
}

/// Returns whether a file of this name is a snapshot.
pub(crate) fn is_snapshot(name: &str) -> bool {
    name.strip_prefix("snapshot-").and_then(|rest| rest.strip_suffix(".jsonl")).is_some()
}

/// Error of reading a manifest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is damaged")]
    Damaged,
    #[error("it is of format {0}")]
    Format(u32),
    /// It is intact, and has members that are unknown to this version.
    #[error("{0}")]
    Unreadable(String),
}

impl Manifest {
    /// Creates the manifest of a journal with an optional snapshot and one segment without appends.
    pub(crate) fn new(
        store: StoreId,
        sync: String,
        snapshot: Option<SnapshotInfo>,
        segment: SegmentInfo,
    ) -> Self {
        let mark = Mark::of_empty(&segment);
        Self {
            format: FORMAT,
            store: store.to_string(),
            sync,
            snapshots: snapshot.into_iter().collect(),
            segments: vec![segment],
            mark,
        }
    }

    pub(crate) fn read(disk: &dyn Disk) -> Result<Self, ManifestError> {
        Self::parse(&disk.open(MANIFEST)?.read_all()?)
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let line = bytes.strip_suffix(b"\n").ok_or(ManifestError::Damaged)?;
        let mut object = unseal(line).ok_or(ManifestError::Damaged)?.to_vec();
        object.push(b'}');
        // The format first, because other versions may have other members.
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } =
            serde_json::from_slice(&object).map_err(|_| ManifestError::Damaged)?;
        if !is_known_format(format) {
            return Err(ManifestError::Format(format));
        }
        let manifest: Self = serde_json::from_slice(&object)
            .map_err(|error| ManifestError::Unreadable(error.to_string()))?;
        let has_order = manifest.segments.windows(2).all(|pair| pair[0].end == Some(pair[1].base))
            && manifest.snapshots.is_sorted_by_key(|snapshot| snapshot.revision);
        if manifest.segments.is_empty() || !has_order || manifest.store().is_none() {
            return Err(ManifestError::Damaged);
        }
        Ok(manifest)
    }

    pub(crate) fn write(&self, disk: &dyn Disk) -> io::Result<()> {
        self.prepare(disk)?;
        Self::commit(disk)
    }

    /// Writes the manifest under the temporary name. Until it is [committed](Self::commit), the old one is in effect.
    pub(crate) fn prepare(&self, disk: &dyn Disk) -> io::Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.pop(); // the brace, which `seal` appends again
        seal(&mut line, 0);
        let file = disk.create(TEMPORARY)?;
        file.set_length(0)?;
        file.write_all_at(&line, 0)?;
        file.sync()
    }

    /// Replaces the manifest by the prepared one.
    pub(crate) fn commit(disk: &dyn Disk) -> io::Result<()> {
        disk.rename(TEMPORARY, MANIFEST)?;
        disk.sync_folder()
    }

    pub(crate) fn store(&self) -> Option<StoreId> {
        u64::from_str_radix(&self.store, 16).ok().map(StoreId)
    }

    /// Returns the mark that a segment must contain.
    pub(crate) fn mark_of(&self, segment: &SegmentInfo) -> Option<&Mark> {
        let last = self.segments.last().is_some_and(|last| last.base == segment.base);
        self.mark.as_ref().filter(|_| last)
    }

    /// The revision of the newest snapshot, or 0 without one.
    pub(crate) fn base(&self) -> u64 {
        self.snapshots.last().map_or(0, |snapshot| snapshot.revision)
    }

    /// The oldest revision after which every change is in the log.
    pub(crate) fn oldest(&self) -> u64 {
        self.segments.first().map_or(0, |segment| segment.base)
    }

    /// Returns whether the manifest lists a file of this name.
    pub(crate) fn lists(&self, name: &str) -> bool {
        self.segments.iter().any(|segment| segment.file() == name)
            || self.snapshots.iter().any(|snapshot| snapshot.file() == name)
    }
}
