//! A warning about a journal that other users can read. New files and directories are created without access for other
//! users, so this concerns existing ones.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, Stat};
use rustix::io::Errno;

use super::at::names;
use crate::journal::file::error::Argument;

const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);
const SEARCH: Mode = Mode::XGRP.union(Mode::XOTH);

/// How many files a warning lists.
const LISTED: usize = 5;

fn mode(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode)
}

/// Logs a warning if other users can read files in a directory.
pub(super) fn warn(directory: &File, path: &Path) -> io::Result<()> {
    let of_directory = mode(&rustix::fs::fstat(directory)?);
    if !of_directory.intersects(OTHERS) {
        return Ok(()); // other users cannot access the files in it either
    }
    let mut files = Vec::new();
    if of_directory.intersects(SEARCH) {
        for name in names(directory)? {
            let stat = match rustix::fs::statat(directory, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue, // removed after it was listed
                Err(error) => return Err(error.into()),
            };
            let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            if is_file && mode(&stat).intersects(OTHERS) {
                files.push(name);
            }
        }
    }
    if files.is_empty() {
        return Ok(()); // other users can at most list the names
    }
    files.sort();
    let more = files.len().saturating_sub(LISTED);
    files.truncate(LISTED);
    let mut files = files.join(", ");
    if more > 0 {
        files += &format!(" and {more} more");
    }
    tracing::warn!(
        directory = %path.display(),
        mode = %format_args!("{:o}", of_directory.bits()),
        files,
        "other users can read the journal; to make it private, run: chmod -R go-rwx {}",
        Argument(path)
    );
    Ok(())
}
