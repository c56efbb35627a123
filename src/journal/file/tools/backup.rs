//! Copy of a directory, made before a repair changes it.

use std::io;
use std::path::{Path, PathBuf};

use crate::journal::file::disk::{Disk, DiskFile, LOCK};
use crate::journal::file::folder::Folder;

/// The size of the chunks in which files are copied.
const CHUNK: usize = 1 << 20;

/// Copies every file to `<directory>.backup-<n>`, with the first `n` that is free, and syncs the copy. Only this user
/// can read the copy, even if other users can read the original.
pub(super) fn copy(disk: &dyn Disk) -> io::Result<PathBuf> {
    let path = disk.path();
    let to = free_name(&path)?;
    let backup = Folder::new(to.clone());
    backup.create_folder()?;
    for name in disk.names()?.iter().filter(|name| *name != LOCK && path.join(name).is_file()) {
        copy_file(&*disk.open(name)?, &*backup.create(name)?)?;
    }
    backup.sync_folder()?;
    Ok(to)
}

fn copy_file(from: &dyn DiskFile, to: &dyn DiskFile) -> io::Result<()> {
    let mut offset = 0;
    loop {
        let chunk = from.read_some(offset, CHUNK)?;
        if chunk.is_empty() {
            return to.sync();
        }
        to.write_all_at(&chunk, offset)?;
        offset += chunk.len() as u64;
    }
}

fn free_name(path: &Path) -> io::Result<PathBuf> {
    // A path such as `.` has no file name.
    let path = path.canonicalize()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let names = (1_u32..).map(|n| path.with_file_name(format!("{name}.backup-{n}")));
    names.into_iter().find(|free| !free.exists()).ok_or_else(|| io::ErrorKind::AlreadyExists.into())
}
