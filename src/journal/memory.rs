//! A journal in memory, with every fault that a real one can have.

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

/// About the most changes of one read.
const PAGE: usize = 1_024;

/// What goes wrong with an append of a [`MemoryJournal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// No room: nothing is written.
    Full,
    /// The answer is lost and nothing was written.
    UnknownLost,
    /// The answer is lost and everything was written.
    UnknownWritten,
    /// The process dies before anything is written: nothing is ever answered again.
    CrashBefore,
    /// The process dies after everything is written.
    CrashAfter,
    /// The journal panics.
    Panic,
}

/// A journal that lives as long as a clone of it: for tests, and as the plainest example of the
/// contract.
///
/// Clones are the same log. Two stores over one log are two owners that share a journal: the first
/// to append wins, and the other applies what the first has done before it decides again. That is
/// also how to make a conflict on purpose. What one owner reads may be behind what the other has
/// been told by then: reads take no turn in the journal yet.
///
/// # Examples
///
/// Everything is there again when a store is started over the same log:
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
    /// The newest revision, for the others.
    head: watch::Sender<u64>,
    /// What this handle has seen of it.
    seen: watch::Receiver<u64>,
    /// Of this handle: the same log may be under several stores.
    meter: Arc<Meter>,
}

/// How many changes of the past are read at once, if they are not one batch.
const SLICE: usize = 256;

struct Log<T> {
    store: StoreId,
    snapshot: HashMap<Key, Entry<T>>,
    snapshot_revision: u64,
    changes: Vec<Change<T>>,
    faults: VecDeque<Fault>,
    /// How many reads fail from now on.
    unreadable: usize,
    crashed: bool,
}

impl<T> Log<T> {
    fn head(&self) -> u64 {
        self.changes.last().map_or(self.snapshot_revision, |change| change.revision)
    }

    /// What the changes in the log weigh. The entries of the snapshot are not counted: nothing weighs them here.
    fn bytes(&self) -> u64 {
        self.changes.iter().map(Change::bytes).sum()
    }

    /// Where the changes after a revision begin, if they are still there and nothing is wrong.
    fn after(&mut self, revision: u64) -> Result<usize, ReadError> {
        if self.unreadable > 0 {
            self.unreadable -= 1;
            return Err(JournalError::new("the journal was told not to be read").into());
        }
        if revision < self.snapshot_revision {
            return Err(ReadError::Compacted { oldest: self.snapshot_revision });
        }
        Ok(self.changes.partition_point(|change| change.revision <= revision))
    }
}

impl<T> MemoryJournal<T> {
    /// An empty log.
    pub fn new() -> Self {
        let (head, seen) = watch::channel(0);
        let log = Log {
            store: StoreId::random(),
            snapshot: HashMap::new(),
            snapshot_revision: 0,
            changes: Vec::new(),
            faults: VecDeque::new(),
            unreadable: 0,
            crashed: false,
        };
        Self { log: Arc::new(Mutex::new(log)), head, seen, meter: Arc::default() }
    }

    /// Let the next append that has none yet meet this fault.
    pub fn inject(&self, fault: Fault) {
        self.log.lock().faults.push_back(fault);
    }

    /// Let the next reads fail, as many as `times`: of the owner, and of subscribers that read the past.
    pub fn fail_reads(&self, times: usize) {
        self.log.lock().unreadable = times;
    }

    /// Let the process die here and now: no call is ever answered again, whichever it is.
    pub fn crash(&self) {
        self.log.lock().crashed = true;
    }

    /// Whether there was a crash, or an append met one. Every call since then waits for ever, as those of a dead
    /// process do.
    pub fn has_crashed(&self) -> bool {
        self.log.lock().crashed
    }

    /// The newest revision in the log.
    pub fn head(&self) -> u64 {
        self.log.lock().head()
    }
}

impl<T: Clone> MemoryJournal<T> {
    /// What is on the disk, so to speak: a log of its own with the same contents and no faults, to
    /// start another store over after a crash.
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
            unreadable: 0,
            crashed: false,
        };
        Self { log: Arc::new(Mutex::new(log)), head, seen, meter: Arc::default() }
    }

    /// The changes in the log, oldest first.
    pub fn changes(&self) -> Vec<Change<T>> {
        self.log.lock().changes.clone()
    }

    async fn stay_dead(&self) {
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
        self.stay_dead().await;
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
        self.stay_dead().await;
        let fault = {
            let mut log = self.log.lock();
            if log.head() != after {
                return Err(AppendError::Conflict);
            }
            let fault = log.faults.pop_front();
            if matches!(fault, None | Some(Fault::UnknownWritten | Fault::CrashAfter)) {
                log.changes.extend(changes.iter().cloned());
                // As much as it would weigh in the history.
                self.meter.appended(changes.iter().map(Change::bytes).sum(), true);
                self.head.send_replace(log.head());
                self.seen.mark_unchanged();
            }
            log.crashed = matches!(fault, Some(Fault::CrashBefore | Fault::CrashAfter));
            fault
        };
        self.stay_dead().await;
        match fault {
            None => Ok(()),
            Some(Fault::Full) => Err(AppendError::Full("the journal was told to be full".into())),
            Some(Fault::Panic) => panic!("the journal was told to panic"),
            Some(_) => Err(AppendError::Unknown("the answer was lost".into())),
        }
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        self.stay_dead().await;
        self.seen.mark_unchanged();
        let mut log = self.log.lock();
        let start = log.after(after)?;
        let changes = &log.changes[start..];
        let page = changes.iter().skip(PAGE - 1).position(|change| !change.continues());
        let page = page.map_or(changes, |more| &changes[..PAGE + more]);
        if page.len() < changes.len() {
            self.seen.mark_changed();
        }
        Ok(page.to_vec())
    }

    async fn tail(&mut self) {
        // This handle holds a sender, so the channel cannot close.
        let _ = self.seen.changed().await;
    }

    async fn compact(&mut self, snapshot: Snapshot<T>) -> Result<Compaction, JournalError> {
        self.stay_dead().await;
        let log = Arc::clone(&self.log);
        let (result, compaction) = Compaction::channel();
        // The store may have ended meanwhile, and then the result is of no use.
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
        self.stay_dead().await;
        Ok(())
    }
}

/// Replace the log up to the end of a snapshot by that snapshot.
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
                return Err(JournalError::new(format!("the snapshot ended early: {error}")));
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
            self.stay_dead().await;
            let mut log = self.log.lock();
            let mut start = log.after(after)?;
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
