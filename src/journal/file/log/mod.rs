//! [`Log`]: the end of the log, where appends are written.

mod rotate;

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::journal::file::SyncPolicy;
use crate::journal::file::catalog::{Catalog, Unverified};
use crate::journal::file::disk::DiskFile;
use crate::journal::file::io_error::is_full;
use crate::journal::file::line::{CLOSE, Predecessor, encode_append, put_append, seal};
use crate::journal::file::segment::{Mark, SegmentInfo};
use crate::journal::{AppendError, Meter};
use crate::model::{Change, StoreId};

/// How much is preallocated, so that a sync need not record a new length each time. Preallocated bytes are newlines,
/// so that the file remains text.
const AHEAD: usize = 1 << 20;

static NEWLINES: [u8; AHEAD] = [b'\n'; AHEAD];

/// Settings of the log.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes: u64,
    pub(crate) store: StoreId,
}

pub(crate) struct Log {
    catalog: Arc<Catalog>,
    meter: Arc<Meter>,
    settings: LogSettings,
    segment: SegmentInfo,
    file: Arc<dyn DiskFile>,
    /// The offset at which the next append begins.
    end: u64,
    /// The offset up to which the file is synced.
    synced: u64,
    /// The length of the file, including preallocated newlines.
    length: u64,
    /// The last append of changes. Close marks may follow it.
    last: Mark,
    /// When a rotation that has failed is tried again, and the delay after that attempt.
    postponed: Option<(Instant, Duration)>,
    /// When the oldest unsynced append was made.
    unsynced_since: Option<Instant>,
    /// The cause of a permanent failure, after which nothing is written any more.
    failed: Option<Arc<str>>,
    buffer: Vec<u8>,
}

/// Prepares the file of a segment for appends: truncates it to `end`, or writes the header if it has none. Returns the
/// length of the file.
pub(crate) fn begin(file: &dyn DiskFile, segment: &SegmentInfo, end: u64) -> io::Result<u64> {
    let header = segment.header();
    let end = if end < header.len() as u64 {
        file.set_length(0)?;
        file.write_all_at(&header, 0)?;
        header.len() as u64
    } else {
        file.set_length(end)?;
        end
    };
    // A killed process may have written appends that are not synced. From here on they count as recovered.
    file.sync()?;
    Ok(end)
}

