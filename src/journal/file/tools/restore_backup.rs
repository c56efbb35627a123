//! Checking a backup, and making a journal of it.

use std::collections::HashSet;
use std::path::Path;

use serde::Serialize;

use super::new::NewJournal;
use super::{Raw, RestoreReport, disk};
use crate::journal::Recovered;
use crate::journal::codec::format_time;
use crate::journal::file::backup::{Backup, PartName};
use crate::journal::file::error::FileError;
use crate::journal::file::replay::Progress;
use crate::model::{ChangeKind, Key};

/// Where the accounts are in the directory of a journal, unless a server is told otherwise.
const ACCOUNTS: &str = "accounts";

/// How many lines there are between two reports of progress.
const NOW_AND_THEN: u64 = 1_024;

/// What a backup holds: the result of [`check_backup`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupReport {
    /// When the backup was begun, by the clock of the server, as RFC 3339.
    pub time: String,
    /// The length of the file.
    pub bytes: u64,
    /// The data.
    pub data: BackupPart,
    /// The accounts, if the server had any.
    pub accounts: Option<BackupPart>,
}

/// A part of a backup: one store as it was at a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupPart {
    /// The id of the store.
    pub store: String,
    /// The revision at which it was so.
    pub revision: u64,
    /// How many entries it had.
    pub entries: u64,
}

/// What [`restore_backup`] has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupRestoreReport {
    /// The journal of the data.
    pub data: RestoreReport,
    /// The journal of the accounts, in `accounts` inside the directory, if the backup has accounts.
    pub accounts: Option<RestoreReport>,
}

/// Check that a backup is whole: each line, each part, and that nothing is missing or follows.
///
/// Reads the file line by line. Only the keys are held in memory, to count the entries.
///
/// # Errors
///
/// [`FileError::Backup`] if it is incomplete, damaged, or no backup; [`FileError::Format`] and
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

/// The same, as the first of so many times that the file is read.
fn check(
    file: &Path,
    times: u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<BackupReport, FileError> {
    let mut backup = Backup::open(file)?;
    let (time, bytes) = (format_time(backup.time()), backup.length());
    let mut now_and_then = NowAndThen::new(bytes, times, 0, progress);
    let (mut data, mut accounts) = (None, None);
    while let Some(name) = backup.next() {
        let mut keys = Keys::default();
        let read = backup.read::<Raw>(&mut |offset, recovered| {
            now_and_then.line(offset);
            keys.take(&recovered);
            Ok(())
        })?;
        let (store, revision, entries) = (read.store, read.revision, keys.count());
        let part = Some(BackupPart { store, revision, entries });
        match name {
            PartName::Data => data = part,
            PartName::Accounts => accounts = part,
        }
    }
    let Some(data) = data else { unreachable!("a backup that was opened begins with the data") };
    Ok(BackupReport { time, bytes, data, accounts })
}

/// Make a journal of a backup, in a new directory, and of its accounts in `accounts` inside it, which is where a server
/// expects them.
///
/// Revisions, times and deadlines are kept; both stores have new ids. An entry whose deadline has passed meanwhile
/// expires when the store starts. Reads the file twice, line by line: only the keys are held in memory.
///
/// A backup that is not whole is refused before anything is created. If something else fails, or the process is killed,
/// the directory has no `MANIFEST`, and a store refuses to start from it once data was written: the manifest of the data
/// is written last. (A directory that held an empty journal before still holds that.)
///
/// # Errors
///
/// Those of [`check_backup`]; [`FileError::Impossible`] if there is a journal in the directory, or in `accounts`, that
/// is not empty; [`FileError::Locked`] if another process has it open; [`FileError::Io`] if it cannot be written.
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
    // From here on the data is there but for its manifest, so that no failure leaves a directory that starts.
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

/// The journals that a backup becomes.
struct Journals {
    data: NewJournal,
    accounts: Option<NewJournal>,
}

impl Journals {
    /// Write every part, which has to be as it was when it was checked.
    fn copy(
        &mut self,
        backup: &mut Backup,
        report: &BackupReport,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), FileError> {
        self.data.claim(report.data.revision)?;
        let (bytes, changed) = (backup.length(), "the backup was changed while it was read");
        let mut now_and_then = NowAndThen::new(bytes, 2, report.bytes, progress);
        while let Some(name) = backup.next() {
            let (journal, part) = match name {
                PartName::Data => (Some(&mut self.data), Some(&report.data)),
                PartName::Accounts => (self.accounts.as_mut(), report.accounts.as_ref()),
            };
            let Some((journal, part)) = journal.zip(part) else {
                return Err(FileError::Impossible(changed.into()));
            };
            let read = backup.read::<Raw>(&mut |offset, recovered| {
                now_and_then.line(offset);
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

/// The keys of a store that is read as a snapshot.
#[derive(Default)]
struct Keys(HashSet<Key>);

impl Keys {
    fn take(&mut self, recovered: &Recovered<Raw>) {
        match recovered {
            Recovered::Entry(key, _) => drop(self.0.insert(key.clone())),
            Recovered::Patch(change) | Recovered::Change(change) => match change.kind {
                ChangeKind::Set { .. } => drop(self.0.insert(change.key.clone())),
                ChangeKind::Removed | ChangeKind::Expired => drop(self.0.remove(&change.key)),
                ChangeKind::Cleared { .. } => self.0.clear(),
                // The others keep the key that they change.
                _ => {}
            },
            Recovered::SnapshotEnd(_) => {}
        }
    }

    fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Reports progress, and not with each line.
struct NowAndThen<'a> {
    lines: u64,
    before: u64,
    total: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl<'a> NowAndThen<'a> {
    /// Of a file that is read so many times, of which so many bytes were read before.
    fn new(bytes: u64, times: u64, before: u64, progress: &'a mut dyn FnMut(Progress)) -> Self {
        Self { lines: 0, before, total: bytes.saturating_mul(times), progress }
    }

    fn line(&mut self, offset: u64) {
        self.lines += 1;
        if self.lines.is_multiple_of(NOW_AND_THEN) {
            let done = (self.before + offset).min(self.total);
            (self.progress)(Progress { done, total: self.total });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::file::recover;

    #[test]
    fn restore_that_is_killed_leaves_nothing_that_starts() {
        let folder =
            std::env::temp_dir().join(format!("mainspring-restore-killed-{}", std::process::id()));
        let refused =
            || matches!(recover::manifest(&*disk(&folder)), Err(FileError::Manifest { .. }));
        let new = NewJournal::create(disk(&folder)).unwrap();
        new.claim(7).unwrap();
        assert!(refused(), "while it is written");
        let sealed = new.seal(7).unwrap();
        assert!(refused(), "before the accounts are there");
        sealed.commit().unwrap();
        assert!(recover::manifest(&*disk(&folder)).unwrap().is_some());
        std::fs::remove_dir_all(&folder).unwrap();

        let new = NewJournal::create(disk(&folder)).unwrap();
        new.claim(7).unwrap();
        new.discard(Some(7));
        assert!(recover::manifest(&*disk(&folder)).unwrap().is_none(), "it can be tried again");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
