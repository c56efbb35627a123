//! Rotation: continuing the log in another segment.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Log, begin};
use crate::journal::AppendError;
use crate::journal::file::catalog::RotateError;
use crate::journal::file::disk::DiskFile;
use crate::journal::file::io_error::is_transient;
use crate::journal::file::segment::{Mark, SegmentInfo};

/// The first and the longest delay before a rotation that found no space or file descriptor is tried again.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LONGEST_RETRY: Duration = Duration::from_secs(10);

impl Log {
    /// Rotates if the current segment is large enough. If there is no space or no file descriptor for another one,
    /// appends continue in the current segment, and the rotation is tried again later.
    pub(super) fn rotate_if_full(&mut self) -> Result<(), AppendError> {
        let is_due = self.postponed.is_none_or(|(next, _)| Instant::now() >= next);
        if self.end < self.settings.segment_bytes || !is_due {
            return Ok(());
        }
        match self.begin_next() {
            Ok(()) => {
                if self.postponed.take().is_some() {
                    tracing::info!(
                        segment = self.segment.file(),
                        "the log continues in a new segment"
                    );
                }
                Ok(())
            }
            Err(RotateError::Unchanged(error)) => {
                let wait = self.postponed.map_or(FIRST_RETRY, |(_, wait)| wait);
                tracing::warn!(
                    segment = self.segment.file(), %error, retry_in = ?wait,
                    "cannot create the next segment of the log; appends continue in the current one"
                );
                let longer = (wait * 2).min(LONGEST_RETRY);
                self.postponed = Some((Instant::now() + wait, longer));
                Ok(())
            }
            Err(RotateError::Unknown(error)) => {
                Err(self.fail("create the next segment after it", &error))
            }
        }
    }

    /// Rotates now, unless the current segment has no appends.
    ///
    /// # Errors
    ///
    /// [`AppendError::Full`] if the log continues in the current segment.
    pub(crate) fn rotate(&mut self) -> Result<(), AppendError> {
        if let Some(cause) = &self.failed {
            return Err(AppendError::Unknown(Arc::clone(cause)));
        }
        const ACTION: &str = "create the next segment after it";
        self.begin_next().map_err(|error| match error {
            RotateError::Unchanged(error) => AppendError::Full(self.cause(ACTION, &error)),
            RotateError::Unknown(error) => self.fail(ACTION, &error),
        })
    }

    /// Continues in another segment, unless the current one has no appends.
    fn begin_next(&mut self) -> Result<(), RotateError> {
        let Mark { revision, sum, .. } = self.last;
        if revision == self.segment.base {
            return Ok(());
        }
        let next = SegmentInfo::new(revision, self.settings.store, sum);
        let (file, end) = self.create(&next)?;
        if let Err(cause) = self.trim() {
            let _ = self.catalog.disk().remove(&next.file());
            return Err(RotateError::Unknown(io::Error::other(cause.to_string())));
        }
        let rotated = self.catalog.rotate(revision, self.end, next.clone(), (&file, end));
        if let Err(RotateError::Unchanged(_)) = &rotated {
            // If this fails, the next start removes the file.
            let _ = self.catalog.disk().remove(&next.file());
        }
        rotated?;
        (self.segment, self.file) = (next, file);
        (self.end, self.synced, self.length) = (end, end, end);
        self.last.offset = end;
        self.catalog.set_end(end);
        Ok(())
    }

    /// Creates the file of the next segment, with its header.
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
            if is_transient(&error) {
                // If this fails, the next start removes the file.
                let _ = disk.remove(&next.file());
                RotateError::Unchanged(error)
            } else {
                RotateError::Unknown(error)
            }
        })
    }
}
