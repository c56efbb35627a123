//! The directory of a journal in the file system.

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

/// Create a directory and those above it, for this user alone, so that they are there after a power cut.
fn create_all(path: &Path) -> io::Result<()> {
    let exists = path.is_dir();
    let missing: Vec<_> = path.ancestors().take_while(|above| !above.is_dir()).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    // Each of the new names is in the directory above it. The last one may be there because an earlier start
    // was cut short, so it is synced in any case; a parent that may not be read is none of that.
    for directory in missing.iter().filter(|directory| !directory.as_os_str().is_empty()) {
        sync_directory(parent(directory))?;
    }
    match sync_directory(parent(path)) {
        Err(error) if !exists || error.kind() != io::ErrorKind::PermissionDenied => Err(error),
        _ => Ok(()),
    }
}

/// The directory that a directory is in.
fn parent(directory: &Path) -> &Path {
    match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Elsewhere than on Unix a directory cannot be opened to be synced, and need not be.
fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// The path from the root, which stays the same when the process changes its working directory.
fn absolute(path: &Path) -> PathBuf {
    // Of an empty path there is none; opening it fails, and says so.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The error for a lock that another process has, with the content of the lock file.
fn locked_by(pid: &str) -> io::Error {
    let holder = match pid.trim() {
        // The holder may not have written it yet, or the file was removed.
        "" => "another process".to_owned(),
        pid => format!("process {pid}"),
    };
    io::Error::new(io::ErrorKind::WouldBlock, format!("{holder} has it open"))
}
