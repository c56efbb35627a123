//! A directory that is opened once. Every file operation is relative to that descriptor, so a journal never mixes the
//! files of two directories, even if the directory is moved or its path changes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use rustix::fs::{AtFlags, CWD, OFlags, Stat};
use rustix::io::Errno;

use super::at::{names, open_at, open_directory};
use super::lock::Locks;
use super::reserve::Reserve;
use super::{absolute, create_all, exposure, lock, status};
use crate::journal::file::disk::{Disk, DiskFile};

/// A directory of the file system. It is opened by the first operation, and stays open.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    absolute: PathBuf,
    handles: Arc<Mutex<Handles>>,
}

/// What a [`Folder`] has opened.
#[derive(Debug, Default)]
struct Handles {
    directory: Option<Arc<File>>,
    /// `Some` while the directory is locked.
    ownership: Option<Ownership>,
}

/// What only the process that has the lock needs.
#[derive(Debug, Clone)]
struct Ownership {
    /// The status of the file that was locked.
    lock: Stat,
    reserve: Arc<Reserve>,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { absolute: absolute(&path), path, handles: Arc::default() }
    }

    fn directory(&self) -> io::Result<Arc<File>> {
        let mut handles = self.handles.lock();
        if let Some(directory) = &handles.directory {
            return Ok(Arc::clone(directory));
        }
        let directory = Arc::new(open_directory(CWD, &self.absolute)?);
        handles.directory = Some(Arc::clone(&directory));
        Ok(directory)
    }

    fn reserve(&self) -> Option<Arc<Reserve>> {
        self.handles.lock().ownership.as_ref().map(|ownership| Arc::clone(&ownership.reserve))
    }

    fn file(
        &self,
        directory: Arc<File>,
        name: &str,
        reserve: Option<Arc<Reserve>>,
        file: File,
    ) -> Arc<dyn DiskFile> {
        let (name, is_locked) = (name.to_owned(), AtomicBool::new(false));
        Arc::new(RealFile { file: Some(file), directory, name, reserve, is_locked })
    }

    /// Implements [`Disk::verify`].
    fn check(&self) -> io::Result<()> {
        let (directory, ownership) = {
            let handles = self.handles.lock();
            (handles.directory.clone(), handles.ownership.clone())
        };
        // Nothing was opened yet, so nothing can have been replaced.
        let Some(directory) = directory else { return Ok(()) };
        let shown = self.path.display();
        let opened = rustix::fs::fstat(&*directory)?;
        let at_path = rustix::fs::stat(&self.absolute);
        let what = match describe_change(&opened, at_path)? {
            None => match ownership {
                Some(ownership) => {
                    let lock = lock::stat(&directory);
                    describe_change(&ownership.lock, lock)?.map(|what| {
                        format!(
                            "{shown}/LOCK {what}, so another process could have opened the \
                            directory; writes are rejected: make sure that no other process uses it, \
                            run `mainspring journal check`, and restart"
                        )
                    })
                }
                None => None,
            },
            Some(what) => Some(format!(
                "{shown} {what}; writes are rejected: save the data in memory with `mainspring \
                backup`, put the directory back or restore it from a backup, and restart"
            )),
        };
        what.map_or(Ok(()), |what| Err(io::Error::new(io::ErrorKind::NotFound, what)))
    }
}

