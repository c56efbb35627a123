//! A journal in a folder: what was acknowledged is still there after a crash, without a server to run.

pub(crate) mod backup;
mod catalog;
mod compact;
mod disk;
mod error;
mod folder;
mod line;
mod lines;
mod log;
mod manifest;
mod past;
mod recover;
mod replay;
mod scan;
mod segment;
mod shortage;
mod snapshot;
mod snapshot_text;
mod sync;
pub mod tools;
mod unlisted;
mod upkeep;
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
use self::past::FilePast;
use self::recover::Lock;
pub use self::replay::Progress;
pub use self::sync::{InvalidSyncPolicy, SyncPolicy};
use self::writer::{Opening, Order, Setup, Writer};
use super::{AppendError, Compaction, Journal, JournalError, Meter, Past, ReadError, Recover};
use crate::journal::Snapshot;
use crate::model::{Change, StoreId};

type OnProgress = Option<Box<dyn FnMut(Progress) + Send>>;

/// A journal in a folder of the file system.
///
/// The folder holds a manifest, the log in segments, and snapshots, all of them lines of JSON that `grep` and
/// `jq` understand; `docs/journal.md` describes them. One process at a time has it open.
///
/// Every turn of the owner is one append and one sync, in a thread of its own, so that many callers share a
/// sync. What the log holds is replaced by a snapshot once it has grown enough, while the store serves.
///
/// # Ownership of the directory
///
/// The directory is opened once and locked, with the file `LOCK` in it and the segment that is written to, so that
/// removing `LOCK` lets no second process in. It is created with mode 0700 and its files with 0600; a warning names
/// existing ones that other users can read.
///
/// A journal that loses its directory fails for good. After each sync, and before the changes are acknowledged, the
/// segment must still have its name and its length. Before a rotation, before a snapshot is installed, and at the
/// close, the path must still lead to the directory that was opened, and `LOCK` must be the file that was locked.
/// [`close`](Journal::close) is an error then, whatever [`SyncPolicy`] says.
///
/// What remains is the time between two checks:
///
/// - Under [`SyncPolicy::Always`] no change is acknowledged after its segment was removed, moved, replaced or cut. If only
///   the *path* leads elsewhere, because the directory was moved or a symbolic link changed, changes are still
///   acknowledged until the next check; they are in the directory that was moved, and nowhere else.
/// - Under the others, what was acknowledged since the last check is lost with a segment that was removed.
/// - Bytes that another program changes inside the segment without changing its length are noticed by the next start.
/// - A file system whose file numbers change while a file is open cannot hold a journal.
///
/// # Elements
///
/// They are written as JSON, so `T` has to be something that JSON can say: numbers that are not finite, and more
/// than 127 levels of nesting, are refused with [`Error::Refused`](crate::Error::Refused). A type that serializes to
/// something that it does not deserialize from cannot be recovered; a NaN in an `Option` comes back as `None`.
///
/// # When something fails
///
/// - **No room.** Writes get [`JournalFull`](crate::Error::JournalFull) and nothing is lost; they go on by
///   themselves when there is room again.
/// - **Any other failed write or sync** is final until the store is started again: the writes of that turn
///   get [`Unknown`](crate::Error::Unknown), later ones [`JournalFailed`](crate::Error::JournalFailed) with the
///   cause. Reads go on. A sync is never tried again, because the system may have dropped what it could not
///   write.
/// - **A power cut** may leave the last append incomplete: it was not acknowledged (under [`SyncPolicy::Always`]; what
///   the others can lose, they say), and is put aside with a warning at the next start.
/// - **A directory that was removed or replaced** fails the journal as well, and its close: see above.
/// - **Damage** to what was acknowledged refuses to start, and nothing is changed.
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

