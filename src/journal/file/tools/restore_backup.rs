//! Verification of a backup, and creation of a journal from it.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use super::new_journal::NewJournal;
use super::{Raw, RestoreReport, disk};
use crate::journal::Recovered;
use crate::journal::codec::format_time;
use crate::journal::file::backup::{Backup, PartName};
use crate::journal::file::error::FileError;
use crate::journal::file::replay::Progress;
use crate::model::{ChangeKind, Key};

/// The directory of the accounts in the directory of a journal, which is the default of a server.
const ACCOUNTS: &str = "accounts";

/// The number of lines between two reports of progress.
const REPORT_EVERY: u64 = 1_024;

/// Report of [`check_backup`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupReport {
    /// The time at which the backup was started, by the clock of the server, as RFC 3339.
    pub time: String,
    /// The length of the file in bytes.
    pub bytes: u64,
    /// The data.
    pub data: BackupPart,
    /// The accounts, if the backup has them.
    pub accounts: Option<BackupPart>,
}

/// A part of a backup: the content of one store at a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupPart {
    /// The id of the store.
    pub store: String,
    /// The revision of the store.
    pub revision: u64,
    /// The number of entries.
    pub entries: u64,
}

/// Report of [`restore_backup`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupRestoreReport {
    /// The journal of the data.
    pub data: RestoreReport,
    /// The journal of the accounts, in `accounts` inside the directory, if the backup has accounts.
    pub accounts: Option<RestoreReport>,
}

