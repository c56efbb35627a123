//! Reading a backup, line by line.

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
use crate::journal::file::lines::{LITTLE, Lines, MUCH};
use crate::journal::file::snapshot::Part;
use crate::model::Timestamp;

/// What every backup begins with. Checked first, because a file without lines would be read into memory as one.
const BEGINNING: &[u8] = b"{\"format\":";

/// A backup that is being read. The parts come in the order of the file.
pub(crate) struct Backup {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    length: u64,
    time: Timestamp,
    /// The part that comes next; `None` after the last.
    next: Option<(PartHeader, Part)>,
    /// The parts after it.
    later: std::vec::IntoIter<PartName>,
}

/// What the header of a part says.
#[derive(Debug)]
struct PartHeader {
    name: PartName,
    store: String,
    parts: Vec<PartName>,
    /// In the first header.
    time: Option<Timestamp>,
}

/// A part that was read to its end.
#[derive(Debug)]
pub(crate) struct PartRead {
    /// The id of the store that it is a copy of.
    pub(crate) store: String,
    pub(crate) revision: u64,
}

impl Backup {
    /// Open a backup, and read its first header.
    ///
    /// # Errors
    ///
    /// [`FileError::Io`], [`FileError::Format`], and [`FileError::Backup`] if it does not begin as a backup does.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let io = |action| FileError::io(path.to_owned(), action);
        if !path.metadata().map_err(io("open it"))?.is_file() {
            let shown = path.display();
            return Err(FileError::Impossible(format!(
                "{shown}: expected a backup, which is a file"
            )));
        }
        let damaged = |what: String| FileError::Backup { path: path.to_owned(), what };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| {
            FileError::Impossible(format!("{}: the name of a backup is UTF-8", path.display()))
        })?;
        let folder = Folder::new(parent.unwrap_or(Path::new(".")).to_owned());
        let file = folder.open(name).map_err(io("open it"))?;
        let start = file.read_some(0, LITTLE).map_err(io("read it"))?;
        if !start.starts_with(BEGINNING) {
            return Err(damaged("it does not begin with the header of a backup".into()));
        }
        let length = file.length().map_err(io("read it"))?;
        let lines = Lines::new(Arc::clone(&file), 0, MUCH);
        let (header, part) = begin(path, lines)?;
        let order = PartName::ALL.iter().filter(|name| header.parts.contains(name));
        let is_first = header.name == PartName::Data && header.parts.first() == Some(&header.name);
        if !is_first || !order.eq(&header.parts) {
            return Err(damaged("the header does not list its parts".into()));
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

    /// The part that [`read`](Self::read) reads next; `None` after the last one.
    pub(crate) fn next(&self) -> Option<PartName> {
        self.next.as_ref().map(|(header, _)| header.name)
    }

    /// Whether there is a part of this name, now or later.
    pub(crate) fn has(&self, name: PartName) -> bool {
        self.next() == Some(name) || self.later.as_slice().contains(&name)
    }

    /// Read the next part. `tell` gets every entry and every change, in order, with its offset. What it got counts only
    /// when the last part was read: the file may end too early, or go on.
    ///
    /// # Errors
    ///
    /// Those of `tell`, [`FileError::Io`], [`FileError::Unreadable`], and [`FileError::Backup`] if the part is not
    /// whole, or not followed by the next part or the end of the file.
    pub(crate) fn read<T: DeserializeOwned>(
        &mut self,
        tell: &mut dyn FnMut(u64, Recovered<T>) -> Result<(), FileError>,
    ) -> Result<PartRead, FileError> {
        let damaged = |what: String| FileError::Backup { path: self.path.clone(), what };
        let Some((PartHeader { name, store, .. }, mut part)) = self.next.take() else {
            return Err(damaged("it has no more parts".into()));
        };
        let end = part.read(tell).map_err(|error| of_backup(error, name.text()))?;
        let (_, lines) = part.into_rest();
        let at = lines.offset();
        match self.later.next() {
            Some(later) => {
                let (header, part) = begin(&self.path, lines)?;
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
                let length = length.map_err(FileError::io(self.path.clone(), "read it"))?;
                if length != at {
                    return Err(damaged(format!("{} bytes follow its end", length - at)));
                }
            }
        }
        Ok(PartRead { store, revision: end.revision })
    }
}

/// Read the header of a part.
fn begin(path: &Path, lines: Lines) -> Result<(PartHeader, Part), FileError> {
    let at = lines.offset();
    let (part, header) = Part::begin(path.to_owned(), lines, PartHeader::of)
        .map_err(|error| of_backup(error, "header"))?;
    let header = header.map_err(|why| FileError::Backup {
        path: path.to_owned(),
        what: format!("the header at byte {at} {why}"),
    })?;
    Ok((header, part))
}

impl PartHeader {
    fn of(line: &Line<'_>) -> Result<Self, String> {
        let known = |name: &str| {
            PartName::of(name).ok_or_else(|| {
                format!(
                    "names an unknown part {name:?}: use the version of mainspring that wrote it"
                )
            })
        };
        let name = line.extra.part.as_deref().ok_or("is that of a journal, and not of a backup")?;
        // A format without the checksum of a whole part cannot be trusted to be whole.
        if line.extra.format == Some(1) {
            return Err("is of format 1, in which there are no backups".into());
        }
        Ok(Self {
            name: known(name)?,
            store: line.extra.store.as_deref().ok_or("names no store")?.to_owned(),
            parts: line.extra.parts.iter().map(|name| known(name)).collect::<Result<_, _>>()?,
            time: match &*line.time {
                "" => None,
                time => Some(parse_time(time).map_err(|error| format!("has no time: {error}"))?),
            },
        })
    }
}

/// A damaged journal can be repaired, and a damaged backup cannot.
fn of_backup(error: FileError, where_to: &str) -> FileError {
    match error {
        FileError::Damaged { path, offset, what } => {
            let what = format!("{what}, at byte {offset} ({where_to})");
            FileError::Backup { path, what }
        }
        other => other,
    }
}
