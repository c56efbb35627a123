//! A copy of a folder beside it.

use std::io;
use std::path::{Path, PathBuf};

use crate::journal::file::disk::{Disk, Folder, LOCK};

/// Copy every file to `<folder>.backup-<n>`, the first that is not there yet, and sync the copy.
pub(super) fn copy(disk: &dyn Disk) -> io::Result<PathBuf> {
    let path = disk.path();
    let backup = Folder(free_name(&path)?);
    backup.create_folder()?;
    for name in disk.names()?.iter().filter(|name| *name != LOCK && path.join(name).is_file()) {
        std::fs::copy(path.join(name), backup.0.join(name))?;
        backup.create(name)?.sync()?;
    }
    backup.sync_folder()?;
    Ok(backup.0)
}

fn free_name(path: &Path) -> io::Result<PathBuf> {
    // `.` and the like have no name.
    let path = path.canonicalize()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = (1_u32..).map(|n| path.with_file_name(format!("{name}.backup-{n}")));
    names.into_iter().find(|free| !free.exists()).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}
