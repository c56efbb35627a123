//! [`FileJournal`]: a journal in a directory, for durability on one machine without a database server.

pub(crate) mod backup;
mod catalog;
mod compact;
mod disk;
mod error;
mod folder;
mod io_error;
mod line;
mod lines;
mod log;
mod maintenance;
mod manifest;
mod past_reader;
mod recover;
mod replay;
mod scan;
mod segment;
mod snapshot;
mod snapshot_text;
mod sync;
pub mod tools;
mod unlisted_files;
mod writer;

use std::fmt;
use std::future::pending;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::catalog::Catalog;
pub use self::disk::{Disk, DiskFile};
pub use self::error::FileError;
use self::past_reader::PastReader;
use self::recover::Lock;
pub use self::replay::Progress;
pub use self::sync::{InvalidSyncPolicy, SyncPolicy};
use self::writer::{OpenMessage, Setup, Writer, WriterCommand};
use super::{AppendError, Compaction, Journal, JournalError, Meter, Past, ReadError, Recover};
use crate::journal::Snapshot;
use crate::model::{Change, StoreId};

type OnProgress = Option<Box<dyn FnMut(Progress) + Send>>;

/// A journal in a directory of the file system.
///
/// The directory contains a manifest, the log in segments, and snapshots. All of them are lines of JSON that `grep`
/// and `jq` can process; `docs/journal.md` describes the format. Only one process at a time can open the directory.
///
/// Every turn of the owner is one append and one sync, in a dedicated thread, so that many callers share a sync. When
/// the log has grown enough, a compaction replaces it by a snapshot while the store keeps running.
///
/// # Ownership of the directory
///
/// The directory is opened once. The directory, the file `LOCK` in it and the current segment are locked, so removing
/// `LOCK` does not admit a second process. The directory is created with mode 0700 and files with mode 0600; a warning
/// lists existing files that other users can read.
///
/// A journal that loses its directory fails permanently. After each sync, and before the changes are acknowledged, the
/// segment must still have its name and its length. Before a rotation, before a snapshot is installed, and during the
/// close, the path must still lead to the directory that was opened, and `LOCK` must be the file that was locked. If
/// not, [`close`](Journal::close) returns an error too, under every [`SyncPolicy`].
///
/// The following is not detected, or only by the next check:
///
/// - Under [`SyncPolicy::Always`], no change is acknowledged after its segment was removed, moved, replaced or cut.
///   If
///   only the *path* leads elsewhere, because the directory was moved or a symbolic link changed, changes are still
///   acknowledged until the next check; they are in the moved directory and nowhere else.
/// - Under the other policies, changes that were acknowledged since the last check are lost with a removed segment.
/// - Bytes that another program changes inside the segment without changing its length are detected at the next
///   start.
/// - A file system whose inode numbers change while a file is open is not supported.
///
/// # Elements
///
/// Elements are stored as JSON, so `T` must be representable in JSON. Writes with numbers that are not finite, or with
/// more than 127 levels of nesting, are rejected with [`Error::Refused`](crate::Error::Refused). A type that
/// serializes to JSON that it cannot deserialize cannot be recovered; a NaN in an `Option` is recovered as `None`.
///
/// # Failures
///
/// - **No space.** Writes fail with [`JournalFull`](crate::Error::JournalFull) and nothing is lost. They succeed
///   again
///   as soon as there is space.
/// - **Any other failed write or sync** is permanent until the store is started again. The writes of that turn fail
///   with
///   [`Unknown`](crate::Error::Unknown), later ones with [`JournalFailed`](crate::Error::JournalFailed) and the
///   cause.
///   Reads continue. A sync is never retried, because the system may have dropped the pages that it could not write,
///   and
///   the second sync would succeed without them.
/// - **A power cut** may leave the last append incomplete. Under [`SyncPolicy::Always`] such an append was not
///   acknowledged; the other policies state what they can lose. The next start moves it to a separate file, with a
///   warning.
/// - **A directory that was removed or replaced** fails the journal and its close, as described above.
/// - **Damage** to acknowledged changes makes the start fail, and nothing is changed.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = std::env::temp_dir().join(format!("mainspring-doc-{}", std::process::id()));
/// use mainspring::Store;
/// use mainspring::journal::FileJournal;
///
/// let store = Store::<String>::builder().journal(FileJournal::open(&folder)).spawn();
/// store.set("k", "v").await?; // synced before it is acknowledged
/// store.shutdown().await?;
///
/// let store = Store::<String>::builder().journal(FileJournal::open(&folder)).spawn();
/// assert_eq!(store.get("k").await?.unwrap().revision, 1);
/// # store.shutdown().await?;
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok(()) }
/// ```
pub struct FileJournal<T> {
    disk: Arc<dyn Disk>,
    sync: SyncPolicy,
    segment_bytes: u64,
    history_bytes: u64,
    compact: (u64, f64),
    check_every: Duration,
    on_progress: OnProgress,
    meter: Arc<Meter>,
    lock: Option<Lock>,
    open: Option<Open<T>>,
}

