//! Reader of changes that have left the history and are still in the segments. It works concurrently with the writer
//! thread.

use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::catalog::Catalog;
use super::disk::DiskFile;
use super::error::FileError;
use super::line::{Line, unseal};
use super::lines::{Lines, SEQUENTIAL_READ, SHORT_READ};
use super::segment::SegmentInfo;
use crate::journal::codec::Decoder;
use crate::journal::{JournalError, Past, PastChanges, ReadError};
use crate::model::Change;

/// Limit of the changes in one page, unless a single batch has more.
const PAGE: usize = 1_024;

pub(crate) struct PastReader<T> {
    catalog: Arc<Catalog>,
    marker: PhantomData<fn() -> T>,
}

impl<T> PastReader<T> {
    pub(crate) fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, marker: PhantomData }
    }
}

impl<T: DeserializeOwned + Send + 'static> Past<T> for PastReader<T> {
    fn oldest(&self) -> u64 {
        self.catalog.oldest()
    }

    fn read(&self, after: u64, up_to: u64) -> PastChanges<'_, T> {
        let catalog = Arc::clone(&self.catalog);
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || read_page(&catalog, after, up_to));
            match read.await {
                Ok(read) => read,
                Err(error) => Err(JournalError::new(format!(
                    "the task that reads older changes has failed: {error}"
                ))
                .into()),
            }
        })
    }
}

/// Reads a page of changes after a revision, from the segment that contains them.
pub(crate) fn read_page<T: DeserializeOwned>(
    catalog: &Catalog,
    after: u64,
    up_to: u64,
) -> Result<Vec<Change<T>>, ReadError> {
    let (segments, end) = catalog.segments();
    let mut changes = Vec::new();
    if after >= up_to {
        return Ok(changes);
    }
    let oldest = segments.first().map_or(0, |segment| segment.base);
    let segment = segments.iter().rfind(|segment| segment.base <= after);
    let Some(segment) = segment else { return Err(ReadError::Compacted { oldest }) };
    let path = catalog.disk().path().join(segment.file());
    let file = match catalog.disk().open(&segment.file()) {
        Ok(file) => file,
        // A compaction has just removed it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // If the store has ended, that may have been another process, which this catalog does not reflect.
            let oldest = catalog.oldest().max(segment.end.unwrap_or(up_to));
            return Err(ReadError::Compacted { oldest });
        }
        Err(error) => return Err(failed(FileError::io(path, "open")(error))),
    };
    let end = segment.bytes.unwrap_or(end);
    let start = seek(&file, end, after).map_err(FileError::io(path.clone(), "read"));
    let mut lines = Lines::new(file, start.map_err(failed)?, SEQUENTIAL_READ);
    let mut decoder = Decoder::default();
    while changes.len() < PAGE && lines.offset() < end {
        let line = lines.next().map_err(FileError::io(path.clone(), "read"));
        let Some((offset, text)) = line.map_err(failed)? else { break };
        if unseal(text).is_none() {
            return Err(damaged(segment, path, offset, "the checksum does not match the line"));
        }
        let part = Line::parse(text).and_then(|line| {
            let is_requested =
                line.revision() > after && line.revision() <= up_to && !line.is_close();
            if is_requested { decoder.changes(&line) } else { Ok(Vec::new()) }
        });
        let part = part.map_err(FileError::unreadable(path.clone(), offset));
        changes.extend(part.map_err(failed)?);
        if changes.last().is_some_and(|change: &Change<T>| change.revision >= up_to) {
            break;
        }
    }
    let last = changes.last().map_or(after, |change| change.revision);
    if changes.len() < PAGE && segment.end.is_some_and(|end| last < end.min(up_to)) {
        return Err(damaged(segment, path, lines.offset(), "changes are missing"));
    }
    Ok(changes)
}

/// The error for a damaged segment. In a complete segment the damage is permanent, so the subscriber must start from a
/// snapshot. In the current segment it is a failure of the journal.
fn damaged(
    segment: &SegmentInfo,
    path: std::path::PathBuf,
    offset: u64,
    what: &'static str,
) -> ReadError {
    let error = FileError::Damaged { path, offset, what };
    match segment.end {
        Some(oldest) => {
            tracing::error!(%error, oldest, "older changes cannot be read");
            ReadError::Compacted { oldest }
        }
        None => failed(error),
    }
}

fn failed(error: FileError) -> ReadError {
    ReadError::Failed(error.into())
}

/// Finds an offset at most a few kilobytes before the first change after a revision, by a binary search over the
/// lines,
/// which are ordered by revision.
fn seek(file: &Arc<dyn DiskFile>, end: u64, after: u64) -> io::Result<u64> {
    const NEAR: u64 = 16 << 10;
    let (mut low, mut high) = (0, end);
    while high.saturating_sub(low) > NEAR {
        let middle = low + (high - low) / 2;
        let mut lines = Lines::new(Arc::clone(file), middle, SHORT_READ);
        // Skip the rest of the line in the middle.
        if lines.next()?.is_none() {
            high = middle;
            continue;
        }
        let at = lines.offset();
        let revision = match lines.next()? {
            Some((offset, text)) if offset < high => {
                unseal(text).and_then(|_| Line::parse(text).ok()).map(|line| line.revision())
            }
            _ => None,
        };
        match revision {
            Some(revision) if revision <= after => low = at,
            Some(_) => high = middle,
            // A long line reaches the end, or the line is damaged, which is reported when it is read.
            None => high = middle,
        }
    }
    Ok(low)
}
