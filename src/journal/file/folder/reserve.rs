//! Descriptors in reserve, so that a journal can open its files when the process has none left.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::FdFlags;

/// A rotation opens a segment and a manifest while a snapshot is being written and synced: four at once.
const SIZE: usize = 4;

/// Copies of the directory's descriptor: closing one of them makes room for a file.
#[derive(Debug)]
pub(super) struct Reserve {
    directory: Arc<File>,
    spare: Mutex<Vec<OwnedFd>>,
}

impl Reserve {
    pub(super) fn new(directory: &Arc<File>) -> Arc<Self> {
        let reserve = Self { directory: Arc::clone(directory), spare: Mutex::default() };
        reserve.fill();
        Arc::new(reserve)
    }

    /// Make it complete again, as far as there are descriptors.
    pub(super) fn fill(&self) {
        let mut spare = self.spare.lock();
        while spare.len() < SIZE {
            match self.directory.as_fd().try_clone_to_owned() {
                Ok(copy) => spare.push(copy),
                // Expected when the process has none left: the next file that is closed fills it.
                Err(error) => {
                    tracing::trace!(%error, "the reserve of descriptors is not complete");
                    return;
                }
            }
        }
    }

    /// Close one, so that a file can be opened. Returns whether there was one.
    pub(super) fn give_up(&self) -> bool {
        self.spare.lock().pop().is_some()
    }

    /// Close a file, and keep its descriptor if it is needed.
    ///
    /// The descriptor is replaced in one step: if it were closed first, another thread that waits for one,
    /// such as the one that accepts connections, would be faster, and the reserve would shrink with each use.
    pub(super) fn recycle(&self, file: File) {
        let mut spare = self.spare.lock();
        if spare.len() >= SIZE {
            return;
        }
        let mut descriptor = OwnedFd::from(file);
        // The flag is set in a second step, because macOS has no `dup3`: a process that is started in between
        // inherits a descriptor of the directory, which is not the one that is locked.
        let replaced = rustix::io::dup2(&*self.directory, &mut descriptor)
            .and_then(|()| rustix::io::fcntl_setfd(&descriptor, FdFlags::CLOEXEC));
        match replaced {
            Ok(()) => spare.push(descriptor),
            Err(error) => tracing::debug!(%error, "a descriptor could not be kept in reserve"),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.spare.lock().len()
    }
}
