//! [`Backup`]: reads a backup, line by line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::PartName;
use crate::journal::Recovered;
use crate::journal::codec::parse_time;
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::error::FileError;
use crate::journal::file::folder::Folder;
use crate::journal::file::line::Line;
use crate::journal::file::lines::{Lines, SEQUENTIAL_READ, SHORT_READ};
use crate::journal::file::snapshot::SnapshotReader;
use crate::model::Timestamp;

/// The first bytes of every backup. Checked first, because a file without newlines would be read into memory as one
/// line.
const BEGINNING: &[u8] = b"{\"format\":";

/// Reader of a backup. It returns the parts in the order of the file.
pub(crate) struct Backup {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    length: u64,
    time: Timestamp,
    /// The next part; `None` after the last one.
    next: Option<(PartHeader, SnapshotReader)>,
    /// The parts after the next one.
    later: std::vec::IntoIter<PartName>,
}

/// The header of a part.
#[derive(Debug)]
struct PartHeader {
    name: PartName,
    store: String,
    parts: Vec<PartName>,
    /// Only in the first header.
    time: Option<Timestamp>,
}

/// Summary of a part that was read completely.
#[derive(Debug)]
pub(crate) struct PartSummary {
    /// The id of the store that was copied.
    pub(crate) store: String,
    pub(crate) revision: u64,
}

impl Backup {
    /// Opens a backup and reads its first header.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`], [`FileError::Format`], and [`FileError::Backup`] if the file does not begin like a backup.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let io = |action| FileError::io(path.to_owned(), action);
        if !path.metadata().map_err(io("open"))?.is_file() {
            let shown = path.display();
            return Err(FileError::Impossible(format!(
                "{shown}: expected the file of a backup, found something else"
            )));
        }
        let damaged = |what: String| FileError::Backup { path: path.to_owned(), what };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| {
            FileError::Impossible(format!("{}: the name of a backup must be UTF-8", path.display()))
        })?;
        let folder = Folder::new(parent.unwrap_or(Path::new(".")).to_owned());
        let file = folder.open(name).map_err(io("open"))?;
        let start = file.read_some(0, SHORT_READ).map_err(io("read"))?;
        if !start.starts_with(BEGINNING) {
            return Err(damaged("the header of a backup is missing".into()));
        }
        let length = file.length().map_err(io("read"))?;
        let lines = Lines::new(Arc::clone(&file), 0, SEQUENTIAL_READ);
        let (header, part) = read_header(path, lines)?;
        let order = PartName::ALL.iter().filter(|name| header.parts.contains(name));
        let is_first = header.name == PartName::Data && header.parts.first() == Some(&header.name);
        if !is_first || !order.eq(&header.parts) {
            return Err(damaged("the header does not list the parts".into()));
        }
        let Some(time) = header.time else {
            return Err(damaged("the header has no time".into()));
        };
        let mut later = header.parts.clone().into_iter();
        later.next();
        let path = path.to_owned();
        Ok(Self { path, file, length, time, next: Some((header, part)), later })
    }

    /// The time of the backup, by the clock of the server.
    pub(crate) fn time(&self) -> Timestamp {
        self.time
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Returns the part that [`read`](Self::read) reads next; `None` after the last one.
    pub(crate) fn next(&self) -> Option<PartName> {
        self.next.as_ref().map(|(header, _)| header.name)
    }

    /// Returns whether a part of this name is still to be read.
    pub(crate) fn has(&self, name: PartName) -> bool {
        self.next() == Some(name) || self.later.as_slice().contains(&name)
    }

    /// Reads the next part and passes every entry and change to `visit`, in order, with its offset. The content is
    /// valid only when the last part was read, because the file may end early or have bytes behind its end.
    ///
    /// # Errors
    ///
    /// Those of `visit`, [`FileError::Io`], [`FileError::Unreadable`], and [`FileError::Backup`] if the part is not
    /// intact, or not followed by the next part or the end of the file.
    pub(crate) fn read<T: DeserializeOwned>(
        &mut self,
        visit: &mut dyn FnMut(u64, Recovered<T>) -> Result<(), FileError>,
    ) -> Result<PartSummary, FileError> {
        let damaged = |what: String| FileError::Backup { path: self.path.clone(), what };
        let Some((PartHeader { name, store, .. }, mut part)) = self.next.take() else {
            return Err(damaged("it has no more parts".into()));
        };
        let end = part.read(visit).map_err(|error| into_backup_error(error, name.text()))?;
        let (_, lines) = part.into_rest();
        let at = lines.offset();
        match self.later.next() {
            Some(later) => {
                let (header, part) = read_header(&self.path, lines)?;
                if header.name != later {
                    let (found, later) = (header.name.text(), later.text());
                    return Err(damaged(format!(
                        "expected the part {later:?} at byte {at}, found {found:?}"
                    )));
                }
                self.next = Some((header, part));
            }
            None => {
                let length = self.file.length();
                let length = length.map_err(FileError::io(self.path.clone(), "read"))?;
                if length != at {
                    return Err(damaged(format!("{} bytes follow the end", length - at)));
                }
            }
        }
        Ok(PartSummary { store, revision: end.revision })
    }
}

/// Reads the header of a part.
fn read_header(path: &Path, lines: Lines) -> Result<(PartHeader, SnapshotReader), FileError> {
    let at = lines.offset();
    let (part, header) = SnapshotReader::begin(path.to_owned(), lines, PartHeader::from_line)
        .map_err(|error| into_backup_error(error, "header"))?;
    let header = header.map_err(|why| FileError::Backup {
        path: path.to_owned(),
        what: format!("the header at byte {at} {why}"),
    })?;
    Ok((header, part))
}

impl PartHeader {
    fn from_line(line: &Line<'_>) -> Result<Self, String> {
        let parse_name = |name: &str| {
            PartName::parse(name).ok_or_else(|| {
                format!(
                    "names an unknown part {name:?}: use the version of mainspring that wrote it"
                )
            })
        };
        let name = line.extra.part.as_deref().ok_or("belongs to a journal, not to a backup")?;
        // Format 1 has no checksum of a whole part, so missing lines would not be detected.
        if line.extra.format == Some(1) {
            return Err("is of format 1, which has no backups".into());
        }
        Ok(Self {
            name: parse_name(name)?,
            store: line.extra.store.as_deref().ok_or("has no store id")?.to_owned(),
            parts: line
                .extra
                .parts
                .iter()
                .map(|name| parse_name(name))
                .collect::<Result<_, _>>()?,
            time: match &*line.time {
                "" => None,
                time => Some(
                    parse_time(time).map_err(|error| format!("has an invalid time: {error}"))?,
                ),
            },
        })
    }
}

/// Converts an error about damage. A damaged journal can be repaired, a damaged backup cannot, so the advice differs.
fn into_backup_error(error: FileError, part: &str) -> FileError {
    match error {
        FileError::Damaged { path, offset, what } => {
            let what = format!("{what}, at byte {offset} ({part})");
            FileError::Backup { path, what }
        }
        other => other,
    }
}
