//! What can be kept of a damaged folder, and what it takes.

use std::fmt;

use serde::Serialize;

use super::inventory::{Found, Harm, Inventory, Segment};
use crate::StoreId;
use crate::journal::file::Sync;
use crate::journal::file::error::FileError;
use crate::journal::file::manifest::{Manifest, SnapshotInfo};
use crate::journal::file::segment::{FORMAT, SegmentInfo};

/// One thing that a repair does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Step {
    /// Cut the end off a segment, and keep it in a file of its own.
    Cut {
        /// The file.
        file: String,
        /// From where on.
        offset: u64,
    },
    /// Write the header of a segment anew: it is damaged, and what it says is known.
    Header {
        /// The file.
        file: String,
    },
    /// Leave a file out of the journal. It is in the backup.
    Drop {
        /// The file.
        file: String,
    },
    /// Begin an empty segment, because no good one goes on from there.
    Begin {
        /// The file.
        file: String,
    },
    /// Write a manifest that lists what is kept, with a new store id, since revisions that were told of may
    /// become others.
    Manifest {
        /// The snapshots and segments.
        files: Vec<String>,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { file, offset } => {
                write!(f, "cut {file} at byte {offset}, and keep the rest in {file}.cut-{offset}")
            }
            Self::Header { file } => write!(f, "write the header of {file} anew"),
            Self::Drop { file } => write!(f, "drop {file}"),
            Self::Begin { file } => write!(f, "begin an empty {file}"),
            Self::Manifest { files } => {
                write!(f, "write a MANIFEST with a new store id, of {}", files.join(", "))
            }
        }
    }
}

/// What is kept.
pub(super) struct Plan {
    pub(super) manifest: Manifest,
    /// The last segment, and up to where it is good.
    pub(super) last: SegmentInfo,
    pub(super) end: u64,
    /// The segments that need a new header.
    pub(super) headers: Vec<SegmentInfo>,
    /// The newest revision that is kept, and the newest that anything tells of.
    pub(super) revision: u64,
    pub(super) seen: u64,
    pub(super) steps: Vec<Step>,
}

/// A place to begin, and the segments that go on from there.
struct Chain<'a> {
    start: Option<&'a SnapshotInfo>,
    segments: &'a [Found<Segment>],
    revision: u64,
}

impl Plan {
    /// The plan that keeps most; `None` if nothing is wrong but what a start puts right by itself.
    pub(super) fn make(inventory: &Inventory, folder: &str) -> Result<Option<Self>, FileError> {
        let mut problems = inventory.problems().peekable();
        if problems.peek().is_none() {
            return Ok(None);
        }
        let mut only_torn = true;
        for (file, problem) in problems {
            only_torn &= problem.harm == Harm::Torn;
            if problem.harm == Harm::Unreadable {
                return Err(FileError::Impossible(format!(
                    "{folder}/{file}: what is at byte {} is whole, and this version cannot read it ({}): \
                     nothing is repaired, use the version that wrote it",
                    problem.offset, problem.what
                )));
            }
        }
        if only_torn {
            return Ok(None);
        }
        let best = chains(inventory)
            .max_by_key(|chain| (chain.revision, chain.start.map(|snapshot| snapshot.revision)));
        let Some(chain) = best else {
            return Err(FileError::Impossible(format!(
                "{folder}: nothing can be kept: no snapshot is good, and the log does not reach back to the \
                 beginning: restore a backup"
            )));
        };
        Ok(Some(Self::of(&chain, inventory)))
    }

    fn of(chain: &Chain<'_>, inventory: &Inventory) -> Self {
        let store = StoreId::random();
        let mut steps = Vec::new();
        let damaged = chain.segments.iter().filter(|found| found.info.needs_header);
        let headers: Vec<_> = damaged.map(|found| found.info.info.clone()).collect();
        steps.extend(headers.iter().map(|info| Step::Header { file: info.file() }));
        let mut segments: Vec<_> =
            chain.segments.iter().map(|found| found.info.info.clone()).collect();
        let last = match (chain.segments.last(), segments.last_mut()) {
            (Some(found), Some(last)) => {
                (last.end, last.bytes) = (None, None);
                if !found.info.is_whole {
                    steps.push(Step::Cut { file: found.name.clone(), offset: found.info.end });
                }
                (last.clone(), found.info.end)
            }
            _ => {
                let segment = SegmentInfo::new(chain.revision, store);
                steps.push(Step::Begin { file: segment.file() });
                segments.push(segment.clone());
                (segment, 0)
            }
        };
        let bytes = |info: &SegmentInfo| {
            let of = |found: &&Found<Segment>| found.info.info.base == info.base;
            inventory.segments.iter().find(of).map(|found| found.bytes)
        };
        for segment in segments.iter_mut().filter(|segment| segment.end.is_some()) {
            segment.bytes = segment.bytes.or_else(|| bytes(segment));
        }
        let old = inventory.manifest.as_ref();
        let manifest = Manifest {
            format: FORMAT,
            store: store.to_string(),
            sync: old.map_or_else(|| Sync::Always.to_string(), |old| old.sync.clone()),
            snapshots: chain.start.cloned().into_iter().collect(),
            segments,
        };
        let names = inventory.snapshots.iter().map(|found| &found.name);
        let names = names.chain(inventory.segments.iter().map(|found| &found.name));
        let dropped = names.filter(|name| !manifest.lists(name));
        steps.extend(dropped.map(|name| Step::Drop { file: name.clone() }));
        let kept = manifest.snapshots.iter().map(SnapshotInfo::file);
        let kept = kept.chain(manifest.segments.iter().map(SegmentInfo::file));
        steps.push(Step::Manifest { files: kept.collect() });
        let seen = inventory.segments.iter().map(|found| found.info.seen);
        let seen = seen.chain(inventory.snapshots.iter().map(|found| found.info.revision));
        let seen = seen.max().unwrap_or(0).max(chain.revision);
        let (last, end) = last;
        Self { manifest, last, end, headers, revision: chain.revision, seen, steps }
    }
}

/// From nothing, and from every snapshot that is good.
fn chains(inventory: &Inventory) -> impl Iterator<Item = Chain<'_>> {
    let good = inventory.snapshots.iter().filter(|found| found.problem.is_none());
    let starts = good.map(|found| Some(&found.info));
    let begins = |found: &Found<Segment>| found.info.info.base == 0 && found.info.end > 0;
    let nothing = inventory.segments.iter().any(begins);
    let starts = starts.chain(nothing.then_some(None));
    starts.map(|start| chain_from(inventory, start))
}

fn chain_from<'a>(inventory: &'a Inventory, start: Option<&'a SnapshotInfo>) -> Chain<'a> {
    let base = start.map_or(0, |snapshot| snapshot.revision);
    let all = &inventory.segments[..];
    let usable = |found: &Found<Segment>| found.info.end > 0 && found.info.revision >= base;
    let first = all.iter().rposition(|found| found.info.info.base <= base);
    let Some(first) = first.filter(|first| usable(&all[*first])) else {
        return Chain { start, segments: &[], revision: base };
    };
    let goes_on = |n: usize| {
        all[n].info.is_whole
            && all.get(n + 1).is_some_and(|next| {
                next.info.end > 0 && next.info.info.base == all[n].info.revision
            })
    };
    let mut end = first;
    while goes_on(end) {
        end += 1;
    }
    // What is older is kept for those who ask for it, as far as it is whole.
    let mut from = first;
    while from > 0 && goes_on(from - 1) {
        from -= 1;
    }
    Chain { start, segments: &all[from..=end], revision: all[end].info.revision }
}
