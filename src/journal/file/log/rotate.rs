//! Going on in another segment.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Log, begin};
use crate::journal::AppendError;
use crate::journal::file::catalog::RotateError;
use crate::journal::file::disk::DiskFile;
use crate::journal::file::segment::{Mark, SegmentInfo};
use crate::journal::file::shortage::is_shortage;

/// How long a rotation that found no room or no descriptor is put off, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

impl Log {
    /// Go on in another segment if this one is large enough. Where there is no room or no descriptor for it, appends
    /// go on in this one, and it is tried again later.
    pub(super) fn rotate_if_full(&mut self) -> Result<(), AppendError> {
        let is_due = self.postponed.is_none_or(|(next, _)| Instant::now() >= next);
        if self.end < self.writing.segment_bytes || !is_due {
            return Ok(());
        }
        match self.begin_next() {
            Ok(()) => {
                if self.postponed.take().is_some() {
                    tracing::info!(
                        segment = self.segment.file(),
                        "the log goes on in a new segment"
                    );
                }
                Ok(())
            }
            Err(RotateError::Unchanged(error)) => {
                let wait = self.postponed.map_or(FIRST_RETRY, |(_, wait)| wait);
                tracing::warn!(
                    segment = self.segment.file(), %error, retry_in = ?wait,
                    "the next segment of the log cannot be begun: appends go on in this one"
                );
                let longer = (wait * 2).min(LONGEST_RETRY);
                self.postponed = Some((Instant::now() + wait, longer));
                Ok(())
            }
            Err(RotateError::Unknown(error)) => {
                Err(self.fail("begin the next segment after it", &error))
            }
        }
    }

    /// Go on in another segment now, unless this one has no appends.
    ///
    /// # Errors
    ///
    /// [`AppendError::Full`] if the log stays in this one.
    pub(crate) fn rotate(&mut self) -> Result<(), AppendError> {
        if let Some(cause) = &self.failed {
            return Err(AppendError::Unknown(Arc::clone(cause)));
        }
        const ACTION: &str = "begin the next segment after it";
        self.begin_next().map_err(|error| match error {
            RotateError::Unchanged(error) => AppendError::Full(self.cause(ACTION, &error)),
            RotateError::Unknown(error) => self.fail(ACTION, &error),
        })
    }

    /// Go on in another segment, unless this one has no appends.
    fn begin_next(&mut self) -> Result<(), RotateError> {
        let Mark { revision, sum, .. } = self.last;
        if revision == self.segment.base {
            return Ok(());
        }
        let next = SegmentInfo::new(revision, self.writing.store, sum);
        let (file, end) = self.create(&next)?;
        if let Err(cause) = self.trim() {
            let _ = self.catalog.disk().remove(&next.file());
            return Err(RotateError::Unknown(io::Error::other(cause.to_string())));
        }
        let rotated = self.catalog.rotate(revision, self.end, next.clone(), (&file, end));
        if let Err(RotateError::Unchanged(_)) = &rotated {
            // The next start removes it if this cannot.
            let _ = self.catalog.disk().remove(&next.file());
        }
        rotated?;
        (self.segment, self.file) = (next, file);
        (self.end, self.synced, self.length) = (end, end, end);
        self.last.offset = end;
        self.catalog.set_end(end);
        Ok(())
    }

    /// The file of the next segment, with its header.
    fn create(&self, next: &SegmentInfo) -> Result<(Arc<dyn DiskFile>, u64), RotateError> {
        let disk = self.catalog.disk();
        let create = || -> io::Result<_> {
            let file = disk.create(&next.file())?;
            file.lock()?;
            let end = begin(&*file, next, 0)?;
            disk.sync_folder()?;
            Ok((file, end))
        };
        create().map_err(|error| {
            if is_shortage(&error) {
                // The next start removes it if this cannot.
                let _ = disk.remove(&next.file());
                RotateError::Unchanged(error)
            } else {
                RotateError::Unknown(error)
            }
        })
    }
}
