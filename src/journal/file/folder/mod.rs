//! [`Folder`]: implements [`Disk`](super::disk::Disk) on a directory of the file system.

#[cfg(unix)]
mod at;
#[cfg(unix)]
mod exposure;
#[cfg(unix)]
mod lock;
#[cfg(not(unix))]
mod portable;
#[cfg(unix)]
mod reserve;
#[cfg(unix)]
mod status;
#[cfg(all(test, unix))]
mod tests;
#[cfg(unix)]
mod unix;

use std::fs::{DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

#[cfg(not(unix))]
pub(crate) use self::portable::Folder;
#[cfg(unix)]
pub(crate) use self::unix::Folder;

/// Creates a directory and its missing parents, accessible only to this user, and syncs them.
fn create_all(path: &Path) -> io::Result<()> {
    let exists = path.is_dir();
    let missing: Vec<_> = path.ancestors().take_while(|above| !above.is_dir()).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // A new name is an entry in the parent directory, so the parents are synced. The parent of `path` is synced even
    // if `path` exists, because an earlier start may have been interrupted before its sync. If it exists and its
    // parent must not be read, another user has created it, and there is nothing to sync.
    for directory in missing.iter().filter(|directory| !directory.as_os_str().is_empty()) {
        sync_directory(parent(directory))?;
    }
    match sync_directory(parent(path)) {
        Err(error) if !exists || error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

/// Returns the parent of a directory.
fn parent(directory: &Path) -> &Path {
    match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Syncs a directory. Only Unix needs this, and only there a directory can be opened.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Makes a path absolute, so that it stays valid when the process changes its working directory.
fn absolute(path: &Path) -> PathBuf {
    // Fails for an empty path; opening that path later reports the error.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The error for a lock that another process has; `pid` is the content of the lock file.
fn locked_by(pid: &str) -> io::Error {
    let holder = match pid.trim() {
        // The other process may not have written its id yet, or the file was removed.
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    io::Error::new(io::ErrorKind::WouldBlock, format!("{holder} has the journal open"))
}