/// The state of an open journal.
struct Open<T> {
    writer: Writer<T>,
    catalog: Arc<Catalog>,
    store: StoreId,
    /// The task that verifies the directory and writes marks to the manifest.
    maintenance: Option<JoinHandle<()>>,
    /// The task of the newest compaction.
    compaction: Option<JoinHandle<()>>,
    /// The size of the log that triggers the next automatic compaction.
    compact_at: Arc<AtomicU64>,
    stop: CancellationToken,
    /// Cancelled when a background sync has failed; `None` once `tail` has reported that.
    failed: Option<CancellationToken>,
}

impl<T> FileJournal<T> {
    /// Creates a journal in this directory, which is created if it does not exist.
    ///
    /// Nothing is read before the store is [spawned](crate::Builder::spawn). Errors are reported by
    /// [`Reader::ready`](crate::Reader::ready).
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        Self::open_on(folder::Folder::new(folder.into()))
    }

    /// Creates a journal on another implementation of [`Disk`], for tests.
    pub fn open_on(disk: impl Disk) -> Self {
        Self {
            disk: Arc::new(disk),
            sync: SyncPolicy::Always,
            segment_bytes: 16 << 20,
            history_bytes: 64 << 20,
            compact: (64 << 20, 1.0),
            check_every: Duration::from_secs(1),
            on_progress: None,
            meter: Arc::default(),
            lock: None,
            open: None,
        }
    }

    /// Sets when the log is synced. Default: [`SyncPolicy::Always`].
    #[must_use]
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = sync;
        self
    }

    /// Sets the size at which the log continues in a new segment. Default: 16 MiB.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Sets how many bytes of the log a compaction keeps, for subscribers that resume at older revisions. Default:
    /// 64 MiB.
    #[must_use]
    pub fn history_bytes(mut self, bytes: u64) -> Self {
        self.history_bytes = bytes;
        self
    }

    /// Sets when the journal is compacted automatically: when the log is larger than `bytes`, and larger than
    /// `times_snapshot` times the previous snapshot. Default: 64 MiB and 1.0. With [`u64::MAX`] bytes it never is.
    #[must_use]
    pub fn compact_above(mut self, bytes: u64, times_snapshot: f64) -> Self {
        self.compact = (bytes, times_snapshot);
        self
    }

    /// Sets how often the journal verifies that it still owns its directory, and records in the manifest how much of
    /// the log is synced, if that has grown. Default: 1 s.
    ///
    /// A log that was cut below the recorded offset is rejected at the next start. A record takes two syncs,
    /// concurrently with appends. With [`Duration::MAX`], both are done only at a rotation, a compaction and the
    /// close.
    #[must_use]
    pub fn check_every(mut self, period: Duration) -> Self {
        self.check_every = period;
        self
    }

    /// Locks the directory now, and creates it if it does not exist, instead of when the store is spawned. For
    /// programs that must know early whether another process has the journal open.
    ///
    /// This blocks for a few system calls.
    ///
    /// # Errors
    ///
    /// [`FileError::Locked`] if another process has the lock, and [`FileError::Io`] if the directory cannot be created
    /// or locked.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("mainspring-lock-{}", std::process::id()));
    /// use mainspring::journal::{FileJournal, file::FileError};
    ///
    /// let first = FileJournal::<String>::open(&folder).lock()?;
    /// let second = FileJournal::<String>::open(&folder).lock();
    /// assert!(matches!(second, Err(FileError::Locked { .. })));
    /// # drop(first);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), FileError>(())
    /// ```
    pub fn lock(mut self) -> Result<Self, FileError> {
        if self.lock.is_none() {
            self.lock = Some(recover::create_and_lock(&*self.disk)?);
        }
        Ok(self)
    }

    /// Sets a callback for the progress of reading the journal when the store starts. It is called at intervals, in
    /// the thread that reads.
    #[must_use]
    pub fn on_progress(mut self, callback: impl FnMut(Progress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(callback));
        self
    }
}

fn not_open() -> JournalError {
    JournalError::new("the journal is not open")
}

