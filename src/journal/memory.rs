//! A journal in memory that can inject the failures of a real journal.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::pending;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::{
    AppendError, Compaction, CompactionReport, Journal, JournalError, Meter, Past, PastChanges,
    ReadError, Recover, Recovered,
};
use crate::journal::Snapshot;
use crate::model::{Change, Entry, Event, Key, StoreId};

/// Approximate limit of the changes in one page of a read.
const PAGE: usize = 1_024;

/// Failure that a [`MemoryJournal`] injects into an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// There is no space; nothing is written.
    Full,
    /// The reply is lost and nothing was written.
    UnknownLost,
    /// The reply is lost and everything was written.
    UnknownWritten,
    /// The process crashes before anything is written, as by [`MemoryJournal::crash`].
    CrashBefore,
    /// The process crashes after everything is written.
    CrashAfter,
    /// The journal panics.
    Panic,
}

/// A journal in memory, for tests, and as the simplest implementation of the contract.
///
/// Clones share the same log, which exists as long as one of them. Two stores over one log are two owners that share a
/// journal: the owner that appends first succeeds, and the other one gets a conflict, applies the changes of the first
/// and decides again. This is also how to cause a conflict on purpose. A read of one owner may miss changes that the
/// other owner has already acknowledged, because reads do not synchronize with the journal yet.
///
/// # Examples
///
/// A store that is started over the same log recovers everything:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring::Store;
/// use mainspring::journal::MemoryJournal;
///
/// let journal = MemoryJournal::new();
/// let store = Store::<String>::builder().journal(journal.clone()).spawn();
/// store.set("k", "v").await?;
/// store.shutdown().await?;
///
/// let store = Store::<String>::builder().journal(journal).spawn();
/// assert_eq!(store.get("k").await?.unwrap().revision, 1);
/// # Ok(()) }
/// ```
pub struct MemoryJournal<T> {
    log: Arc<Mutex<Log<T>>>,
    /// The newest revision, published to all clones.
    head: watch::Sender<u64>,
    /// The newest revision that this clone has seen.
    seen: watch::Receiver<u64>,
    /// Counters of this clone only: several stores may share the log.
    meter: Arc<Meter>,
}

/// Limit of the changes in one page of [`Past::read`], unless a single batch has more.
const SLICE: usize = 256;

struct Log<T> {
    store: StoreId,
    snapshot: HashMap<Key, Entry<T>>,
    snapshot_revision: u64,
    changes: Vec<Change<T>>,
    faults: VecDeque<Fault>,
    /// The number of reads, from the next one on, that fail.
    failing_reads: usize,
    crashed: bool,
}

impl<T> Log<T> {
    fn head(&self) -> u64 {
        self.changes.last().map_or(self.snapshot_revision, |change| change.revision)
    }

    /// Returns the weight of the changes in the log. Entries of the snapshot are not counted, because the journal
    /// has no weigher for them.
    fn bytes(&self) -> u64 {
        self.changes.iter().map(Change::bytes).sum()
    }

    /// Returns the index of the first change after a revision.
    fn index_after(&mut self, revision: u64) -> Result<usize, ReadError> {
        if self.failing_reads > 0 {
            self.failing_reads -= 1;
            return Err(JournalError::new("injected read failure").into());
        }
        if revision < self.snapshot_revision {
            return Err(ReadError::Compacted { oldest: self.snapshot_revision });
        }
        Ok(self.changes.partition_point(|change| change.revision <= revision))
    }
}

impl<T> MemoryJournal<T> {
    /// Creates a journal with an empty log.
    pub fn new() -> Self {
        let (head, seen) = watch::channel(0);
        let log = Log {
            store: StoreId::random(),
            snapshot: HashMap::new(),
            snapshot_revision: 0,
            changes: Vec::new(),
            faults: VecDeque::new(),
            failing_reads: 0,
            crashed: false,
        };
        Self { log: Arc::new(Mutex::new(log)), head, seen, meter: Arc::default() }
    }

    /// Injects a fault into an append. Faults are queued: each append takes the oldest one.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use mainspring::journal::{Fault, MemoryJournal};
    /// use mainspring::{Error, Store};
    ///
    /// let journal = MemoryJournal::new();
    /// let store = Store::<String>::builder().journal(journal.clone()).spawn();
    /// store.set("k", "one").await?;
    ///
    /// journal.inject(Fault::Full);
    /// assert!(matches!(store.set("k", "two").await, Err(Error::JournalFull(_))));
    /// assert_eq!(journal.head(), 1);
    /// # Ok(()) }
    /// ```
    pub fn inject(&self, fault: Fault) {
        self.log.lock().faults.push_back(fault);
    }

    /// Makes the next `times` reads fail, both of the owner and of subscribers that read the [`Past`].
    pub fn fail_reads(&self, times: usize) {
        self.log.lock().failing_reads = times;
    }

    /// Simulates a crash of the process now: reads and writes of the log by a store never return again.
    pub fn crash(&self) {
        self.log.lock().crashed = true;
    }

    /// Returns whether a crash of the process was simulated, by [`crash`](Self::crash) or by an injected fault. After a
    /// crash, every read and write of the log by a store waits forever.
    pub fn has_crashed(&self) -> bool {
        self.log.lock().crashed
    }

    /// Returns the newest revision in the log.
    pub fn head(&self) -> u64 {
        self.log.lock().head()
    }
}

