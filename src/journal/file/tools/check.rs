//! Whether a folder is as it should be.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::inventory::{Inventory, Problem, ProblemKind, Scope};
use super::{Raw, disk};
use crate::journal::Recovered;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::replay::{Progress, replay};

/// How often to look again at what is not as it should be, as long as it is another thing each time.
const ATTEMPTS: usize = 4;

/// What [`check`] found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// The folder.
    pub folder: PathBuf,
    /// The id of the store, if the manifest tells it.
    pub store: Option<String>,
    /// The newest revision that a start would find, if it would not refuse.
    pub revision: Option<u64>,
    /// What is wrong with the manifest.
    pub manifest: Option<Problem>,
    /// The snapshots and the segments.
    pub files: Vec<CheckedFile>,
    /// Files that do not belong to the journal: what was cut off and kept, or left half done.
    pub others: Vec<String>,
    /// What a start would do.
    pub verdict: Verdict,
}

/// A file of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckedFile {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// The newest revision in it, as far as it is good.
    pub revision: u64,
    /// What is wrong with it.
    pub problem: Option<Problem>,
}

/// What a start would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Open it as it is.
    Open,
    /// Open it, and put aside the end of the log, which was never known to be synced.
    Cut {
        /// The file.
        file: String,
        /// Where the end begins that would be cut off.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// Refuse.
    Refuse {
        /// Why.
        why: String,
    },
}

impl CheckReport {
    /// Whether something that was acknowledged is damaged, even if a start would do without it.
    pub fn is_damaged(&self) -> bool {
        let is_bad = |problem: &&Problem| problem.kind != ProblemKind::Torn;
        let problems = self.files.iter().filter_map(|file| file.problem.as_ref());
        matches!(self.verdict, Verdict::Refuse { .. })
            || problems.chain(&self.manifest).any(|problem| is_bad(&problem))
    }
}

/// Read everything, and say what is intact, what is damaged and where, and what a start would do about it.
///
/// Changes nothing, and works beside a running store.
///
/// # Errors
///
/// If there is no journal, or the system does not let it be read. Damage is no error: it is in the report.
pub fn check(
    folder: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<CheckReport, FileError> {
    let disk = disk(folder.as_ref());
    let mut report = check_once(&*disk, progress)?;
    // A store that is running writes the end and replaces the manifest. What stays wrong is wrong.
    for _ in 0..ATTEMPTS {
        if !report.is_damaged() && report.verdict == Verdict::Open {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        let before = std::mem::replace(&mut report, check_once(&*disk, progress)?);
        if report == before {
            break;
        }
    }
    Ok(report)
}

fn check_once(
    disk: &dyn Disk,
    progress: &mut dyn FnMut(Progress),
) -> Result<CheckReport, FileError> {
    let total = 2 * bytes_in(disk);
    let mut done = 0;
    let inventory = Inventory::take(disk, Scope::Listed, &mut |bytes| {
        done += bytes;
        progress(Progress { done: done.min(total), total });
    })?;
    let mut report = CheckReport {
        folder: disk.path(),
        store: inventory.manifest.as_ref().map(|manifest| manifest.store.clone()),
        revision: None,
        manifest: inventory.problem.clone(),
        files: Vec::new(),
        others: inventory.others,
        verdict: Verdict::Open,
    };
    let snapshots = inventory.snapshots.into_iter().map(|found| {
        let revision = found.info.revision;
        CheckedFile { name: found.name, bytes: found.bytes, revision, problem: found.problem }
    });
    let segments = inventory.segments.into_iter().map(|found| {
        let revision = found.info.revision;
        CheckedFile { name: found.name, bytes: found.bytes, revision, problem: found.problem }
    });
    report.files = snapshots.chain(segments).collect();
    let Some(manifest) = &inventory.manifest else {
        let why = report.manifest.as_ref().map(|problem| problem.what.clone()).unwrap_or_default();
        report.verdict = Verdict::Refuse { why };
        return Ok(report);
    };
    let mut on = |now: Progress| progress(Progress { done: (done + now.done).min(total), total });
    match replay(disk, manifest, &mut on, &mut |_: Recovered<Raw>| Ok(())) {
        Ok(replayed) => {
            report.revision = Some(replayed.revision);
            if let (Some(damage), Some(last)) = (replayed.damage, manifest.segments.last()) {
                let what = damage.what.into();
                report.verdict = Verdict::Cut { file: last.file(), offset: damage.start, what };
            }
        }
        Err(error) => report.verdict = Verdict::Refuse { why: error.to_string() },
    }
    Ok(report)
}

/// How much there is to read.
pub(super) fn bytes_in(disk: &dyn Disk) -> u64 {
    let names = disk.names().unwrap_or_default();
    let lengths = names.iter().filter_map(|name| disk.open(name).ok()?.length().ok());
    lengths.sum()
}
