//! [`Dump`]: reads the changes in the log.

use std::path::Path;
use std::sync::Arc;

use super::{disk, manifest, retry_read};
use crate::journal::file::disk::{Disk, DiskFile};
use crate::journal::file::error::FileError;
use crate::journal::file::line::Sum;
use crate::journal::file::lines::SHORT_READ;
use crate::journal::file::manifest::Manifest;
use crate::journal::file::scan::{Damage, Expected, ScanError, parse_append_at, scan};
use crate::journal::file::segment::{SegmentInfo, read_header, unknown_format};

/// Reads the log line by line, also while a store is running, and continues as it grows.
///
/// A line may be returned shortly before it is synced.
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
    /// The offset of the next append; 0 before the header was read.
    at: u64,
    /// The checksum that the next append must follow; `None` in format 1.
    sum: Option<Sum>,
    /// The newest revision that was read.
    revision: u64,
    /// Lines that were read and not yet returned.
    lines: std::vec::IntoIter<DumpLine>,
}

/// A line of the log: a change or a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DumpLine {
    /// The revision; for a batch, that of its last change.
    pub revision: u64,
    /// The JSON, without the newline.
    pub text: String,
}

impl Dump {
    /// Opens the log. `from` and `to` are the first and the last revision to read; by default, all changes are read,
    /// and the end is never reached.
    ///
    /// # Errors
    ///
    /// If there is no journal, or the first revision was compacted.
    pub fn open(
        folder: impl AsRef<Path>,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Result<Self, FileError> {
        let disk = disk(folder.as_ref());
        let manifest = retry_read(|| manifest(&*disk))?;
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

    /// Returns whether the last revision was returned.
    pub fn is_done(&self) -> bool {
        self.lines.len() == 0 && self.revision >= self.to
    }

    /// Returns the next line, or `None` if there is none yet.
    ///
    /// # Errors
    ///
    /// If the log is damaged, if the next changes were compacted, or if the store has a new id, so that lines that
    /// were already returned may have been lost.
    pub fn next_line(&mut self) -> Result<Option<DumpLine>, FileError> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(line));
            }
            if self.revision >= self.to || !retry_read(|| self.read_more())? {
                return Ok(None);
            }
        }
    }

    /// Reads more lines, which may all be before the first revision. Returns whether there were any.
    fn read_more(&mut self) -> Result<bool, FileError> {
        // The manifest is read before the segment, so that the segment has at least what the manifest records.
        let disk = Arc::clone(&self.disk);
        let manifest = manifest(&*disk)?;
        if manifest.store != self.store {
            return Err(FileError::Impossible(format!(
                "{}: the store has a new id since revision {}; start the dump again",
                disk.path().display(),
                self.revision
            )));
        }
        let listed = manifest.segments.iter().find(|listed| listed.base == self.segment.base);
        let Some(listed) = listed else {
            // If the removed segment was read to its end, the next one may still exist.
            if self.open_next_segment(&manifest)? {
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
            Some(end) if end == self.revision => self.open_next_segment(&manifest),
            Some(_) => {
                let what = "the segment is shorter than it was";
                Err(FileError::Damaged { path, offset: self.at, what })
            }
            None => Ok(false),
        }
    }

    /// Reads the header, which sets the offset of the first append.
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

    /// Continues in the next segment. Returns whether there is one.
    fn open_next_segment(&mut self, manifest: &Manifest) -> Result<bool, FileError> {
        let next = manifest.segments.iter().find(|next| next.base == self.revision);
        let Some(next) = next.filter(|next| next.base > self.segment.base) else {
            return Ok(false);
        };
        (self.segment, self.at) = (next.clone(), 0);
        Ok(true)
    }

    /// Reads the intact appends from the current offset on. Returns whether there were any.
    fn read_appends(&mut self, file: &dyn DiskFile) -> std::io::Result<Result<bool, FileError>> {
        // The log ends with preallocated newlines or with the end of the file.
        if matches!(file.read_some(self.at, 1)?[..], [] | [b'\n']) {
            return Ok(Ok(false));
        }
        let bytes = file.read_some(self.at, usize::MAX)?;
        let (mut at, mut lines) = (0, Vec::new());
        while bytes.get(at).is_some_and(|byte| *byte != b'\n') && self.revision < self.to {
            match parse_append_at(&bytes, at, self.at, (self.revision, self.sum)) {
                Ok(Ok(append)) => {
                    let requested = append.lines.iter().filter(|(_, line)| {
                        !line.is_close()
                            && line.revision() >= self.from
                            && line.first_revision() <= self.to
                    });
                    lines.extend(requested.map(|(offset, line)| DumpLine {
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
        self.lines = lines.into_iter();
        if at == 0
            && let Some(damage) = self.damage(file)?
        {
            let path = self.disk.path().join(self.segment.file());
            return Ok(Err(FileError::damaged(path, &damage)));
        }
        Ok(Ok(at > 0))
    }

    /// Returns the damage at the current offset, unless the append may still be in the process of being written.
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
        "{}: the log was compacted; its oldest change is revision {}",
        disk.path().display(),
        oldest + 1
    ))
}
