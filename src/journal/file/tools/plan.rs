//! [`RepairPlan`]: the longest intact prefix of the changes in a damaged directory, and the steps that keep it.

use std::fmt;

use serde::Serialize;

use super::Raw;
use super::inventory::{Inspected, Inventory, Segment};
use crate::journal::Recovered;
use crate::journal::file::SyncPolicy;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::line::Sum;
use crate::journal::file::manifest::{Manifest, SnapshotInfo};
use crate::journal::file::replay::{differ, read_segment, read_snapshot};
use crate::journal::file::scan::Expected;
use crate::journal::file::segment::{FORMAT, Mark, SegmentInfo};
use crate::model::{Change, StoreId};

/// A step of a repair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RepairStep {
    /// Cut off the end of a segment, and save it in a separate file.
    Cut {
        /// The file.
        file: String,
        /// The offset at which it is cut off.
        offset: u64,
    },
    /// Restore the damaged header of a segment. Its content is known.
    Header {
        /// The file.
        file: String,
    },
    /// Remove a file from the journal. The backup contains it.
    Drop {
        /// The file.
        file: String,
    },
    /// Write everything that is kept as a snapshot. A step of a salvage.
    Snapshot {
        /// The file.
        file: String,
    },
    /// Create an empty segment, because no intact one continues after the kept changes.
    Begin {
        /// The file.
        file: String,
    },
    /// Write a manifest that lists the kept files, with a new store id, because revisions that subscribers have seen
    /// may be assigned to other changes.
    Manifest {
        /// The snapshots and segments.
        files: Vec<String>,
    },
}

impl fmt::Display for RepairStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { file, offset } => {
                write!(f, "cut {file} at byte {offset}, and save the rest in {file}.cut-{offset}")
            }
            Self::Header { file } => write!(f, "restore the header of {file}"),
            Self::Drop { file } => write!(f, "remove {file} from the journal"),
            Self::Snapshot { file } => write!(f, "write everything that is kept to {file}"),
            Self::Begin { file } => write!(f, "create an empty {file}"),
            Self::Manifest { files } => {
                write!(f, "write a MANIFEST with a new store id, which lists {}", files.join(", "))
            }
        }
    }
}

/// What a repair keeps, and its steps.
pub(super) struct RepairPlan {
    pub(super) manifest: Manifest,
    /// The last segment, and the offset up to which it is intact.
    pub(super) last: SegmentInfo,
    pub(super) end: u64,
    /// The segments whose header must be restored.
    pub(super) headers: Vec<SegmentInfo>,
    /// The newest revision that is kept.
    pub(super) revision: u64,
    pub(super) steps: Vec<RepairStep>,
}

impl RepairPlan {
    /// Returns the plan that keeps the longest prefix of the changes, or `None` if nothing can be kept.
    pub(super) fn longest_prefix(inventory: &Inventory) -> Option<Self> {
        let best = prefixes(inventory)
            .max_by_key(|prefix| (prefix.revision, prefix.start.map(|start| start.revision)));
        best.map(|prefix| Self::from_prefix(&prefix, inventory))
    }

    fn from_prefix(prefix: &Prefix<'_>, inventory: &Inventory) -> Self {
        let store = StoreId::random();
        let mut steps = Vec::new();
        let damaged = prefix.segments.iter().filter(|found| found.info.needs_header);
        let headers: Vec<_> = damaged.map(|found| found.info.info.clone()).collect();
        steps.extend(headers.iter().map(|info| RepairStep::Header { file: info.file() }));
        let mut segments: Vec<_> =
            prefix.segments.iter().map(|found| found.info.info.clone()).collect();
        let (last, end, mark) = match (prefix.segments.last(), segments.last_mut()) {
            (Some(found), Some(last)) => {
                (last.end, last.bytes) = (None, None);
                if !found.info.is_intact {
                    steps
                        .push(RepairStep::Cut { file: found.name.clone(), offset: found.info.end });
                }
                (last.clone(), found.info.end, mark_of(&found.info))
            }
            _ => {
                let prev = prefix.start.and_then(|start| start.prev);
                let prev = prev.unwrap_or_else(|| Sum::of_store(store));
                let segment = SegmentInfo::new(prefix.revision, store, prev);
                steps.push(RepairStep::Begin { file: segment.file() });
                segments.push(segment.clone());
                let mark = Mark::of_empty(&segment);
                (segment, 0, mark)
            }
        };
        let bytes = |info: &SegmentInfo| {
            let is_same = |found: &&Inspected<Segment>| found.info.info.base == info.base;
            inventory.segments.iter().find(is_same).map(|found| found.bytes)
        };
        for segment in segments.iter_mut().filter(|segment| segment.end.is_some()) {
            segment.bytes = segment.bytes.or_else(|| bytes(segment));
        }
        let old = inventory.manifest.as_ref();
        let manifest = Manifest {
            format: FORMAT,
            store: store.to_string(),
            sync: old.map_or_else(|| SyncPolicy::Always.to_string(), |old| old.sync.clone()),
            snapshots: prefix.start.cloned().into_iter().collect(),
            segments,
            mark,
        };
        steps.extend(last_steps(inventory, &manifest));
        Self { manifest, last, end, headers, revision: prefix.revision, steps }
    }
}

