//! Verification that the journal still owns its directory.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::Catalog;
use crate::journal::file::manifest::{MANIFEST, Manifest};
use crate::journal::file::segment::SegmentInfo;

/// Error of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unverified {
    /// The directory is lost. This is permanent.
    Lost(Arc<str>),
    /// The verification itself has failed.
    Unknown(Arc<str>),
}

impl Unverified {
    pub(super) fn into_io(self) -> io::Error {
        let (Self::Lost(cause) | Self::Unknown(cause)) = self;
        io::Error::other(cause.to_string())
    }
}

impl Catalog {
    /// Verifies that this process still owns the directory: its path leads to it, `LOCK` is the file that was locked,
    /// and the current segment has its name and is not shorter than it was. If not, the journal has failed
    /// permanently.
    ///
    /// This takes a few system calls, and waits for a rotation but not for a compaction.
    ///
    /// # Errors
    ///
    /// [`Unverified::Lost`] with the cause, which [`lost`](Self::lost) returns from then on.
    pub(crate) fn verify(&self) -> Result<(), Unverified> {
        if let Some(cause) = self.lost() {
            return Err(Unverified::Lost(cause));
        }
        if self.retired.load(Ordering::Acquire) {
            return Ok(()); // the directory belongs to another owner
        }
        // The directory first: if it was removed, that is the cause to report, and not the missing file in it.
        match self.disk.verify() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Unverified::Lost(self.lose(error.to_string())));
            }
            Err(error) => return Err(self.unknown(&error)),
        }
        let segment = self.segment.lock();
        let Some(file) = segment.as_ref().and_then(Weak::upgrade) else { return Ok(()) };
        // Locked during the check, because the writer extends and truncates the file concurrently.
        let bound = self.length.lock();
        let status = file.is_linked().and_then(|linked| Ok((linked, file.length()?)));
        let what = match status {
            Ok((true, length)) if length >= *bound => return Ok(()),
            Ok((true, length)) => changed(length, *bound),
            Ok((false, _)) => "was removed or replaced while the store was running".to_owned(),
            Err(error) => return Err(self.unknown(&error)),
        };
        drop((bound, file, segment));
        let last = self.manifest.lock().segments.last().map(SegmentInfo::file);
        Err(Unverified::Lost(self.lose_file(&last.unwrap_or_default(), &what)))
    }

    /// Like [`verify`](Self::verify), and also verifies that every listed file exists and is not shorter than it was,
    /// because the next start needs it. Called each second and at the close.
    ///
    /// # Errors
    ///
    /// The same as [`verify`](Self::verify).
    pub(crate) fn verify_all(&self) -> Result<(), Unverified> {
        self.verify()?;
        // Locked during the check, because a compaction removes files after they are no longer listed.
        let manifest = self.manifest.lock();
        if self.retired.load(Ordering::Acquire) {
            return Ok(());
        }
        let wrong = self.wrong_files(&manifest).map_err(|error| self.unknown(&error))?;
        match wrong.into_iter().find(|(name, _)| !self.incomplete_files.contains(name)) {
            Some((name, what)) => Err(Unverified::Lost(self.lose_file(&name, &what))),
            None => Ok(()),
        }
    }

    /// Returns the listed files that are missing or shorter than they were, and what is wrong with each.
    pub(super) fn wrong_files(&self, manifest: &Manifest) -> io::Result<Vec<(String, String)>> {
        let segments = manifest.segments.iter().map(|info| (info.file(), info.bytes));
        let snapshots = manifest.snapshots.iter().map(|info| (info.file(), Some(info.bytes)));
        let files = segments.chain(snapshots).chain([(MANIFEST.to_owned(), None)]);
        let mut wrong = Vec::new();
        for (name, bytes) in files {
            let bytes = bytes.unwrap_or(0);
            let what = match self.disk.length_of(&name)? {
                Some(length) if length >= bytes => continue,
                Some(length) => changed(length, bytes),
                None => "was removed or moved while the store was running".to_owned(),
            };
            wrong.push((name, what));
        }
        Ok(wrong)
    }

    /// If a file was lost but not the directory, records in the manifest how much was synced. Without that, the next
    /// start would take the remaining files for the complete journal.
    pub(crate) fn save_last_mark(&self) {
        if self.lost().is_none() || self.disk.verify().is_err() {
            return;
        }
        if let Err(error) = self.write_mark() {
            tracing::warn!(%error, "cannot write the manifest before the journal ends");
        }
    }

    /// Marks the directory as lost because a file has another length than expected.
    pub(crate) fn lose_changed(&self, name: &str, length: u64, expected: u64) -> Arc<str> {
        self.lose_file(name, &changed(length, expected))
    }

    fn lose_file(&self, name: &str, what: &str) -> Arc<str> {
        self.lose(format!(
            "{} {what}; writes are rejected: save the data in memory with `mainspring backup`, restore the directory from \
            a backup, and restart",
            self.disk.path().join(name).display()
        ))
    }

    fn unknown(&self, error: &io::Error) -> Unverified {
        let path = self.disk.path();
        Unverified::Unknown(format!("cannot verify {}: {error}", path.display()).into())
    }

    /// Marks the directory as lost: nothing is written to it any more. Returns the cause, which is that of the first
    /// call.
    pub(crate) fn lose(&self, cause: String) -> Arc<str> {
        let cause = self.lost.get_or_init(|| {
            tracing::error!(cause, "the journal has lost its directory");
            cause.into()
        });
        Arc::clone(cause)
    }

    /// Why the directory is lost, if it is.
    pub(crate) fn lost(&self) -> Option<Arc<str>> {
        self.lost.get().cloned()
    }

    /// [`verify`](Self::verify) as an I/O result, for operations that write the manifest.
    pub(super) fn verified(&self) -> io::Result<()> {
        self.verify().map_err(Unverified::into_io)
    }

    /// Returns an error if the directory is already known to be [lost](Self::lost).
    pub(super) fn check_lost(&self) -> io::Result<()> {
        self.lost().map_or(Ok(()), |cause| Err(io::Error::other(cause.to_string())))
    }
}

