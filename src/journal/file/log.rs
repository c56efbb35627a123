//! The end of the log, where appends go.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Sync;
use super::catalog::{Catalog, is_full};
use super::disk::DiskFile;
use super::line::{Codec, seal};
use super::segment::SegmentInfo;
use crate::journal::{AppendError, Meter};
use crate::{Change, StoreId};

/// How much is allocated ahead, as newlines, so that the file stays text and a sync need not record a new
/// length each time.
const AHEAD: usize = 1 << 20;

static NEWLINES: [u8; AHEAD] = [b'\n'; AHEAD];

/// How the log is written.
#[derive(Debug, Clone)]
pub(crate) struct Writing {
    pub(crate) sync: Sync,
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
    head: u64,
    /// When the oldest append was made that is not synced.
    unsynced_since: Option<Instant>,
    /// Why nothing is written any more.
    failed: Option<Arc<str>>,
    codec: Codec,
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
        segment: SegmentInfo,
        end: u64,
        head: u64,
    ) -> io::Result<Self> {
        let file = catalog.disk().create(&segment.file())?;
        Ok(Self {
            catalog,
            meter,
            writing,
            segment,
            file,
            end,
            synced: end,
            length: end,
            head,
            unsynced_since: None,
            failed: None,
            codec: Codec::default(),
            buffer: Vec::new(),
        })
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
        if self.catalog.has_sync_failed() {
            // That of a compaction: what was appended before it may be gone.
            return Err(self.fail("sync it", &io::Error::other("a sync has failed before")));
        }
        let Some(last) = changes.last() else { return Ok(()) };
        if after != self.head {
            return Err(AppendError::Conflict);
        }
        self.rotate_if_full()?;
        let encoded = self.codec.append(&mut self.buffer, changes, self.synced);
        encoded.map_err(|why| AppendError::Invalid(why.to_string().into()))?;
        self.write()?;
        self.head = last.revision;
        let bytes = self.buffer.len() as u64;
        match self.writing.sync {
            Sync::Always => {
                self.sync()?;
                self.meter.appended(bytes, true);
            }
            Sync::Every(_) | Sync::Os => {
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
        match self.file.set_length(self.end) {
            Ok(()) => {
                self.length = self.end;
                AppendError::Full(self.cause(action, error))
            }
            Err(error) => self.fail("cut it", &error),
        }
    }

    /// Which file it is, what was tried, and what the system said.
    fn cause(&self, action: &str, error: &io::Error) -> Arc<str> {
        let path = self.catalog.disk().path().join(self.segment.file());
        format!("{}: cannot {action}: {error}", path.display()).into()
    }

    /// Nothing is written any more: what the system has made of what it could not write is not known, and
    /// it forgets that it could not.
    fn fail(&mut self, action: &str, error: &io::Error) -> AppendError {
        let cause = self.cause(action, error);
        let cause: Arc<str> = format!("{cause}; restart to open it again").into();
        self.failed = Some(Arc::clone(&cause));
        AppendError::Unknown(cause)
    }

    /// In what time the log has to be synced, if it has to be.
    pub(crate) fn sync_in(&self) -> Option<Duration> {
        match self.writing.sync {
            Sync::Every(period) if self.failed.is_none() => {
                Some(period.saturating_sub(self.unsynced_since?.elapsed()))
            }
            _ => None,
        }
    }

    pub(crate) fn sync(&mut self) -> Result<(), AppendError> {
        let start = Instant::now();
        if let Err(error) = self.catalog.sync(&*self.file) {
            return Err(self.fail("sync it", &error));
        }
        self.meter.synced(start.elapsed());
        self.synced = self.end;
        self.unsynced_since = None;
        Ok(())
    }

    /// Go on in another segment if this one is large enough.
    fn rotate_if_full(&mut self) -> Result<(), AppendError> {
        if self.end < self.writing.segment_bytes { Ok(()) } else { self.rotate() }
    }

    /// Go on in another segment, unless this one has no appends.
    pub(crate) fn rotate(&mut self) -> Result<(), AppendError> {
        if self.head == self.segment.base {
            return Ok(());
        }
        self.trim()?;
        let next = SegmentInfo::new(self.head, self.writing.store);
        let created = || -> io::Result<_> {
            let file = self.catalog.disk().create(&next.file())?;
            let end = begin(&*file, &next, 0)?;
            self.catalog.disk().sync_folder()?;
            Ok((file, end))
        };
        let (file, end) = match created() {
            Ok(created) => created,
            Err(error) if is_full(&error) => {
                // The next start removes it if this cannot.
                let _ = self.catalog.disk().remove(&next.file());
                return Err(AppendError::Full(
                    self.cause("begin the next segment after it", &error),
                ));
            }
            Err(error) => return Err(self.fail("begin the next segment after it", &error)),
        };
        match self.catalog.rotate(self.head, self.end, next.clone()) {
            Ok(true) => {}
            Ok(false) => {
                let error = io::ErrorKind::StorageFull.into();
                return Err(AppendError::Full(
                    self.cause("list the next segment after it", &error),
                ));
            }
            Err(error) => return Err(self.fail("list the next segment after it", &error)),
        }
        (self.segment, self.file) = (next, file);
        (self.end, self.synced, self.length) = (end, end, end);
        self.catalog.set_end(end);
        Ok(())
    }

    /// Cut off what was allocated ahead, and sync.
    fn trim(&mut self) -> Result<(), AppendError> {
        if self.length > self.end {
            if let Err(error) = self.file.set_length(self.end) {
                return Err(self.fail("cut it", &error));
            }
            self.length = self.end;
        }
        self.sync()
    }

    /// Sync, and leave a mark that says that everything was.
    pub(crate) fn close(&mut self) -> Result<(), Arc<str>> {
        let closed = self.try_close();
        match (closed, self.writing.sync) {
            // What was acknowledged was synced before.
            (Err(error), Sync::Always) => {
                tracing::warn!(%error, "the journal could not be closed as it should be");
                Ok(())
            }
            (Err(AppendError::Unknown(cause)), _) => Err(cause),
            (Err(_) | Ok(()), _) => Ok(()),
        }
    }

    fn try_close(&mut self) -> Result<(), AppendError> {
        if let Some(cause) = &self.failed {
            return Err(AppendError::Unknown(Arc::clone(cause)));
        }
        self.trim()?;
        let (head, synced) = (self.head, self.synced);
        self.buffer.clear();
        self.buffer.extend_from_slice(
            format!("{{\"revision\":{head},\"command\":\"close\",\"lines\":1,\"synced\":{synced}")
                .as_bytes(),
        );
        seal(&mut self.buffer, 0);
        let end = self.end + self.buffer.len() as u64;
        let marked = self.file.write_all_at(&self.buffer, self.end).and_then(|()| self.file.sync());
        match marked {
            Ok(()) => (self.end, self.length) = (end, end),
            // Everything is synced all the same. Without the mark the next start has to be careful.
            Err(error) => {
                tracing::warn!(%error, "the journal could not be marked as closed");
                let _ = self.file.set_length(self.end);
            }
        }
        Ok(())
    }
}