impl RepairPlan {
    /// Reads the kept files, as the next start will.
    pub(super) fn load(
        &self,
        disk: &dyn Disk,
        mut visit: impl FnMut(Recovered<Raw>),
    ) -> Result<(), FileError> {
        let base = self.manifest.base();
        if let Some(snapshot) = self.manifest.snapshots.last() {
            read_snapshot(disk, snapshot, |_, recovered| {
                visit(recovered);
                Ok(())
            })?;
        }
        let needed = |info: &&SegmentInfo| info.end.is_none_or(|end| end > base);
        for info in self.manifest.segments.iter().filter(needed) {
            let mut bytes = match disk.open(&info.file()).and_then(|file| file.read_all()) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    return Err(FileError::io(disk.path().join(info.file()), "read")(error));
                }
            };
            let header = info.header();
            if self.headers.iter().any(|damaged| damaged.base == info.base)
                && let Some(start) = bytes.get_mut(..header.len())
            {
                start.copy_from_slice(&header);
            }
            if info.end.is_none() {
                bytes.truncate(usize::try_from(self.end).unwrap_or(usize::MAX));
            }
            let visit_change = |_, change: Change<Raw>| {
                if change.revision > base {
                    visit(Recovered::Change(change));
                }
                Ok(())
            };
            read_segment(disk, info, &bytes, Expected::default(), visit_change)?;
        }
        Ok(())
    }
}

/// Returns the steps that remove files and write the new manifest.
pub(super) fn last_steps(inventory: &Inventory, manifest: &Manifest) -> Vec<RepairStep> {
    let names = inventory.snapshots.iter().map(|found| &found.name);
    let names = names.chain(inventory.segments.iter().map(|found| &found.name));
    let dropped = names.filter(|name| !manifest.lists(name));
    let mut steps: Vec<_> = dropped.map(|name| RepairStep::Drop { file: name.clone() }).collect();
    let kept = manifest.snapshots.iter().map(SnapshotInfo::file);
    let kept = kept.chain(manifest.segments.iter().map(SegmentInfo::file));
    steps.push(RepairStep::Manifest { files: kept.collect() });
    steps
}

fn mark_of(segment: &Segment) -> Option<Mark> {
    Some(Mark { revision: segment.revision, offset: segment.unmarked, sum: segment.last? })
}

/// A snapshot, or the beginning of the log, and the segments that continue it, all of one history.
struct Prefix<'a> {
    start: Option<&'a SnapshotInfo>,
    segments: &'a [Inspected<Segment>],
    revision: u64,
}

/// Returns the prefixes that start at the beginning of the log and at every intact snapshot.
fn prefixes(inventory: &Inventory) -> impl Iterator<Item = Prefix<'_>> {
    let intact = inventory.snapshots.iter().filter(|found| found.problem.is_none());
    let starts = intact.map(|found| Some(&found.info));
    let begins = |found: &Inspected<Segment>| found.info.info.base == 0 && found.info.end > 0;
    let has_beginning = inventory.segments.iter().any(begins);
    let starts = starts.chain(has_beginning.then_some(None));
    starts.map(|start| prefix_from(inventory, start))
}

fn prefix_from<'a>(inventory: &'a Inventory, start: Option<&'a SnapshotInfo>) -> Prefix<'a> {
    let base = start.map_or(0, |snapshot| snapshot.revision);
    let all = &inventory.segments[..];
    let continues = |found: &Inspected<Segment>| {
        let sum = start.and_then(|start| start.prev);
        found.info.end > 0 && found.info.revision >= base && !differ(sum, found.info.sum_of(base))
    };
    let first = all.iter().rposition(|found| found.info.info.base <= base);
    let Some(first) = first.filter(|first| continues(&all[*first])) else {
        return Prefix { start, segments: &[], revision: base };
    };
    let next_continues = |n: usize| {
        let Segment { is_intact, revision, last, .. } = all[n].info;
        is_intact
            && all.get(n + 1).is_some_and(|next| {
                next.info.end > 0
                    && next.info.info.base == revision
                    && !differ(last, next.info.first)
            })
    };
    let mut end = first;
    while next_continues(end) {
        end += 1;
    }
    // Older segments are kept as history for subscribers, as far as they are intact.
    let mut from = first;
    while from > 0 && next_continues(from - 1) {
        from -= 1;
    }
    Prefix { start, segments: &all[from..=end], revision: all[end].info.revision }
}

/// Removes the files that are no longer part of the journal. Otherwise a start would reject the manifest as older than
/// they are.
pub(super) fn drop_files(disk: &dyn Disk, steps: &[RepairStep]) -> Result<(), FileError> {
    for step in steps {
        if let RepairStep::Drop { file } = step {
            match disk.remove(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(FileError::io(disk.path().join(file), "remove")(error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}