fn changed(length: u64, expected: u64) -> String {
    format!(
        "was changed by another program while the store was running: it has {length} bytes instead of {expected}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::file::disk::Disk;
    use crate::journal::file::folder::Folder;
    use crate::journal::file::line::Sum;
    use crate::journal::file::manifest::SnapshotInfo;
    use crate::journal::file::{SyncPolicy, recover};
    use crate::model::StoreId;

    fn catalog(name: &str) -> (Catalog, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!("mainspring-{name}-{}", std::process::id()));
        let disk: Arc<dyn Disk> = Arc::new(Folder::new(path.clone()));
        disk.create_folder().unwrap();
        let manifest = recover::empty(StoreId::random(), SyncPolicy::Always);
        (Catalog::new(disk, manifest, 0, Arc::default()), path)
    }

    #[test]
    fn lost_directory_stays_lost() {
        let (catalog, path) = catalog("lost");
        catalog.verify().unwrap();
        let away = path.with_extension("away");
        std::fs::rename(&path, &away).unwrap();
        let lost = catalog.verify().unwrap_err();
        let Unverified::Lost(cause) = lost.clone() else { panic!("{lost:?}") };
        assert!(cause.contains("was removed or moved"), "{cause}");
        std::fs::rename(&away, &path).unwrap();
        assert_eq!(catalog.verify(), Err(lost));
        assert_eq!(catalog.lost(), Some(cause));
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn rotation_and_snapshot_are_not_listed_in_a_lost_directory() {
        let (catalog, path) = catalog("unlisted");
        let away = path.with_extension("away");
        std::fs::rename(&path, &away).unwrap();
        let next = SegmentInfo::new(1, StoreId::random(), Sum::of(b""));
        let file = catalog.disk().create(&next.file()).unwrap();
        assert!(catalog.rotate(1, 1, next, (&file, 0)).is_err());
        assert!(catalog.install(SnapshotInfo { revision: 1, bytes: 1, prev: None }, 0).is_err());
        assert!(catalog.disk().open("MANIFEST").is_err(), "the manifest must not be written");
        std::fs::remove_dir_all(&away).unwrap();
    }

    #[test]
    fn retired_catalog_verifies_nothing() {
        let (catalog, path) = catalog("unverified");
        catalog.retire();
        std::fs::remove_dir_all(&path).unwrap();
        assert_eq!(catalog.verify(), Ok(()));
        assert_eq!(catalog.lost(), None);
    }
}