impl Log {
    /// Continues at the end of a segment that was [prepared](begin).
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        meter: Arc<Meter>,
        settings: LogSettings,
        (segment, file): (SegmentInfo, Arc<dyn DiskFile>),
        end: u64,
        last: Mark,
    ) -> Self {
        catalog.set_segment(&file, end);
        Self {
            catalog,
            meter,
            settings,
            segment,
            file,
            end,
            synced: end,
            length: end,
            last,
            postponed: None,
            unsynced_since: None,
            failed: None,
            buffer: Vec::new(),
        }
    }

    /// Appends the changes that follow a revision, and syncs them as the policy requires.
    pub(crate) fn append<T: Serialize + DeserializeOwned>(
        &mut self,
        after: u64,
        changes: &[Change<T>],
    ) -> Result<(), AppendError> {
        if let Some(cause) = &self.failed {
            return Err(AppendError::Unknown(Arc::clone(cause)));
        }
        if let Some(cause) = self.catalog.lost() {
            return Err(AppendError::Unknown(self.lose(cause)));
        }
        if self.catalog.has_sync_failed() {
            // A sync by a compaction: appends before it may be lost.
            return Err(self.fail("sync", &io::Error::other("an earlier sync has failed")));
        }
        let Some(last) = changes.last() else { return Ok(()) };
        if after != self.last.revision {
            return Err(AppendError::Conflict);
        }
        self.rotate_if_full()?;
        let after = Predecessor { synced: self.synced, prev: self.last.sum };
        let encoded = encode_append(&mut self.buffer, changes, after);
        let sum = encoded.map_err(|why| AppendError::Invalid(why.to_string().into()))?;
        self.write()?;
        self.last = Mark { revision: last.revision, offset: self.end, sum };
        let bytes = self.buffer.len() as u64;
        match self.settings.sync {
            SyncPolicy::Always => {
                self.sync()?;
                self.meter.appended(bytes, true);
            }
            SyncPolicy::Every(_) | SyncPolicy::Os => {
                self.unsynced_since.get_or_insert_with(Instant::now);
                self.meter.appended(bytes, false);
                if self.sync_in() == Some(Duration::ZERO) {
                    self.sync()?;
                }
            }
        }
        self.catalog.set_end(self.end);
        Ok(())
    }

    /// Writes the buffer at the end of the log. If there is no space, the file is unchanged.
    fn write(&mut self) -> Result<(), AppendError> {
        let bytes = self.buffer.len() as u64;
        let end = self.end + bytes;
        if end > self.length {
            // If another program has truncated the file, writing behind its end would hide that.
            self.verify_segment().map_err(AppendError::Unknown)?;
        }
        if let Err(error) = self.file.write_all_at(&self.buffer, self.end) {
            return Err(self.undo_write("write", &error));
        }
        if end > self.length {
            self.length = end;
            // Not beyond the size of a segment. Preallocation is optional: without space, the file is truncated again.
            let ahead = self.settings.segment_bytes.saturating_sub(end).min(AHEAD as u64);
            if let Err(error) = self.file.write_all_at(&NEWLINES[..ahead as usize], end) {
                if !is_full(&error) {
                    return Err(self.fail("write", &error));
                }
                if let Err(error) = self.file.set_length(end) {
                    return Err(self.fail("truncate", &error));
                }
            } else {
                self.length += ahead;
            }
            self.catalog.set_length(self.length);
        }
        self.end = end;
        Ok(())
    }

    /// Handles an append that was written partially. If there was no space and the file can be truncated to its old
    /// end, certainly nothing was written; every other failure is permanent.
    fn undo_write(&mut self, action: &str, error: &io::Error) -> AppendError {
        if !is_full(error) {
            return self.fail(action, error);
        }
        match self.truncate(self.end) {
            Ok(()) => AppendError::Full(self.cause(action, error)),
            Err(error) => self.fail("truncate", &error),
        }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.catalog.truncate(&*self.file, length)?;
        self.length = length;
        Ok(())
    }

    /// The message for a failed operation: the file, the action, and the error of the system.
    fn cause(&self, action: &str, error: &io::Error) -> Arc<str> {
        let path = self.catalog.disk().path().join(self.segment.file());
        format!("{}: cannot {action}: {error}", path.display()).into()
    }

    /// Enters the permanent failure: nothing is written any more. After a failed write or sync it is unknown which
    /// data is on the disk, and the system reports such an error only once.
    fn fail(&mut self, action: &str, error: &io::Error) -> AppendError {
        AppendError::Unknown(self.failure(action, error))
    }

    fn failure(&mut self, action: &str, error: &io::Error) -> Arc<str> {
        if let Some(cause) = &self.failed {
            return Arc::clone(cause);
        }
        // In a removed directory every call fails, and none of the errors states the cause.
        if let Err(Unverified::Lost(cause)) = self.catalog.verify() {
            tracing::error!(action, %error, "an operation failed because the directory is lost");
            return self.lose(cause);
        }
        let cause = self.cause(action, error);
        let cause: Arc<str> = format!("{cause}; restart to open it again").into();
        self.failed = Some(Arc::clone(&cause));
        cause
    }

    /// Enters the permanent failure because the files are not those that the next start will find.
    fn lose(&mut self, cause: Arc<str>) -> Arc<str> {
        self.failed = Some(Arc::clone(&cause));
        cause
    }

    /// Verifies that the next start will find what was synced: the file must still have its name, and no other program
    /// may have truncated or extended it.
    fn verify_segment(&mut self) -> Result<(), Arc<str>> {
        let length = match (self.file.is_linked(), self.file.length()) {
            (Ok(true), Ok(length)) if length == self.length => return Ok(()),
            (Ok(true), Ok(length)) => length,
            (Ok(false), _) => {
                return Err(match self.catalog.verify() {
                    Err(Unverified::Lost(cause)) => self.lose(cause),
                    _ => self.failure("verify", &io::Error::other("its name was changed")),
                });
            }
            (Err(error), _) | (_, Err(error)) => return Err(self.failure("verify", &error)),
        };
        let cause = self.catalog.lose_changed(&self.segment.file(), length, self.length);
        Err(self.lose(cause))
    }

    /// The time until the next sync is due, if there is one.
    pub(crate) fn sync_in(&self) -> Option<Duration> {
        match self.settings.sync {
            SyncPolicy::Every(period) if self.failed.is_none() => {
                Some(period.saturating_sub(self.unsynced_since?.elapsed()))
            }
            _ => None,
        }
    }

    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        self.try_sync().map_err(AppendError::Unknown)
    }

    fn try_sync(&mut self) -> Result<(), Arc<str>> {
        let start = Instant::now();
        if let Err(error) = self.catalog.sync(&*self.file) {
            return Err(self.failure("sync", &error));
        }
        self.meter.synced(start.elapsed());
        self.verify_segment()?;
        self.synced = self.end;
        self.unsynced_since = None;
        self.catalog.set_synced(self.segment.base, self.last);
        Ok(())
    }

    /// Removes the preallocated newlines, and syncs.
    fn trim(&mut self) -> Result<(), Arc<str>> {
        // Verified first: setting the length would extend a file that another program has truncated.
        self.verify_segment()?;
        if self.length > self.end
            && let Err(error) = self.truncate(self.end)
        {
            return Err(self.failure("truncate", &error));
        }
        self.try_sync()
    }

    /// Syncs, records that in the manifest, and appends a close mark, which states that everything before it is
    /// synced.
    pub(crate) fn close(&mut self) -> Result<(), Arc<str>> {
        let closed = self.try_close();
        self.catalog.save_last_mark();
        match (closed, self.settings.sync) {
            // Acknowledged changes are not where the next start looks for them.
            (Err(cause), _) if self.catalog.lost().is_some() => Err(cause),
            // Acknowledged changes were synced before.
            (Err(error), SyncPolicy::Always) => {
                tracing::warn!(%error, "cannot close the journal cleanly");
                Ok(())
            }
            (Err(cause), _) => Err(cause),
            (Ok(()), _) => Ok(()),
        }
    }

    fn try_close(&mut self) -> Result<(), Arc<str>> {
        if let Some(cause) = &self.failed {
            return Err(Arc::clone(cause));
        }
        if let Err(Unverified::Lost(cause)) = self.catalog.verify_all() {
            return Err(self.lose(cause));
        }
        self.try_sync()?;
        if let Err(error) = self.catalog.save_mark() {
            tracing::warn!(%error, "cannot write the manifest while closing the journal");
        }
        self.buffer.clear();
        let revision = self.last.revision;
        let _ = write!(self.buffer, "{{\"record\":\"{CLOSE}\",\"revision\":{revision}");
        put_append(&mut self.buffer, 1, Predecessor { synced: self.synced, prev: self.last.sum });
        seal(&mut self.buffer, 0);
        let end = self.end + self.buffer.len() as u64;
        // In preallocated newlines this needs no space.
        let marked = self
            .file
            .write_all_at(&self.buffer, self.end)
            .and_then(|()| self.truncate(end))
            .and_then(|()| self.file.sync());
        match marked {
            Ok(()) => self.end = end,
            // Everything is synced. Without the mark, the next start assumes that the store was killed.
            Err(error) => {
                tracing::warn!(%error, "cannot write the close mark of the journal");
                let _ = self.truncate(self.end);
            }
        }
        Ok(())
    }
}
