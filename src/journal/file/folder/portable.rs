//! A directory that is accessed by its path, for systems other than Unix. There an open file cannot be removed, and
//! the lock file is open, so the directory stays the same.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;

use fs4::{FileExt, TryLockError};
use parking_lot::Mutex;

use super::{absolute, create_all, locked_by, sync_directory};
use crate::journal::file::disk::{Disk, DiskFile, LOCK};

/// A directory of the file system.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    absolute: PathBuf,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { absolute: absolute(&path), path }
    }

    fn file(&self, name: &str, options: &OpenOptions) -> io::Result<Arc<dyn DiskFile>> {
        let file = options.open(self.absolute.join(name))?;
        Ok(Arc::new(RealFile { file: Mutex::new(file), path: self.absolute.join(name) }))
    }
}

impl Disk for Folder {
    fn create_folder(&self) -> io::Result<()> {
        create_all(&self.absolute)
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let path = self.absolute.join(LOCK);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        match FileExt::try_lock(&file) {
            Ok(()) => {
                // Only used in messages, so a full disk is not an error.
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
                Ok(Box::new(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                Err(locked_by(&pid))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn verify(&self) -> io::Result<()> {
        if self.absolute.is_dir() {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} was removed or moved while the store was running; writes are rejected: put the directory back, or \
                         restore it from a backup, and restart",
            self.path.display()
        )))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(&self.absolute)?.map(|entry| Ok(entry?.file_name()));
        let names: io::Result<Vec<_>> = names.collect();
        // A journal has no names that are not UTF-8.
        Ok(names?.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        self.file(name, options.read(true).write(true).create(true).truncate(false))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        self.file(name, OpenOptions::new().read(true))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.absolute.join(from), self.absolute.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.absolute.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        sync_directory(&self.absolute)
    }

    fn length_of(&self, name: &str) -> io::Result<Option<u64>> {
        match std::fs::metadata(self.absolute.join(name)) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

/// A file. The portable part of the standard library reads and writes at an offset only after a seek, hence the lock.
struct RealFile {
    file: Mutex<File>,
    path: PathBuf,
}

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.file.lock().metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut file = self.file.lock();
        file.seek(SeekFrom::Start(offset))?;
        file.read(buffer)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let mut file = self.file.lock();
        file.seek(SeekFrom::Start(offset))?;
        file.write(bytes)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file.lock().set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.lock().sync_data()
    }

    fn is_linked(&self) -> io::Result<bool> {
        self.path.try_exists()
    }

    /// Does nothing. On Windows, a lock would exclude readers too, and it is not needed, because `LOCK` cannot be
    /// removed.
    fn lock(&self) -> io::Result<()> {
        Ok(())
    }
}
