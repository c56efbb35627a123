//! The changes, as the log has them.

use std::path::Path;
use std::sync::Arc;

use super::{disk, manifest, patiently};
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::error::FileError;
use crate::journal::file::line::Sum;
use crate::journal::file::lines::SHORT_READ;
use crate::journal::file::manifest::Manifest;
use crate::journal::file::scan::{Damage, Expected, ScanError, append_at, scan};
use crate::journal::file::segment::{SegmentInfo, read_header, unknown_format};

/// Reads the log line by line, beside a running store if there is one, and goes on as it grows.
///
/// A line may be told of the moment before it is synced.
///
/// # Examples
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{thread::sleep, time::Duration};
/// use mainspring::journal::file::tools::Dump;
///
/// let mut dump = Dump::open("data", None, None)?;
/// while !dump.is_done() {
///     match dump.next_line()? {
///         Some(line) => println!("{}", line.text),
///         None => sleep(Duration::from_millis(100)), // nothing new yet
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Dump {
    disk: Arc<dyn Disk>,
    store: String,
    from: u64,
    to: u64,
    segment: SegmentInfo,
    /// What follows is read from here on; at 0 the header is still to be read.
    at: u64,
    /// The checksum that the next append follows; `None` in format 1.
    sum: Option<Sum>,
    /// The newest revision that was read.
    revision: u64,
    /// Lines that were read, and are not yet told.
    lines: std::vec::IntoIter<DumpLine>,
}

/// A line of the log: a change or a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpLine {
    /// Its revision; that of a batch is the last of its changes.
    pub revision: u64,
    /// The JSON, without the newline.
    pub text: String,
}