/// Describes what happened to an opened file or directory, if its name does not lead to it any more.
fn describe_change(
    opened: &Stat,
    at_path: Result<Stat, Errno>,
) -> io::Result<Option<&'static str>> {
    match at_path {
        Ok(found) if is_same(opened, &found) => Ok(None),
        Ok(_) => Ok(Some("was replaced while the store was running")),
        Err(Errno::NOENT | Errno::NOTDIR) => {
            Ok(Some("was removed or moved while the store was running"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Returns whether both are the same file. An inode number is not reused while the file is open.
pub(super) fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

impl Disk for Folder {
    fn create_folder(&self) -> io::Result<()> {
        create_all(&self.absolute)?;
        let mut handles = self.handles.lock();
        // A directory that was opened and not locked may have been replaced since.
        if handles.ownership.is_none() {
            handles.directory = Some(Arc::new(open_directory(CWD, &self.absolute)?));
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let directory = self.directory()?;
        let locks = lock::acquire(&directory)?;
        let ownership = Ownership { lock: locks.stat()?, reserve: Reserve::new(&directory) };
        self.handles.lock().ownership = Some(ownership);
        let guard = LockGuard { locks, handles: Arc::clone(&self.handles) };
        // The directory may have been replaced between opening and locking it.
        self.check()?;
        exposure::warn(&directory, &self.path)?;
        Ok(Box::new(guard))
    }

    fn verify(&self) -> io::Result<()> {
        self.check()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        names(&*self.directory()?)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let directory = self.directory()?;
        let reserve = self.reserve();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let file = loop {
            match open_at(&*directory, name, flags) {
                Ok(file) => break file,
                // Only for writing. Readers could use up the reserve that a rotation needs.
                Err(Errno::MFILE | Errno::NFILE)
                    if reserve.as_ref().is_some_and(|reserve| reserve.release()) => {}
                Err(error) => return Err(error.into()),
            }
        };
        if let Some(reserve) = &reserve {
            reserve.fill();
        }
        Ok(self.file(directory, name, reserve, file.into()))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn DiskFile>> {
        let directory = self.directory()?;
        let file = open_at(&*directory, name, OFlags::RDONLY | OFlags::CLOEXEC)?;
        Ok(self.file(directory, name, self.reserve(), file.into()))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let directory = self.directory()?;
        Ok(rustix::fs::renameat(&*directory, from, &*directory, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&*self.directory()?, name, AtFlags::empty())?)
    }

    fn sync_folder(&self) -> io::Result<()> {
        self.directory()?.sync_all()
    }

    fn length_of(&self, name: &str) -> io::Result<Option<u64>> {
        match status::at(&*self.directory()?, name) {
            Ok(status) => Ok(Some(status.length)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

/// The lock of a directory, released when it is dropped.
struct LockGuard {
    locks: Locks,
    handles: Arc<Mutex<Handles>>,
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.handles.lock().ownership = None;
        self.locks.release();
    }
}

struct RealFile {
    /// `None` only during the drop.
    file: Option<File>,
    directory: Arc<File>,
    name: String,
    reserve: Option<Arc<Reserve>>,
    is_locked: AtomicBool,
}

impl RealFile {
    fn file(&self) -> io::Result<&File> {
        self.file.as_ref().ok_or_else(|| Errno::BADF.into())
    }
}

/// Releases the lock, and gives the descriptor to the reserve if that is not full.
impl Drop for RealFile {
    fn drop(&mut self) {
        if self.is_locked.load(Ordering::Relaxed)
            && let Some(file) = &self.file
        {
            lock::unlock(file);
        }
        if let (Some(file), Some(reserve)) = (self.file.take(), &self.reserve) {
            reserve.recycle(file);
        }
    }
}

impl DiskFile for RealFile {
    fn length(&self) -> io::Result<u64> {
        Ok(status::of(self.file()?)?.length)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file()?.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.file()?.write_at(bytes, offset)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn is_linked(&self) -> io::Result<bool> {
        let opened = status::of(self.file()?)?;
        if opened.links == 0 {
            return Ok(false);
        }
        // A moved file has a link too, so the inode of the name is compared.
        match status::at(&self.directory, &self.name) {
            Ok(found) => Ok(opened.inode == found.inode),
            Err(Errno::NOENT) => Ok(false),
            // The file has a link; whether it is this name is unknown.
            Err(_) => Ok(true),
        }
    }

    fn lock(&self) -> io::Result<()> {
        lock::lock(self.file()?)?;
        self.is_locked.store(true, Ordering::Relaxed);
        Ok(())
    }
}
