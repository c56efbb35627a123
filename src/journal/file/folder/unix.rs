//! A directory that is opened once: every file operation is relative to that descriptor, so that a path that
//! leads elsewhere by now, or a directory that was moved, never mixes two journals.

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
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    directory: Option<Arc<File>>,
    /// While the directory is locked.
    owned: Option<Owned>,
}

/// What belongs to the one process that may write.
#[derive(Debug, Clone)]
struct Owned {
    /// The file that was locked.
    lock: Stat,
    reserve: Arc<Reserve>,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { absolute: absolute(&path), path, state: Arc::default() }
    }

    fn directory(&self) -> io::Result<Arc<File>> {
        let mut state = self.state.lock();
        if let Some(directory) = &state.directory {
            return Ok(Arc::clone(directory));
        }
        let directory = Arc::new(open_directory(CWD, &self.absolute)?);
        state.directory = Some(Arc::clone(&directory));
        Ok(directory)
    }

    fn reserve(&self) -> Option<Arc<Reserve>> {
        self.state.lock().owned.as_ref().map(|owned| Arc::clone(&owned.reserve))
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

    /// What [`Disk::verify`] has to say, about the state at this moment.
    fn check(&self) -> io::Result<()> {
        let (directory, owned) = {
            let state = self.state.lock();
            (state.directory.clone(), state.owned.clone())
        };
        // Nothing was opened, so nothing can have been replaced.
        let Some(directory) = directory else { return Ok(()) };
        let shown = self.path.display();
        let held = rustix::fs::fstat(&*directory)?;
        let here = rustix::fs::stat(&self.absolute);
        let what = match what_became_of(&held, here)? {
            None => match owned {
                Some(owned) => {
                    let lock = lock::stat(&directory);
                    what_became_of(&owned.lock, lock)?.map(|what| {
                        format!(
                            "{shown}/LOCK {what}, so that another process could have opened the \
                             directory; writes are refused: make sure that no other process uses it, \
                             run `mainspring journal check`, and restart"
                        )
                    })
                }
                None => None,
            },
            Some(what) => Some(format!(
                "{shown} {what}; writes are refused: save what is in memory with `mainspring \
                 backup`, put the directory back or restore it from a backup, and restart"
            )),
        };
        what.map_or(Ok(()), |what| Err(io::Error::new(io::ErrorKind::NotFound, what)))
    }
}

/// What happened to a file or directory that was opened, if its name does not lead to it any more.
fn what_became_of(opened: &Stat, here: Result<Stat, Errno>) -> io::Result<Option<&'static str>> {
    match here {
        Ok(here) if is_same(opened, &here) => Ok(None),
        Ok(_) => Ok(Some("was replaced while the store was running")),
        Err(Errno::NOENT | Errno::NOTDIR) => {
            Ok(Some("was removed or moved while the store was running"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether it is the same file. As long as one of them is open its number is not given to another file.
pub(super) fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

impl Disk for Folder {
    fn create_folder(&self) -> io::Result<()> {
        create_all(&self.absolute)?;
        let mut state = self.state.lock();
        // What was opened earlier and not locked may have been replaced since.
        if state.owned.is_none() {
            state.directory = Some(Arc::new(open_directory(CWD, &self.absolute)?));
        }
        Ok(())
    }

    fn lock(&self) -> io::Result<Box<dyn Send + Sync>> {
        let directory = self.directory()?;
        let locks = lock::take(&directory)?;
        let owned = Owned { lock: locks.stat()?, reserve: Reserve::new(&directory) };
        self.state.lock().owned = Some(owned);
        let guard = Guard { locks, state: Arc::clone(&self.state) };
        // It was perhaps replaced between being opened and being locked.
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
                // Only for writing: readers could use up what a rotation needs.
                Err(Errno::MFILE | Errno::NFILE)
                    if reserve.as_ref().is_some_and(|reserve| reserve.give_up()) => {}
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

/// The lock of a directory, until it is dropped.
struct Guard {
    locks: Locks,
    state: Arc<Mutex<State>>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.state.lock().owned = None;
        self.locks.release();
    }
}

struct RealFile {
    /// `None` only while it is dropped.
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

/// Its descriptor goes to the reserve if that needs one.
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
        // A file that was moved has a link as well.
        match status::at(&self.directory, &self.name) {
            Ok(here) => Ok(opened.inode == here.inode),
            Err(Errno::NOENT) => Ok(false),
            // It has a link. Where, cannot be told now.
            Err(_) => Ok(true),
        }
    }

    fn lock(&self) -> io::Result<()> {
        lock::lock(self.file()?)?;
        self.is_locked.store(true, Ordering::Relaxed);
        Ok(())
    }
}
