//! A warning about a journal that other users can read. New files and directories never are: they are created
//! for their user alone.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, Stat};
use rustix::io::Errno;

use super::at::names;
use crate::journal::file::error::Argument;

const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);
const SEARCH: Mode = Mode::XGRP.union(Mode::XOTH);

/// How many files a warning names.
const NAMED: usize = 5;

fn mode(stat: &Stat) -> Mode {
    Mode::from_raw_mode(stat.st_mode)
}

/// Warn if other users can look into a directory or read files in it.
pub(super) fn warn(directory: &File, path: &Path) -> io::Result<()> {
    let of_directory = mode(&rustix::fs::fstat(directory)?);
    if !of_directory.intersects(OTHERS) {
        return Ok(()); // nor can they reach what is in it
    }
    let mut files = Vec::new();
    if of_directory.intersects(SEARCH) {
        for name in names(directory)? {
            let stat = match rustix::fs::statat(directory, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue, // removed meanwhile
                Err(error) => return Err(error.into()),
            };
            let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
            if is_file && mode(&stat).intersects(OTHERS) {
                files.push(name);
            }
        }
    }
    if files.is_empty() {
        return Ok(()); // they can see names, and read nothing
    }
    files.sort();
    let more = files.len().saturating_sub(NAMED);
    files.truncate(NAMED);
    let mut files = files.join(", ");
    if more > 0 {
        files += &format!(" and {more} more");
    }
    tracing::warn!(
        directory = %path.display(),
        mode = %format_args!("{:o}", of_directory.bits()),
        files,
        "other users can read the journal; to keep it private: chmod -R go-rwx {}",
        Argument(path)
    );
    Ok(())
}