impl<T> Journal<T> for FileJournal<T>
where
    T: Serialize + DeserializeOwned + Clone + Send + Sync + 'static,
{
    async fn open(&mut self, recover: Recover<'_, T>) -> Result<StoreId, JournalError> {
        let setup = Setup {
            disk: Arc::clone(&self.disk),
            sync: self.sync,
            segment_bytes: self.segment_bytes,
            meter: Arc::clone(&self.meter),
            on_progress: self.on_progress.take(),
            lock: self.lock.take(),
        };
        let (writer, mut opening) = writer::start(setup).map_err(|error| {
            JournalError::new(format!("cannot start a thread for the journal: {error}"))
        })?;
        let (store, catalog, failed) = loop {
            match opening.recv().await {
                Some(OpenMessage::Recovered(chunk)) => chunk.into_iter().for_each(&mut *recover),
                Some(OpenMessage::Done(store, catalog, failed)) => break (store, catalog, failed),
                Some(OpenMessage::Failed(error)) => return Err(error),
                Some(OpenMessage::Panicked(panic)) => std::panic::resume_unwind(panic),
                None => return Err(not_open()),
            }
        };
        let stop = CancellationToken::new();
        let maintenance = (self.check_every < Duration::MAX).then(|| {
            maintenance::start(Arc::clone(&catalog), self.check_every, stop.clone(), failed.clone())
        });
        self.open = Some(Open {
            writer,
            catalog,
            store,
            maintenance,
            compaction: None,
            compact_at: Arc::default(),
            stop,
            failed: Some(failed),
        });
        Ok(store)
    }

    async fn append(&mut self, after: u64, changes: Arc<[Change<T>]>) -> Result<(), AppendError> {
        let ended = || AppendError::Unknown("the thread of the journal has ended".into());
        let open = self.open.as_ref().ok_or_else(ended)?;
        let (reply, answer) = oneshot::channel();
        open.writer.send(WriterCommand::Append { after, changes, reply });
        match answer.await {
            Ok(Ok(appended)) => appended,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Err(ended()),
        }
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        // This journal has a single owner, so `read` is called only after a failed append. An empty append returns the
        // permanent failure of the log, if there is one.
        let open = self.open.as_ref().ok_or_else(not_open)?;
        let (reply, answer) = oneshot::channel();
        open.writer.send(WriterCommand::Append { after, changes: Arc::new([]), reply });
        match answer.await {
            Ok(Ok(Err(AppendError::Unknown(cause)))) => Err(JournalError(cause).into()),
            Err(_) => Err(JournalError::new("the thread of the journal has ended").into()),
            Ok(_) => PastReader::new(Arc::clone(&open.catalog)).read(after, u64::MAX).await,
        }
    }

    async fn compact(&mut self, snapshot: Snapshot<T>) -> Result<Compaction, JournalError> {
        let open = self.open.as_mut().ok_or_else(not_open)?;
        if let Some(before) = open.compaction.take() {
            // The owner has received its result, so this task has ended or is about to.
            let _ = before.await;
        }
        let (reply, rotated) = oneshot::channel();
        open.writer.send(WriterCommand::Rotate { reply });
        let job = compact::Job {
            catalog: Arc::clone(&open.catalog),
            meter: Arc::clone(&self.meter),
            store: open.store,
            keep: self.history_bytes,
            stop: open.stop.clone(),
            growth: self.compact.0,
            compact_at: Arc::clone(&open.compact_at),
        };
        let started = compact::start(job, rotated, snapshot);
        let (task, compaction) = started.map_err(|error| {
            JournalError::new(format!("cannot start a thread for the compaction: {error}"))
        })?;
        open.compaction = Some(task);
        Ok(compaction)
    }

    /// There are no other owners. This resolves once, after a background sync has failed, so that the owner calls
    /// [`read`](Journal::read) and gets the cause.
    async fn tail(&mut self) {
        match self.open.as_mut().and_then(|open| open.failed.as_mut()) {
            Some(failed) => failed.cancelled().await,
            None => pending().await,
        }
        if let Some(open) = &mut self.open {
            open.failed = None; // report it once
        }
    }

    fn wants_compaction(&self) -> bool {
        let Some(open) = &self.open else { return false };
        let (log, snapshot) = open.catalog.sizes();
        let (bytes, times) = self.compact;
        log > bytes.max(open.compact_at.load(Ordering::Relaxed))
            && log as f64 > snapshot as f64 * times
    }

    fn past(&self) -> Option<Arc<dyn Past<T>>> {
        let open = self.open.as_ref()?;
        Some(Arc::new(PastReader::new(Arc::clone(&open.catalog))))
    }

    fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.stop.cancel();
        if let Some(compaction) = open.compaction.take() {
            // Its result was sent to the owner.
            let _ = compaction.await;
        }
        if let Some(maintenance) = open.maintenance.take() {
            // The task has logged its errors.
            let _ = maintenance.await;
        }
        let (reply, answer) = oneshot::channel();
        open.writer.send(WriterCommand::Close { reply });
        answer.await.unwrap_or_else(|_| Err(not_open()))
    }
}

/// Retires the catalog, so that the directory can be opened again even if a compaction is still running.
impl<T> Drop for Open<T> {
    fn drop(&mut self) {
        self.stop.cancel();
        self.catalog.retire();
    }
}

impl<T> fmt::Debug for FileJournal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileJournal")
            .field("disk", &self.disk)
            .field("sync", &self.sync)
            .finish_non_exhaustive()
    }
}