impl<T: Clone> MemoryJournal<T> {
    /// Returns a journal with a copy of the log and without faults, to start another store after a crash. It
    /// corresponds to the disk that a crash leaves behind.
    #[must_use]
    pub fn survivor(&self) -> Self {
        let log = self.log.lock();
        let (head, seen) = watch::channel(log.head());
        let log = Log {
            store: log.store,
            snapshot: log.snapshot.clone(),
            snapshot_revision: log.snapshot_revision,
            changes: log.changes.clone(),
            faults: VecDeque::new(),
            failing_reads: 0,
            crashed: false,
        };
        Self { log: Arc::new(Mutex::new(log)), head, seen, meter: Arc::default() }
    }

    /// Returns the changes in the log, oldest first.
    pub fn changes(&self) -> Vec<Change<T>> {
        self.log.lock().changes.clone()
    }

    /// Waits forever if the process has crashed.
    async fn hang_if_crashed(&self) {
        if self.has_crashed() {
            pending::<()>().await;
        }
    }
}

impl<T> Clone for MemoryJournal<T> {
    fn clone(&self) -> Self {
        let (head, seen) = (self.head.clone(), self.seen.clone());
        Self { log: Arc::clone(&self.log), head, seen, meter: Arc::default() }
    }
}

impl<T> Default for MemoryJournal<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for MemoryJournal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryJournal").field("head", &self.head()).finish_non_exhaustive()
    }
}

impl<T: Clone + Send + Sync + 'static> Journal<T> for MemoryJournal<T> {
    async fn open(&mut self, recover: Recover<'_, T>) -> Result<StoreId, JournalError> {
        self.hang_if_crashed().await;
        let log = self.log.lock();
        for (key, entry) in &log.snapshot {
            recover(Recovered::Entry(key.clone(), entry.clone()));
        }
        recover(Recovered::SnapshotEnd(log.snapshot_revision));
        log.changes.iter().for_each(|change| recover(Recovered::Change(change.clone())));
        self.seen.mark_unchanged();
        Ok(log.store)
    }

    async fn append(&mut self, after: u64, changes: Arc<[Change<T>]>) -> Result<(), AppendError> {
        self.hang_if_crashed().await;
        let fault = {
            let mut log = self.log.lock();
            if log.head() != after {
                return Err(AppendError::Conflict);
            }
            let fault = log.faults.pop_front();
            if matches!(fault, None | Some(Fault::UnknownWritten | Fault::CrashAfter)) {
                log.changes.extend(changes.iter().cloned());
                // The same weight as in the history.
                self.meter.appended(changes.iter().map(Change::bytes).sum(), true);
                self.head.send_replace(log.head());
                self.seen.mark_unchanged();
            }
            log.crashed = matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter));
            fault
        };
        self.hang_if_crashed().await;
        match fault {
            None => Ok(()),
            Some(Fault::Full) => Err(AppendError::Full("injected lack of space".into())),
            Some(Fault::Panic) => panic!("injected panic of the journal"),
            Some(_) => Err(AppendError::Unknown("injected loss of the reply".into())),
        }
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        self.hang_if_crashed().await;
        self.seen.mark_unchanged();
        let mut log = self.log.lock();
        let start = log.index_after(after)?;
        let changes = &log.changes[start..];
        let page = changes.iter().skip(PAGE - 1).position(|change| !change.continues());
        let page = page.map_or(changes, |more| &changes[..PAGE + more]);
        if page.len() < changes.len() {
            self.seen.mark_changed();
        }
        Ok(page.to_vec())
    }

    async fn tail(&mut self) {
        // This clone owns a sender, so the channel cannot close.
        let _ = self.seen.changed().await;
    }

    async fn compact(&mut self, snapshot: Snapshot<T>) -> Result<Compaction, JournalError> {
        self.hang_if_crashed().await;
        let log = Arc::clone(&self.log);
        let (result, compaction) = Compaction::channel();
        // Sending fails if the store has ended, and then the result is not needed.
        tokio::spawn(async move { result.send(replace(&log, snapshot).await) });
        Ok(compaction)
    }

    fn past(&self) -> Option<Arc<dyn Past<T>>> {
        Some(Arc::new(self.clone()))
    }

    fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.hang_if_crashed().await;
        Ok(())
    }
}

/// Replaces the log up to the end of a snapshot by that snapshot.
async fn replace<T: Clone + Send + Sync + 'static>(
    log: &Mutex<Log<T>>,
    mut snapshot: Snapshot<T>,
) -> Result<CompactionReport, JournalError> {
    let mut entries = HashMap::new();
    loop {
        match snapshot.recv().await {
            Ok(Event::SnapshotEnd { revision }) => {
                let mut log = log.lock();
                let bytes_before = log.bytes();
                // Another owner may have compacted further.
                if revision >= log.snapshot_revision {
                    log.snapshot = entries;
                    log.snapshot_revision = revision;
                    log.changes.retain(|change| change.revision > revision);
                }
                return Ok(CompactionReport::new(log.snapshot_revision, bytes_before, log.bytes()));
            }
            Ok(event) => event.apply_to(&mut entries),
            Err(error) => {
                return Err(JournalError::new(format!("the snapshot is incomplete: {error}")));
            }
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Past<T> for MemoryJournal<T> {
    fn oldest(&self) -> u64 {
        self.log.lock().snapshot_revision
    }

    fn read(&self, after: u64, up_to: u64) -> PastChanges<'_, T> {
        Box::pin(async move {
            self.hang_if_crashed().await;
            let mut log = self.log.lock();
            let mut start = log.index_after(after)?;
            let changes = &log.changes;
            while start > 0 && changes[start - 1].continues {
                start -= 1; // `after` is inside a batch
            }
            let end = changes.partition_point(|change| change.revision <= up_to);
            let mut slice = (start + SLICE).min(end);
            while slice < end && changes[slice - 1].continues {
                slice += 1;
            }
            Ok(changes.get(start..slice).unwrap_or_default().to_vec())
        })
    }
}
