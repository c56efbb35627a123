//! System calls that are relative to an open directory.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{Dir, Mode, OFlags};

/// Opens a directory.
pub(super) fn open_directory(at: impl rustix::fd::AsFd, path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(open_at(at, path, flags)?.into())
}

/// Opens a file. If the flags create it, only this user can access it.
pub(super) fn open_at(
    directory: impl rustix::fd::AsFd,
    name: impl rustix::path::Arg + Copy,
    flags: OFlags,
) -> rustix::io::Result<rustix::fd::OwnedFd> {
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::io::retry_on_intr(|| rustix::fs::openat(&directory, name, flags, mode))
}

/// Returns the names in a directory that are UTF-8. A journal has no others.
pub(super) fn names(directory: &File) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::new(open_directory(directory, Path::new("."))?)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().to_str()
            && !matches!(name, "." | "..")
        {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
