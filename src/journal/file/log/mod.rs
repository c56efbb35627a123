//! The end of the log, where appends go.

mod rotate;

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::journal::file::SyncPolicy;
use crate::journal::file::catalog::{Catalog, Unverified};
use crate::journal::file::disk::DiskFile;
use crate::journal::file::line::{After, CLOSE, encode_append, put_append, seal};
use crate::journal::file::segment::{Mark, SegmentInfo};
use crate::journal::file::shortage::is_full;
use crate::journal::{AppendError, Meter};
use crate::model::{Change, StoreId};

/// How much is allocated ahead, as newlines, so that the file stays text and a sync need not record a new
/// length each time.
const AHEAD: usize = 1 << 20;

static NEWLINES: [u8; AHEAD] = [b'\n'; AHEAD];

/// How the log is written.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes: u64,
    pub(crate) store: StoreId,
}

pub(crate) struct Log {
    catalog: Arc<Catalog>,
    meter: Arc<Meter>,
    writing: Writing,
    segment: SegmentInfo,
    file: Arc<dyn DiskFile>,
    /// Where the next append begins.
    end: u64,
    /// Up to where the file was synced.
    synced: u64,
    /// How long the file is.
    length: u64,
    /// The last append of changes. Marks that the journal was closed may follow it.
    last: Mark,
    /// When to try again to begin the next segment, and how long to wait after that.
    postponed: Option<(Instant, Duration)>,
    /// When the oldest append was made that is not synced.
    unsynced_since: Option<Instant>,
    /// Why nothing is written any more.
    failed: Option<Arc<str>>,
    buffer: Vec<u8>,
}

/// A segment's file as it has to be before anything is appended: cut at its end, or with a header.
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
    // What a killed process has written may not be synced yet, and is about to count.
    file.sync()?;
    Ok(end)
}

