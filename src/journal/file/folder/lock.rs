//! The lock of a directory: on the directory itself, and on the file `LOCK` in it.
//!
//! The lock on the directory cannot be removed with `rm`. The one on the file is what version 0.1 looks at, it
//! names the process, and it is all that there is where a file system cannot lock a directory (NFS wants a
//! descriptor that can be written to).

use rustix::fs::{AtFlags, FlockOperation, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use super::at::{open_at, open_directory};
use super::locked_by;
use crate::journal::file::disk::LOCK;

/// What file systems answer that cannot lock a directory.
const UNSUPPORTED: [Errno; 6] =
    [Errno::BADF, Errno::INVAL, Errno::ISDIR, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP];

/// What is locked.
#[derive(Debug)]
pub(super) struct Locks {
    file: File,
    /// `None` where directories cannot be locked.
    directory: Option<File>,
}

/// Lock a directory; [`WouldBlock`](io::ErrorKind::WouldBlock) if another process has.
pub(super) fn take(directory: &File) -> io::Result<Locks> {
    // Opened once more: the lock belongs to the open file, and the other one outlives it.
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
    // It is for messages, and can be done without where there is no room.
    if let Err(error) = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())) {
        tracing::debug!(%error, "the pid could not be written to the lock file");
    }
    Ok(Locks { file, directory: locked })
}

pub(super) fn lock(file: &File) -> Result<(), Errno> {
    rustix::io::retry_on_intr(|| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive))
}

/// End a lock, not only by closing the file: a process that is being started has a copy of the descriptor until it
/// runs its program.
pub(super) fn unlock(file: &File) {
    if let Err(error) = rustix::fs::flock(file, FlockOperation::Unlock) {
        tracing::debug!(%error, "a lock ends with its descriptor only");
    }
}

/// The pid in the lock file; empty if there is none.
fn holder(directory: &File) -> String {
    let mut pid = String::new();
    let opened = open_at(directory, LOCK, OFlags::RDONLY | OFlags::CLOEXEC);
    // It is there to improve a message: what cannot be read is left out.
    let _ = opened.map(|file| File::from(file).take(32).read_to_string(&mut pid));
    pid
}

/// The lock file, as its name says.
pub(super) fn stat(directory: &File) -> Result<Stat, Errno> {
    rustix::fs::statat(directory, LOCK, AtFlags::empty())
}

impl Locks {
    /// The file that is locked.
    pub(super) fn stat(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(&self.file)?)
    }

    /// End the locks, before their descriptors are closed.
    pub(super) fn release(&self) {
        unlock(&self.file);
        if let Some(directory) = &self.directory {
            unlock(directory);
        }
    }
}
