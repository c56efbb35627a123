//! Verification of the directory of a journal.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use super::inventory::{Inventory, Problem, ProblemKind, Scope};
use super::{Raw, disk};
use crate::journal::Recovered;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::replay::{Progress, replay};

/// How often a directory with problems is checked again, as long as the result changes.
const ATTEMPTS: usize = 4;

/// Report of [`check`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckReport {
    /// The directory.
    pub folder: PathBuf,
    /// The id of the store, if the manifest can be read.
    pub store: Option<String>,
    /// The newest revision that a start would recover, unless it would fail.
    pub revision: Option<u64>,
    /// The problem of the manifest, if there is one.
    pub manifest: Option<Problem>,
    /// The snapshots and the segments.
    pub files: Vec<CheckedFile>,
    /// Files that do not belong to the journal, such as saved ends of the log and incomplete files.
    pub others: Vec<String>,
    /// What a start would do.
    pub verdict: Verdict,
}

/// A file of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CheckedFile {
    /// The name of the file.
    pub name: String,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// The newest revision in the intact part of the file.
    pub revision: u64,
    /// The problem of the file, if there is one.
    pub problem: Option<Problem>,
}

/// What a start would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// Open the journal without changes.
    Open,
    /// Open the journal, and cut off the incomplete end of the log, which was not known to be synced. It is saved in a
    /// separate file.
    Cut {
        /// The file.
        file: String,
        /// The offset at which the file would be cut.
        offset: u64,
        /// What is wrong at that offset.
        what: String,
    },
    /// Fail.
    Refuse {
        /// The error.
        why: String,
    },
}

impl CheckReport {
    /// Returns whether acknowledged data is damaged, even if a start does not need it.
    pub fn is_damaged(&self) -> bool {
        let is_bad = |problem: &&Problem| problem.kind != ProblemKind::Torn;
        let problems = self.files.iter().filter_map(|file| file.problem.as_ref());
        matches!(self.verdict, Verdict::Refuse { .. })
            || problems.chain(&self.manifest).any(|problem| is_bad(&problem))
    }
}

/// Reads everything, and reports which files are intact, where others are damaged, and what a start would do.
///
/// It changes nothing, and works while a store is running.
///
/// # Errors
///
/// If there is no journal, or it cannot be read. Damage is not an error; it is part of the report.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let directory = std::env::temp_dir().join(format!("mainspring-check-{}", std::process::id()));
/// use mainspring::Store;
/// use mainspring::journal::FileJournal;
/// use mainspring::journal::file::tools::{Verdict, check};
///
/// let store = Store::<u32>::builder().journal(FileJournal::open(&directory)).spawn();
/// store.set("k", 7).await?;
/// store.shutdown().await?;
///
/// let report = check(&directory, &mut |_| {})?;
/// assert_eq!((report.verdict, report.revision), (Verdict::Open, Some(1)));
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok(()) }
/// ```
pub fn check(
    folder: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<CheckReport, FileError> {
    let disk = disk(folder.as_ref());
    let mut report = check_once(&*disk, progress)?;
    // A running store changes the end of the log and the manifest. A problem that does not change is real.
    for _ in 0..ATTEMPTS {
        if !report.is_damaged() && report.verdict == Verdict::Open {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        let previous = std::mem::replace(&mut report, check_once(&*disk, progress)?);
        if report == previous {
            break;
        }
    }
    Ok(report)
}

fn check_once(
    disk: &dyn Disk,
    progress: &mut dyn FnMut(Progress),
) -> Result<CheckReport, FileError> {
    let total = 2 * total_file_size(disk);
    let mut done = 0;
    let inventory = Inventory::read(disk, Scope::Listed, &mut |bytes| {
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
    let mut report_progress =
        |now: Progress| progress(Progress { done: (done + now.done).min(total), total });
    match replay(disk, manifest, &mut report_progress, &mut |_: Recovered<Raw>| Ok(())) {
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

/// Returns the total size of all files in the directory.
pub(super) fn total_file_size(disk: &dyn Disk) -> u64 {
    let names = disk.names().unwrap_or_default();
    let lengths = names.iter().filter_map(|name| disk.open(name).ok()?.length().ok());
    lengths.sum()
}
