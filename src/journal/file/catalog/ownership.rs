//! Whether the directory is still the journal's own.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::Catalog;
use crate::journal::file::disk::DiskFile;
use crate::journal::file::segment::SegmentInfo;

impl Catalog {
    /// Verify that this process still owns the directory: its path leads to it, `LOCK` is the file that was
    /// locked, and the segment that is written to has its name. If not, the journal has failed for good.
    ///
    /// To be called each second, and before anything is listed in the manifest. It makes a few calls to the
    /// system and waits for a rotation, but not for a compaction.
    ///
    /// # Errors
    ///
    /// The cause, which [`lost`](Self::lost) returns from then on.
    pub(crate) fn verify(&self) -> Result<(), Arc<str>> {
        if let Some(cause) = self.lost() {
            return Err(cause);
        }
        if self.retired.load(Ordering::Acquire) {
            return Ok(()); // it is not ours to look after
        }
        // First the directory: if it was removed, that is the cause, and not the file in it.
        if let Err(error) = self.disk.verify() {
            return Err(self.lose(error.to_string()));
        }
        let segment = self.segment.lock();
        let file = segment.as_ref().and_then(Weak::upgrade);
        match file.as_deref().map_or(Ok(true), DiskFile::is_linked) {
            Ok(true) => Ok(()),
            Ok(false) => {
                drop((file, segment));
                let last = self.manifest.lock().segments.last().map(SegmentInfo::file);
                Err(self.lose(format!(
                    "{} was removed or replaced while the store was running; writes are refused: restore the \
                     directory from a backup and restart",
                    self.disk.path().join(last.unwrap_or_default()).display()
                )))
            }
            Err(error) => Err(self.lose(format!(
                "{}: cannot verify the segment that is written to: {error}; restart to open it again",
                self.disk.path().display()
            ))),
        }
    }

    /// Nothing is written to the directory any more. Returns the cause, which is the first one.
    pub(crate) fn lose(&self, cause: String) -> Arc<str> {
        let cause = self.lost.get_or_init(|| {
            tracing::error!(cause, "the journal has lost its directory");
            cause.into()
        });
        Arc::clone(cause)
    }

    /// Why the directory is not this journal's any more, if it is not.
    pub(crate) fn lost(&self) -> Option<Arc<str>> {
        self.lost.get().cloned()
    }

    /// As [`verify`](Self::verify), before something is listed in the manifest.
    pub(super) fn verified(&self) -> io::Result<()> {
        self.verify().map_err(|cause| io::Error::other(cause.to_string()))
    }

    /// # Errors
    ///
    /// If the directory was found to be [lost](Self::lost) before.
    pub(super) fn check_lost(&self) -> io::Result<()> {
        self.lost().map_or(Ok(()), |cause| Err(io::Error::other(cause.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreId;
    use crate::journal::file::disk::Disk;
    use crate::journal::file::folder::Folder;
    use crate::journal::file::line::Sum;
    use crate::journal::file::manifest::SnapshotInfo;
    use crate::journal::file::{Sync, recover};

    fn catalog(name: &str) -> (Catalog, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!("mainspring-{name}-{}", std::process::id()));
        let disk: Arc<dyn Disk> = Arc::new(Folder::new(path.clone()));
        disk.create_folder().unwrap();
        let manifest = recover::empty(StoreId::random(), Sync::Always);
        (Catalog::new(disk, manifest, 0, Arc::default()), path)
    }

    #[test]
    fn lost_directory_stays_lost() {
        let (catalog, path) = catalog("lost");
        catalog.verify().unwrap();
        let away = path.with_extension("away");
        std::fs::rename(&path, &away).unwrap();
        let cause = catalog.verify().unwrap_err();
        assert!(cause.contains("was removed or moved"), "{cause}");
        std::fs::rename(&away, &path).unwrap();
        assert_eq!(catalog.verify(), Err(Arc::clone(&cause)));
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
        assert!(catalog.rotate(1, 1, next, &file).is_err());
        assert!(catalog.install(SnapshotInfo { revision: 1, bytes: 1, prev: None }, 0).is_err());
        assert!(catalog.disk().open("MANIFEST").is_err(), "none was written");
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
