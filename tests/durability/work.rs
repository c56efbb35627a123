//! Stores on a simulated disk, and random work for them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use mainspring::journal::Journal;
use mainspring::journal::file::{FileJournal, SyncPolicy};
use mainspring::{Error, Store, TrySendError, Write};
use mainspring_testing::Random;

use crate::ledger::{Content, Ledger, Record, State, content_of, recorded};
use crate::sim::SimDisk;

/// Options with which a journal is opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes: u64,
    pub(crate) history_bytes: u64,
    pub(crate) compact: (u64, f64),
    pub(crate) check_every: Duration,
}

impl Default for Setting {
    fn default() -> Self {
        let (segment_bytes, history_bytes) = (900, 2_000);
        Self {
            sync: SyncPolicy::Always,
            segment_bytes,
            history_bytes,
            compact: (u64::MAX, 1.0),
            // Makes the steps of the disk deterministic.
            check_every: Duration::MAX,
        }
    }
}

impl Setting {
    pub(crate) fn random(random: &mut Random) -> Self {
        Self {
            sync: SyncPolicy::Always,
            segment_bytes: [300, 1_000, 4_000, 64 << 10][random.below(4)],
            history_bytes: [0, 1_500, 1 << 20][random.below(3)],
            compact: ([500, 2_500, u64::MAX][random.below(3)], [0.0, 1.0][random.below(2)]),
            check_every: [Duration::from_millis(1), Duration::MAX][random.below(4).min(1)],
        }
    }

    pub(crate) fn journal(&self, disk: &SimDisk) -> FileJournal<String> {
        FileJournal::open_on(disk.clone())
            .sync(self.sync)
            .segment_bytes(self.segment_bytes)
            .history_bytes(self.history_bytes)
            .compact_above(self.compact.0, self.compact.1)
            .check_every(self.check_every)
    }
}

/// One run of a store on a simulated disk, from its start to its end.
pub(crate) struct StoreRun {
    pub(crate) store: Store<String>,
    journal_record: Arc<Mutex<Record>>,
    /// The newest acknowledged revision.
    pub(crate) acknowledged: u64,
    pub(crate) errors: Vec<Error>,
}

impl StoreRun {
    /// Starts a store, compares what it recovers with the ledger, and continues the ledger from there.
    pub(crate) async fn start(
        _: &SimDisk,
        journal: impl Journal<String>,
        ledger: &mut Ledger,
    ) -> Result<Self, String> {
        let (journal, record) = recorded(journal);
        let store = Store::builder().journal(journal).spawn();
        if let Err(error) = store.ready().await {
            return Err(format!("the store does not start: {error}"));
        }
        let recovered = std::mem::take(&mut record.lock().unwrap().recovered);
        let found: Content = content_of(store.id(), recovered)?;
        ledger.check(&found)?;
        ledger.continue_from(&found);
        let (acknowledged, errors) = (found.revision, Vec::new());
        let mut run = Self { store, journal_record: record, acknowledged, errors };
        run.compare(ledger).await?;
        Ok(run)
    }

    /// Verifies that the store has the state that results from its appends, whether or not its disk has failed.
    pub(crate) async fn compare(&mut self, ledger: &Ledger) -> Result<(), String> {
        let page = self.store.scan("").limit(usize::MAX).await;
        let page = page.map_err(|error| format!("the store cannot be read: {error}"))?;
        let mut now = ledger.clone();
        now.add_attempts(&self.journal_record.lock().unwrap().attempts);
        let mut state = State::default();
        now.changes.iter().for_each(|change| state.apply(change));
        // An entry whose expiry could not be journaled is absent too, so the store may have fewer entries.
        let is_expected = |(key, entry): &(_, _)| state.entries.get(key) == Some(entry);
        if page.revision as usize == now.changes.len() && page.items.iter().all(is_expected) {
            Ok(())
        } else {
            Err(format!("the store has {page:#?}\nexpected from its appends: {state:#?}"))
        }
    }

    /// Adds the appends and acknowledgements of this run to the ledger.
    pub(crate) fn end(&self, ledger: &mut Ledger) {
        ledger.add_attempts(&self.journal_record.lock().unwrap().attempts);
        ledger.acknowledged = ledger.acknowledged.max(self.acknowledged);
    }

    /// Records the result of a write. Returns whether it succeeded.
    pub(crate) fn record(&mut self, result: Result<u64, Error>) -> bool {
        match result {
            Ok(revision) => {
                self.acknowledged = self.acknowledged.max(revision);
                true
            }
            Err(error) => {
                self.errors.push(error);
                false
            }
        }
    }

    /// Sends concurrent writes, or another random command.
    pub(crate) async fn step(&mut self, random: &mut Random) {
        match random.below(24) {
            0 => {
                let cleared = self.store.clear().await;
                let revision = self.store.revision();
                self.record(cleared.map(|count| if count > 0 { revision } else { 0 }));
            }
            1 | 2 => {
                let wait = random.below(2) == 0;
                let _ = self.compact(wait).await;
            }
            3 => tokio::time::sleep(Duration::from_millis(random.below(40) as u64)).await,
            4 => {
                let pairs: Vec<_> =
                    (0..random.below(4)).map(|_| (key(random), text(random))).collect();
                match self.store.set_many(pairs).await {
                    Ok(results) => drop(results.into_iter().map(|one| self.record(one)).count()),
                    Err(error) => self.errors.push(error),
                }
            }
            5 | 6 => {
                let writes: Vec<_> = (0..1 + random.below(4)).map(|_| write(random)).collect();
                let batch = self.store.batch(writes).await;
                let last =
                    |answers: Vec<mainspring::Written<String>>| answers.last().unwrap().revision;
                self.record(batch.map(last).map_err(|error| error.error));
            }
            _ => {
                let writes: Vec<_> = (0..1 + random.below(4)).map(|_| write(random)).collect();
                let sent =
                    writes.into_iter().map(|write| mainspring_testing::send(&self.store, write));
                for answer in join_all(sent).await {
                    self.record(answer.map(|done| done.revision));
                }
            }
        }
    }

    /// Compacts the journal, and waits for the end of the compaction if `wait` is set.
    pub(crate) async fn compact(&self, wait: bool) -> Result<(), Error> {
        let compaction = self.store.compact();
        if wait {
            compaction.await?;
        } else {
            // The compaction continues without its caller.
            drop(compaction.try_send().map_err(TrySendError::into_error)?);
        }
        Ok(())
    }
}

fn key(random: &mut Random) -> String {
    format!("key/{}", random.below(7))
}

/// Returns a random text: with and without characters that JSON escapes, shorter and longer than a sector.
fn text(random: &mut Random) -> String {
    let word = ["x", "\n", "\"", "ü", "{\"revision\":1,", "null"][random.below(6)];
    word.repeat([0, 1, 20, 120, 700][random.below(5)] / word.len())
}

fn write(random: &mut Random) -> Write<String> {
    let key = key(random);
    let minute = Duration::from_secs(60);
    match random.below(12) {
        0 => Write::set(key, text(random)),
        1 => Write::set(key, vec![text(random), text(random)]),
        2 => Write::set(key, text(random)).ttl(Duration::from_millis(1 + random.below(30) as u64)),
        3 => Write::update(key, text(random)),
        4 => Write::push(key, text(random)),
        5 | 6 => Write::push_front(key, text(random)),
        7 => Write::pop(key),
        8 => Write::pop_front(key),
        9 => Write::remove(key),
        10 => Write::expire(key, minute),
        _ => Write::persist(key),
    }
}

/// A runtime whose time is its own.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}