impl Dump {
    /// The changes from a revision, or the oldest there is, to a revision, or the newest that ever comes.
    ///
    /// # Errors
    ///
    /// If there is no journal, or it no longer has the first of them.
    pub fn open(
        folder: impl AsRef<Path>,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Self, FileError> {
        let disk = disk(folder.as_ref());
        let manifest = patiently(|| manifest(&*disk))?;
        let oldest = manifest.oldest();
        let from = from.unwrap_or(oldest + 1).max(1);
        let segment = manifest.segments.iter().rfind(|segment| segment.base < from).cloned();
        let segment = segment.ok_or_else(|| compacted(&*disk, oldest))?;
        Ok(Self {
            disk,
            store: manifest.store,
            from,
            to: to.unwrap_or(u64::MAX),
            at: 0,
            sum: None,
            revision: segment.base,
            segment,
            lines: Vec::new().into_iter(),
        })
    }

    /// Whether everything that was asked for has been told.
    pub fn is_done(&self) -> bool {
        self.lines.len() == 0 && self.revision >= self.to
    }

    /// The next line; `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// If the log is damaged, if what follows was compacted away, or if the store has a new id, so that what
    /// was told of it may not have happened.
    pub fn next_line(&mut self) -> Result<Option<DumpLine>, FileError> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(line));
            }
            if self.revision >= self.to || !patiently(|| self.read_more())? {
                return Ok(None);
            }
        }
    }

    /// Read some more lines, which may be none of those asked for. Whether there was anything.
    fn read_more(&mut self) -> Result<bool, FileError> {
        // First: whatever it says of the segment is in the file by now.
        let disk = Arc::clone(&self.disk);
        let manifest = manifest(&*disk)?;
        if manifest.store != self.store {
            return Err(FileError::Impossible(format!(
                "{}: the store has a new id since revision {}: dump it again",
                disk.path().display(),
                self.revision
            )));
        }
        let listed = manifest.segments.iter().find(|listed| listed.base == self.segment.base);
        let Some(listed) = listed else {
            // It was read to its end, perhaps: then what follows is still there.
            if self.go_on(&manifest)? {
                return Ok(true);
            }
            return Err(compacted(&*disk, manifest.oldest()));
        };
        self.segment = listed.clone();
        let path = disk.path().join(self.segment.file());
        let io = |action| FileError::io(path.clone(), action);
        let file = disk.open(&self.segment.file()).map_err(io("open"))?;
        if self.at == 0 {
            self.read_header(&path, &file.read_some(0, SHORT_READ).map_err(io("read"))?)?;
        }
        if self.read_appends(&*file).map_err(io("read"))?? {
            return Ok(true);
        }
        match self.segment.end {
            Some(end) if end == self.revision => self.go_on(&manifest),
            Some(_) => {
                let what = "the segment is shorter than it was";
                Err(FileError::Damaged { path, offset: self.at, what })
            }
            None => Ok(false),
        }
    }

    /// Where the appends begin.
    fn read_header(&mut self, path: &Path, bytes: &[u8]) -> Result<(), FileError> {
        if let Some(format) = unknown_format(bytes) {
            return Err(FileError::Format { path: path.into(), format });
        }
        let what = "the header is missing or damaged";
        let damaged = || FileError::Damaged { path: path.into(), offset: 0, what };
        let header = read_header(bytes).map_err(FileError::unreadable(path.into(), 0))?;
        let (header, length) = header.ok_or_else(damaged)?;
        (self.at, self.sum) = (length as u64, header.prev);
        Ok(())
    }

    /// In the next segment.
    fn go_on(&mut self, manifest: &Manifest) -> Result<bool, FileError> {
        let next = manifest.segments.iter().find(|next| next.base == self.revision);
        let Some(next) = next.filter(|next| next.base > self.segment.base) else {
            return Ok(false);
        };
        (self.segment, self.at) = (next.clone(), 0);
        Ok(true)
    }

    /// The whole appends from here on.
    fn read_appends(&mut self, file: &dyn DiskFile) -> std::io::Result<Result<bool, FileError>> {
        // The end is newlines, or where the file ends.
        if matches!(file.read_some(self.at, 1)?[..], [] | [b'\n']) {
            return Ok(Ok(false));
        }
        let bytes = file.read_some(self.at, usize::MAX)?;
        let (mut at, mut told) = (0, Vec::new());
        while bytes.get(at).is_some_and(|byte| *byte != b'\n') && self.revision < self.to {
            match append_at(&bytes, at, self.at, (self.revision, self.sum)) {
                Ok(Ok(append)) => {
                    let wanted = append.lines.iter().filter(|(_, line)| {
                        !line.is_close()
                            && line.revision() >= self.from
                            && line.first_revision() <= self.to
                    });
                    told.extend(wanted.map(|(offset, line)| DumpLine {
                        revision: line.revision(),
                        text: text_at(&bytes, *offset),
                    }));
                    if !append.is_close() {
                        self.sum = self.sum.and(Some(append.sum));
                    }
                    (at, self.revision) = (append.next, append.revision);
                }
                Ok(Err(_)) => break,
                Err((offset, why)) => {
                    let path = self.disk.path().join(self.segment.file());
                    return Ok(Err(FileError::unreadable(path, self.at + offset)(why)));
                }
            }
        }
        self.at += at as u64;
        self.lines = told.into_iter();
        if at == 0
            && let Some(damage) = self.damage(file)?
        {
            let path = self.disk.path().join(self.segment.file());
            return Ok(Err(FileError::damaged(path, &damage)));
        }
        Ok(Ok(at > 0))
    }

    /// What is here is no append: perhaps it is being written just now, perhaps it is damaged.
    fn damage(&self, file: &dyn DiskFile) -> std::io::Result<Option<Damage>> {
        let expected = Expected::default();
        let scanned =
            scan(&file.read_all()?, &self.segment, expected, |_| Ok::<_, ScanError<()>>(()));
        let damage = scanned.ok().and_then(|scan| scan.damage);
        let is_complete = self.segment.end.is_some();
        Ok(damage.filter(|damage| damage.start == self.at && (is_complete || damage.is_final())))
    }
}

fn text_at(bytes: &[u8], offset: u64) -> String {
    let line = bytes.get(offset as usize..).unwrap_or_default();
    let end = memchr::memchr(b'\n', line).unwrap_or(line.len());
    String::from_utf8_lossy(&line[..end]).into_owned()
}

fn compacted(disk: &dyn Disk, oldest: u64) -> FileError {
    FileError::Impossible(format!(
        "{}: the log was compacted: its oldest change is revision {}",
        disk.path().display(),
        oldest + 1
    ))
}
