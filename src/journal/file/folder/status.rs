//! The status of a file, without its timestamps.
//!
//! It is read after each sync. On Linux 6.13 and later, reading the timestamps of a file makes its next write record a
//! new one, which dirties the inode, and the following sync takes longer: a single caller reached 0.7 times the
//! writes.

use std::fs::File;

use rustix::io::Errno;

/// The identity of a file, its number of links, and its length.
pub(super) struct Status {
    pub(super) inode: (u64, u64),
    pub(super) links: u64,
    pub(super) length: u64,
}

/// Returns the status of an open file.
pub(super) fn of(file: &File) -> Result<Status, Errno> {
    read(file, "")
}

/// Returns the status of the file with this name in a directory.
pub(super) fn at(directory: &File, name: &str) -> Result<Status, Errno> {
    read(directory, name)
}

#[cfg(target_os = "linux")]
fn read(file: &File, name: &str) -> Result<Status, Errno> {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    let flags = if name.is_empty() { AtFlags::EMPTY_PATH } else { AtFlags::empty() };
    let found = statx(file, name, flags, StatxFlags::INO | StatxFlags::NLINK | StatxFlags::SIZE)?;
    Ok(Status {
        inode: (rustix::fs::makedev(found.stx_dev_major, found.stx_dev_minor), found.stx_ino),
        links: found.stx_nlink.into(),
        length: found.stx_size,
    })
}

#[cfg(not(target_os = "linux"))]
fn read(file: &File, name: &str) -> Result<Status, Errno> {
    use rustix::fs::{AtFlags, fstat, statat};
    let found = if name.is_empty() { fstat(file)? } else { statat(file, name, AtFlags::empty())? };
    #[allow(clippy::unnecessary_cast, reason = "their types depend on the system")]
    Ok(Status {
        inode: (found.st_dev as u64, found.st_ino as u64),
        links: found.st_nlink as u64,
        length: found.st_size as u64,
    })
}
