//! A reserve of file descriptors, so that a journal can open its files when the process has reached its limit.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::io::FdFlags;

/// A rotation opens a segment and a manifest while a compaction writes a snapshot and syncs: four descriptors at once.
const SIZE: usize = 4;

/// Duplicates of the descriptor of the directory. Closing one of them makes its number available for a file.
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

    /// Fills the reserve again, as far as descriptors are available.
    pub(super) fn fill(&self) {
        let mut spare = self.spare.lock();
        while spare.len() < SIZE {
            match self.directory.as_fd().try_clone_to_owned() {
                Ok(copy) => spare.push(copy),
                // Expected at the limit of the process. The next file that is closed fills the reserve.
                Err(error) => {
                    tracing::trace!(%error, "cannot fill the reserve of file descriptors");
                    return;
                }
            }
        }
    }

    /// Closes one descriptor, so that a file can be opened. Returns whether there was one.
    pub(super) fn release(&self) -> bool {
        self.spare.lock().pop().is_some()
    }

    /// Closes a file, and keeps its descriptor if the reserve is not full.
    ///
    /// `dup2` replaces the descriptor in one step. If it were closed first, another thread could take it, such as one
    /// that accepts connections, and the reserve would shrink with each use.
    pub(super) fn recycle(&self, file: File) {
        let mut spare = self.spare.lock();
        if spare.len() >= SIZE {
            return;
        }
        let mut descriptor = OwnedFd::from(file);
        // The flag is set in a second step, because macOS has no `dup3`. A process that is started in between inherits
        // a descriptor of the directory, which is harmless: it is not the one that is locked.
        let replaced = rustix::io::dup2(&*self.directory, &mut descriptor)
            .and_then(|()| rustix::io::fcntl_setfd(&descriptor, FdFlags::CLOEXEC));
        match replaced {
            Ok(()) => spare.push(descriptor),
            Err(error) => tracing::debug!(%error, "cannot keep a file descriptor in reserve"),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.spare.lock().len()
    }
}