/// Verifies a backup: every line and part is intact, nothing is missing, and nothing follows the last part.
///
/// It reads the file line by line. Only the keys are kept in memory, to count the entries.
///
/// # Errors
///
/// [`FileError::Backup`] if the file is incomplete, damaged, or not a backup; [`FileError::Format`] and
/// [`FileError::Unreadable`] if another version wrote it; [`FileError::Io`] if it cannot be read.
///
/// # Examples
///
/// ```no_run
/// use mainspring::journal::file::tools::check_backup;
///
/// let report = check_backup("monday.backup", &mut |_| ())?;
/// println!("{} entries at revision {}", report.data.entries, report.data.revision);
/// # Ok::<(), mainspring::journal::file::FileError>(())
/// ```
pub fn check_backup(
    file: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport, FileError> {
    check(file.as_ref(), 1, progress)
}

/// Like [`check_backup`]. `passes` is how many times the caller reads the file in total, this time included.
fn check(
    file: &Path,
    passes: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport, FileError> {
    let mut backup = Backup::open(file)?;
    let (time, bytes) = (format_time(backup.time()), backup.length());
    let mut reporter = ProgressReporter::new(bytes, passes, 0, progress);
    let (mut data, mut accounts) = (None, None);
    while let Some(name) = backup.next() {
        let mut keys = KeySet::default();
        let read = backup.read::<Raw>(&mut |offset, recovered| {
            reporter.line(offset);
            keys.apply(&recovered);
            Ok(())
        })?;
        let (store, revision, entries) = (read.store, read.revision, keys.count());
        let part = Some(BackupPart { store, revision, entries });
        match name {
            PartName::Data => data = part,
            PartName::Accounts => accounts = part,
        }
    }
    let Some(data) = data else {
        unreachable!("`Backup::open` has checked that the first part is the data")
    };
    Ok(BackupReport { time, bytes, data, accounts })
}

/// Creates a journal from a backup, in a new directory, and a journal of its accounts in the subdirectory `accounts`,
/// where a server expects it.
///
/// Revisions, times and deadlines are kept; both stores get new ids. Entries whose deadline has passed expire when the
/// store starts. The file is read twice, line by line, and only the keys are kept in memory.
///
/// An incomplete or damaged backup is rejected before anything is created. If something else fails, or the process is
/// killed, the directory has no `MANIFEST`, and a store refuses to start from it once data was written, because the
/// manifest of the data is written last. (A directory that contained an empty journal still contains that journal.)
///
/// # Errors
///
/// Those of [`check_backup`]; [`FileError::Impossible`] if the directory or `accounts` contains a journal that is not
/// empty; [`FileError::Locked`] if another process has it open; [`FileError::Io`] if it cannot be written.
///
/// # Examples
///
/// ```no_run
/// use mainspring::journal::file::tools::restore_backup;
///
/// let restored = restore_backup("monday.backup", "data", &mut |_| ())?;
/// println!("{} entries at revision {}", restored.data.entries, restored.data.revision);
/// # Ok::<(), mainspring::journal::file::FileError>(())
/// ```
pub fn restore_backup(
    file: impl AsRef<Path>,
    into: impl AsRef<Path>,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupRestoreReport, FileError> {
    let (file, into) = (file.as_ref(), into.as_ref());
    let report = check(file, 2, progress)?;
    let mut backup = Backup::open(file)?;
    let new = NewJournal::create(disk(into))?;
    let accounts = backup
        .has(PartName::Accounts)
        .then(|| NewJournal::create(disk(&into.join(ACCOUNTS))))
        .transpose();
    let accounts = match accounts {
        Ok(accounts) => accounts,
        Err(error) => {
            new.discard(None);
            return Err(error);
        }
    };
    let mut journals = Journals { data: new, accounts };
    let copied = journals.copy(&mut backup, &report, progress);
    let Journals { data: new, accounts } = journals;
    if let Err(error) = copied {
        new.discard(Some(report.data.revision));
        if let Some(accounts) = accounts {
            accounts.discard(None);
        }
        return Err(error);
    }
    // The manifest of the data is written last, so that a failure never leaves a directory from which a store starts.
    let sealed = new.seal(report.data.revision)?;
    let restored = |part: &BackupPart, store: crate::model::StoreId| RestoreReport {
        revision: part.revision,
        entries: part.entries,
        store: store.to_string(),
    };
    let accounts = match accounts.zip(report.accounts.as_ref()) {
        Some((accounts, part)) => Some(restored(part, accounts.finish(part.revision)?)),
        None => None,
    };
    Ok(BackupRestoreReport { data: restored(&report.data, sealed.commit()?), accounts })
}

/// The journals that are created from a backup.
struct Journals {
    data: NewJournal,
    accounts: Option<NewJournal>,
}

impl Journals {
    /// Writes every part, and verifies that it has not changed since it was checked.
    fn copy(
        &mut self,
        backup: &mut Backup,
        report: &BackupReport,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), FileError> {
        self.data.claim(report.data.revision)?;
        let (bytes, changed) = (backup.length(), "the backup was changed while it was read");
        let mut reporter = ProgressReporter::new(bytes, 2, report.bytes, progress);
        while let Some(name) = backup.next() {
            let (journal, part) = match name {
                PartName::Data => (Some(&mut self.data), Some(&report.data)),
                PartName::Accounts => (self.accounts.as_mut(), report.accounts.as_ref()),
            };
            let Some((journal, part)) = journal.zip(part) else {
                return Err(FileError::Impossible(changed.into()));
            };
            let read = backup.read::<Raw>(&mut |offset, recovered| {
                reporter.line(offset);
                match recovered {
                    Recovered::Entry(key, entry) => journal.entry(&key, &entry),
                    Recovered::Patch(change) | Recovered::Change(change) => journal.patch(&change),
                    Recovered::SnapshotEnd(_) => Ok(()),
                }
            })?;
            if (&read.store, read.revision) != (&part.store, part.revision) {
                return Err(FileError::Impossible(changed.into()));
            }
        }
        Ok(())
    }
}

/// The keys of a store whose snapshot is read.
#[derive(Default)]
struct KeySet(HashSet<Key>);

impl KeySet {
    fn apply(&mut self, recovered: &Recovered<Raw>) {
        match recovered {
            Recovered::Entry(key, _) => drop(self.0.insert(key.clone())),
            Recovered::Patch(change) | Recovered::Change(change) => match change.kind {
                ChangeKind::Set { .. } => drop(self.0.insert(change.key.clone())),
                ChangeKind::Removed | ChangeKind::Expired => drop(self.0.remove(&change.key)),
                ChangeKind::Cleared { .. } => self.0.clear(),
                // Other changes do not add or remove a key.
                _ => {}
            },
            Recovered::SnapshotEnd(_) => {}
        }
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Reports progress at intervals of [`REPORT_EVERY`] lines.
struct ProgressReporter<'a> {
    lines: u64,
    bytes_before: u64,
    total: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> ProgressReporter<'a> {
    /// For a file of this size that is read in several passes, of which `bytes_before` were read by earlier ones.
    fn new(
        bytes: u64,
        passes: u64,
        bytes_before: u64,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        Self { lines: 0, bytes_before, total: bytes.saturating_mul(passes), progress }
    }

    fn line(&mut self, offset: u64) {
        self.lines += 1;
        if self.lines.is_multiple_of(REPORT_EVERY) {
            let done = (self.bytes_before + offset).min(self.total);
            (self.progress)(Progress { done, total: self.total });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::file::recover;

    #[test]
    fn killed_restore_leaves_directory_that_does_not_start() {
        let folder =
            std::env::temp_dir().join(format!("mainspring-restore-killed-{}", std::process::id()));
        let is_rejected =
            || matches!(recover::manifest(&*disk(&folder)), Err(FileError::Manifest { .. }));
        let new = NewJournal::create(disk(&folder)).unwrap();
        new.claim(7).unwrap();
        assert!(is_rejected(), "while the data is written");
        let sealed = new.seal(7).unwrap();
        assert!(is_rejected(), "before the accounts are complete");
        sealed.commit().unwrap();
        assert!(recover::manifest(&*disk(&folder)).unwrap().is_some());
        std::fs::remove_dir_all(&folder).unwrap();

        let new = NewJournal::create(disk(&folder)).unwrap();
        new.claim(7).unwrap();
        new.discard(Some(7));
        assert!(
            recover::manifest(&*disk(&folder)).unwrap().is_none(),
            "the restore can be repeated"
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