impl Log {
    /// Go on at the end of a segment that [has begun](begin).
    pub(crate) fn new(
        catalog: Arc<Catalog>,
        meter: Arc<Meter>,
        writing: Writing,
        (segment, file): (SegmentInfo, Arc<dyn DiskFile>),
        end: u64,
        last: Mark,
    ) -> Self {
        catalog.set_segment(&file, end);
        Self {
            catalog,
            meter,
            writing,
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

    /// Append the changes that follow a revision, as safely as was asked for.
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
            // That of a compaction: what was appended before it may be gone.
            return Err(self.fail("sync it", &io::Error::other("a sync has failed before")));
        }
        let Some(last) = changes.last() else { return Ok(()) };
        if after != self.last.revision {
            return Err(AppendError::Conflict);
        }
        self.rotate_if_full()?;
        let after = After { synced: self.synced, prev: self.last.sum };
        let encoded = encode_append(&mut self.buffer, changes, after);
        let sum = encoded.map_err(|why| AppendError::Invalid(why.to_string().into()))?;
        self.write()?;
        self.last = Mark { revision: last.revision, offset: self.end, sum };
        let bytes = self.buffer.len() as u64;
        match self.writing.sync {
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

    /// Write what is in the buffer at the end. If there is no room, the file is as it was before.
    fn write(&mut self) -> Result<(), AppendError> {
        let bytes = self.buffer.len() as u64;
        let end = self.end + bytes;
        if end > self.length {
            // Writing behind the end of a file that was cut would hide that.
            self.verify_segment().map_err(AppendError::Unknown)?;
        }
        if let Err(error) = self.file.write_all_at(&self.buffer, self.end) {
            return Err(self.cut_back("write to it", &error));
        }
        if end > self.length {
            self.length = end;
            // No further than this segment grows. If there is no room for it, it can be done without.
            let ahead = self.writing.segment_bytes.saturating_sub(end).min(AHEAD as u64);
            if let Err(error) = self.file.write_all_at(&NEWLINES[..ahead as usize], end) {
                if !is_full(&error) {
                    return Err(self.fail("write to it", &error));
                }
                if let Err(error) = self.file.set_length(end) {
                    return Err(self.fail("cut it", &error));
                }
            } else {
                self.length += ahead;
            }
            self.catalog.has_grown(self.length);
        }
        self.end = end;
        Ok(())
    }

    /// An append failed half-way. Where there was no room, and the half can be taken back, nothing was
    /// written.
    fn cut_back(&mut self, action: &str, error: &io::Error) -> AppendError {
        if !is_full(error) {
            return self.fail(action, error);
        }
        match self.cut(self.end) {
            Ok(()) => AppendError::Full(self.cause(action, error)),
            Err(error) => self.fail("cut it", &error),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.catalog.cut(&*self.file, length)?;
        self.length = length;
        Ok(())
    }

    /// Which file it is, what was tried, and what the system said.
    fn cause(&self, action: &str, error: &io::Error) -> Arc<str> {
        let path = self.catalog.disk().path().join(self.segment.file());
        format!("{}: cannot {action}: {error}", path.display()).into()
    }

    /// Nothing is written any more: what the system has made of what it could not write is not known, and
    /// it forgets that it could not.
    fn fail(&mut self, action: &str, error: &io::Error) -> AppendError {
        AppendError::Unknown(self.failure(action, error))
    }

    fn failure(&mut self, action: &str, error: &io::Error) -> Arc<str> {
        if let Some(cause) = &self.failed {
            return Arc::clone(cause);
        }
        // In a directory that was removed every call fails, and none of the errors says why.
        if let Err(Unverified::Lost(cause)) = self.catalog.verify() {
            tracing::error!(action, %error, "a call failed in a directory that is lost");
            return self.lose(cause);
        }
        let cause = self.cause(action, error);
        let cause: Arc<str> = format!("{cause}; restart to open it again").into();
        self.failed = Some(Arc::clone(&cause));
        cause
    }

    /// Nothing is written any more: the files are not those that the next start will find.
    fn lose(&mut self, cause: Arc<str>) -> Arc<str> {
        self.failed = Some(Arc::clone(&cause));
        cause
    }

    /// What was synced counts only if the next start finds it: in a file that still has its name, and that
    /// nothing else has cut or written to.
    fn verify_segment(&mut self) -> Result<(), Arc<str>> {
        let length = match (self.file.is_linked(), self.file.length()) {
            (Ok(true), Ok(length)) if length == self.length => return Ok(()),
            (Ok(true), Ok(length)) => length,
            (Ok(false), _) => {
                return Err(match self.catalog.verify() {
                    Err(Unverified::Lost(cause)) => self.lose(cause),
                    _ => self.failure("verify it", &io::Error::other("its name was changed")),
                });
            }
            (Err(error), _) | (_, Err(error)) => return Err(self.failure("verify it", &error)),
        };
        let cause = self.catalog.lose_changed(&self.segment.file(), length, self.length);
        Err(self.lose(cause))
    }

    /// In what time the log has to be synced, if it has to be.
    pub(crate) fn sync_in(&self) -> Option<Duration> {
        match self.writing.sync {
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
            return Err(self.failure("sync it", &error));
        }
        self.meter.synced(start.elapsed());
        self.verify_segment()?;
        self.synced = self.end;
        self.unsynced_since = None;
        self.catalog.set_synced(self.segment.base, self.last);
        Ok(())
    }

    /// Cut off what was allocated ahead, and sync.
    fn trim(&mut self) -> Result<(), Arc<str>> {
        // Cutting would make a file that was cut by another program as long as it should be.
        self.verify_segment()?;
        if self.length > self.end
            && let Err(error) = self.cut(self.end)
        {
            return Err(self.failure("cut it", &error));
        }
        self.try_sync()
    }

    /// Sync, leave a mark that says that everything was, and let the manifest say so.
    pub(crate) fn close(&mut self) -> Result<(), Arc<str>> {
        let closed = self.try_close();
        self.catalog.save_last_mark();
        match (closed, self.writing.sync) {
            // What was acknowledged is not where the next start looks for it.
            (Err(cause), _) if self.catalog.lost().is_some() => Err(cause),
            // What was acknowledged was synced before.
            (Err(error), SyncPolicy::Always) => {
                tracing::warn!(%error, "the journal could not be closed as it should be");
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
            tracing::warn!(%error, "the manifest could not be written at the end");
        }
        self.buffer.clear();
        let revision = self.last.revision;
        let _ = write!(self.buffer, "{{\"record\":\"{CLOSE}\",\"revision\":{revision}");
        put_append(&mut self.buffer, 1, After { synced: self.synced, prev: self.last.sum });
        seal(&mut self.buffer, 0);
        let end = self.end + self.buffer.len() as u64;
        // Where newlines were allocated ahead, it needs no room.
        let marked = self
            .file
            .write_all_at(&self.buffer, self.end)
            .and_then(|()| self.cut(end))
            .and_then(|()| self.file.sync());
        match marked {
            Ok(()) => self.end = end,
            // Everything is synced all the same. Without the mark the next start has to be careful.
            Err(error) => {
                tracing::warn!(%error, "the journal could not be marked as closed");
                let _ = self.cut(self.end);
            }
        }
        Ok(())
    }
}
