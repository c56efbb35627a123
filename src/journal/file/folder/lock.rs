//! Locking of a directory: both the directory itself and the file `LOCK` in it are locked.
//!
//! The lock on the directory cannot be removed with `rm`. The lock on the file is the one that version 0.1 uses, the
//! file contains the process id, and it is the only lock on a file system that cannot lock a directory (NFS requires a
//! writable descriptor).

use rustix::fs::{AtFlags, FlockOperation, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::at::{open_at, open_directory};
use super::locked_by;
use crate::journal::file::disk::LOCK;

/// Errors of file systems that cannot lock a directory.
const UNSUPPORTED: [Errno; 6] =
    [Errno::BADF, Errno::INVAL, Errno::ISDIR, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];

/// The locked files.
#[derive(Debug)]
pub(super) struct Locks {
    file: File,
    /// `None` where directories cannot be locked.
    directory: Option<File>,
}

/// Locks a directory.
///
/// # Errors
///
/// [`WouldBlock`](io::ErrorKind::WouldBlock) if another process has the lock.
pub(super) fn acquire(directory: &File) -> io::Result<Locks> {
    // Opened again, because the lock belongs to the open file, and `directory` may live longer than the lock.
    let locked = open_directory(directory, Path::new("."))?;
    let locked = match lock(&locked) {
        Ok(()) => Some(locked),
        Err(Errno::WOULDBLOCK) => return Err(locked_by(&holder(directory))),
        Err(error) if UNSUPPORTED.contains(&error) => {
            tracing::debug!(%error, "this file system cannot lock a directory");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
    let mut file = File::from(open_at(directory, LOCK, flags)?);
    match lock(&file) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(locked_by(&holder(directory))),
        Err(error) => return Err(error.into()),
    }
    // Only used in messages, so a full disk is not an error.
    if let Err(error) = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())) {
        tracing::debug!(%error, "cannot write the process id to the lock file");
    }
    Ok(Locks { file, directory: locked })
}

pub(super) fn lock(file: &File) -> Result<(), Errno> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive))
}

/// Releases a lock. Closing the file is not enough, because a child process that has been forked has a copy of the
/// descriptor until it executes its program.
pub(super) fn unlock(file: &File) {
    if let Err(error) = rustix::fs::flock(file, FlockOperation::Unlock) {
        tracing::debug!(%error, "cannot release a lock; it is released when its file is closed");
    }
}

/// Reads the process id in the lock file; empty if there is none.
fn holder(directory: &File) -> String {
    let mut pid = String::new();
    let opened = open_at(directory, LOCK, OFlags::RDONLY | OFlags::CLOEXEC);
    // Only used in messages, so errors are ignored.
    let _ = opened.map(|file| File::from(file).take(32).read_to_string(&mut pid));
    pid
}

/// The status of the file that is named `LOCK`.
pub(super) fn stat(directory: &File) -> Result<Stat, Errno> {
    rustix::fs::statat(directory, LOCK, AtFlags::empty())
}

impl Locks {
    /// The status of the file that is locked.
    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.file)?)
    }

    /// Releases the locks, before their descriptors are closed.
    pub(super) fn release(&self) {
        unlock(&self.file);
        if let Some(directory) = &self.directory {
            unlock(directory);
        }
    }
}