/// What there is once it has been opened.
struct Open<T> {
    writer: Writer<T>,
    catalog: Arc<Catalog>,
    store: StoreId,
    /// The task that verifies the directory and writes marks to the manifest.
    upkeep: Option<JoinHandle<()>>,
    /// The task of the newest compaction.
    compaction: Option<JoinHandle<()>>,
    /// How large the log has to be for the next automatic compaction.
    not_below: Arc<AtomicU64>,
    stop: CancellationToken,
    /// Cancelled when a sync has failed that nobody waited for; nothing once that is known.
    failed: Option<CancellationToken>,
}

impl<T> FileJournal<T> {
    /// The journal in this folder, which is created if it is not there. Nothing is read before the store is
    /// [spawned](crate::Builder::spawn); what is wrong shows in [`Reader::ready`](crate::Reader::ready).
    pub fn open(folder: impl Into<PathBuf>) -> Self {
        Self::open_on(folder::Folder::new(folder.into()))
    }

    /// The journal on a disk of another kind: for tests.
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

    /// When to sync. Default: [`SyncPolicy::Always`].
    #[must_use]
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = sync;
        self
    }

    /// How large a segment of the log grows before another one is begun. Default: 16 MiB.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// How many bytes of the log a compaction keeps for those who ask for older changes. Default: 64 MiB.
    #[must_use]
    pub fn history_bytes(mut self, bytes: u64) -> Self {
        self.history_bytes = bytes;
        self
    }

    /// Compact by itself once the log is larger than both so many bytes and so many times the snapshot before
    /// it. Default: 64 MiB and once. A log of [`u64::MAX`] bytes never is.
    #[must_use]
    pub fn compact_above(mut self, bytes: u64, times_snapshot: f64) -> Self {
        self.compact = (bytes, times_snapshot);
        self
    }

    /// How often the journal verifies that its directory is still its own, and records in the manifest how much of the
    /// log is synced, if there is more since the last time. A log that is cut short below what is recorded is refused at
    /// the next start. Default: 1 s. A record takes two syncs beside the appends. With [`Duration::MAX`] both are done
    /// only at a rotation, a compaction and the close.
    #[must_use]
    pub fn check_every(mut self, period: Duration) -> Self {
        self.check_every = period;
        self
    }

    /// Take the lock of the folder now, and create the folder if it is not there, rather than when the store
    /// is spawned: for programs that want to know for sure whether another process has the journal open.
    ///
    /// Waits for the disk, a few calls long.
    ///
    /// # Errors
    ///
    /// [`FileError::Locked`] if another has it, and [`FileError::Io`] if the folder cannot be created or locked.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("mainspring-lock-{}", std::process::id()));
    /// use mainspring::journal::{FileJournal, file::FileError};
    ///
    /// let ours = FileJournal::<String>::open(&folder).lock()?;
    /// let theirs = FileJournal::<String>::open(&folder).lock();
    /// assert!(matches!(theirs, Err(FileError::Locked { .. })));
    /// # drop(ours);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), FileError>(())
    /// ```
    pub fn lock(mut self) -> Result<Self, FileError> {
        if self.lock.is_none() {
            self.lock = Some(recover::create_and_lock(&*self.disk)?);
        }
        Ok(self)
    }

    /// Tell this how far reading has come when the store starts, now and then, in the thread that reads.
    #[must_use]
    pub fn on_progress(mut self, tell: impl FnMut(Progress) + Send + 'static) -> Self {
        self.on_progress = Some(Box::new(tell));
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
        let (writer, mut opening) = writer::start(setup)
            .map_err(|error| JournalError::new(format!("no thread for the journal: {error}")))?;
        let (store, catalog, failed) = loop {
            match opening.recv().await {
                Some(Opening::Piece(piece)) => piece.into_iter().for_each(&mut *recover),
                Some(Opening::Done(store, catalog, failed)) => break (store, catalog, failed),
                Some(Opening::Failed(error)) => return Err(error),
                Some(Opening::Panicked(panic)) => std::panic::resume_unwind(panic),
                None => return Err(not_open()),
            }
        };
        let stop = CancellationToken::new();
        let upkeep = (self.check_every < Duration::MAX).then(|| {
            upkeep::start(Arc::clone(&catalog), self.check_every, stop.clone(), failed.clone())
        });
        self.open = Some(Open {
            writer,
            catalog,
            store,
            upkeep,
            compaction: None,
            not_below: Arc::default(),
            stop,
            failed: Some(failed),
        });
        Ok(store)
    }

    async fn append(&mut self, after: u64, changes: Arc<[Change<T>]>) -> Result<(), AppendError> {
        let gone = || AppendError::Unknown("the thread of the journal has ended".into());
        let open = self.open.as_ref().ok_or_else(gone)?;
        let (reply, answer) = oneshot::channel();
        open.writer.send(Order::Append { after, changes, reply });
        match answer.await {
            Ok(Ok(appended)) => appended,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Err(gone()),
        }
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        // Nobody else appends, so this is only asked for when an append has failed, and that is final.
        let open = self.open.as_ref().ok_or_else(not_open)?;
        let (reply, answer) = oneshot::channel();
        open.writer.send(Order::Append { after, changes: Arc::new([]), reply });
        match answer.await {
            Ok(Ok(Err(AppendError::Unknown(cause)))) => Err(JournalError(cause).into()),
            Err(_) => Err(JournalError::new("the thread of the journal has ended").into()),
            Ok(_) => FilePast::new(Arc::clone(&open.catalog)).read(after, u64::MAX).await,
        }
    }

    async fn compact(&mut self, snapshot: Snapshot<T>) -> Result<Compaction, JournalError> {
        let open = self.open.as_mut().ok_or_else(not_open)?;
        if let Some(before) = open.compaction.take() {
            // It is about to end, or has: its result is known by now.
            let _ = before.await;
        }
        let (reply, rotated) = oneshot::channel();
        open.writer.send(Order::Rotate { reply });
        let job = compact::Job {
            catalog: Arc::clone(&open.catalog),
            meter: Arc::clone(&self.meter),
            store: open.store,
            keep: self.history_bytes,
            stop: open.stop.clone(),
            more: self.compact.0,
            not_below: Arc::clone(&open.not_below),
        };
        let started = compact::start(job, rotated, snapshot);
        let (task, compaction) = started.map_err(|error| {
            JournalError::new(format!("cannot start a thread for the compaction: {error}"))
        })?;
        open.compaction = Some(task);
        Ok(compaction)
    }

    /// There are no others: it is the journal itself that has failed, in a sync that nobody waited for.
    async fn tail(&mut self) {
        match self.open.as_mut().and_then(|open| open.failed.as_mut()) {
            Some(failed) => failed.cancelled().await,
            None => pending().await,
        }
        if let Some(open) = &mut self.open {
            open.failed = None; // once
        }
    }

    fn wants_compaction(&self) -> bool {
        let Some(open) = &self.open else { return false };
        let (log, snapshot) = open.catalog.sizes();
        let (bytes, times) = self.compact;
        log > bytes.max(open.not_below.load(Ordering::Relaxed))
            && log as f64 > snapshot as f64 * times
    }

    fn past(&self) -> Option<Arc<dyn Past<T>>> {
        let open = self.open.as_ref()?;
        Some(Arc::new(FilePast::new(Arc::clone(&open.catalog))))
    }

    fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.stop.cancel();
        if let Some(compaction) = open.compaction.take() {
            // Its result has gone to the owner.
            let _ = compaction.await;
        }
        if let Some(upkeep) = open.upkeep.take() {
            // It has logged what went wrong.
            let _ = upkeep.await;
        }
        let (reply, answer) = oneshot::channel();
        open.writer.send(Order::Close { reply });
        answer.await.unwrap_or_else(|_| Err(not_open()))
    }
}

/// The folder can be opened again when this is gone, also if a compaction is still at work.
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
