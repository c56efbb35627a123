//! Stores that live on a simulated disk, and what they are given to do.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use mainspring::journal::Journal;
use mainspring::journal::file::{FileJournal, SyncPolicy};
use mainspring::{Error, Store, TrySendError, Write};
use mainspring_testing::Random;

use crate::ledger::{Found, Ledger, Record, State, found, recorded};
use crate::sim::SimDisk;

/// How a journal is opened.
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
            // So that the steps of the disk are the same each time.
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

/// A store on a simulated disk, from its start to its end.
pub(crate) struct Life {
    pub(crate) store: Store<String>,
    record: Arc<Mutex<Record>>,
    /// The newest revision that was answered.
    pub(crate) acknowledged: u64,
    pub(crate) errors: Vec<Error>,
}

impl Life {
    /// Start it, compare what it finds with the ledger, and go on from there.
    pub(crate) async fn start(
        _: &SimDisk,
        journal: impl Journal<String>,
        ledger: &mut Ledger,
    ) -> Result<Self, String> {
        let (journal, record) = recorded(journal);
        let store = Store::builder().journal(journal).spawn();
        if let Err(error) = store.ready().await {
            return Err(format!("it does not start: {error}"));
        }
        let recovered = std::mem::take(&mut record.lock().unwrap().recovered);
        let found: Found = found(store.id(), recovered)?;
        ledger.check(&found)?;
        ledger.go_on(&found);
        let (acknowledged, errors) = (found.revision, Vec::new());
        let mut life = Self { store, record, acknowledged, errors };
        life.compare(ledger).await?;
        Ok(life)
    }

    /// The store has what the appends made of it, whatever became of its disk.
    pub(crate) async fn compare(&mut self, ledger: &Ledger) -> Result<(), String> {
        let page = self.store.scan("").limit(usize::MAX).await;
        let page = page.map_err(|error| format!("it cannot be read: {error}"))?;
        let mut now = ledger.clone();
        now.take(&self.record.lock().unwrap().attempts);
        let mut state = State::default();
        now.changes.iter().for_each(|change| state.apply(change));
        // What has expired and could not be recorded is absent all the same.
        let is = |(key, entry): &(_, _)| state.entries.get(key) == Some(entry);
        if page.revision as usize == now.changes.len() && page.items.iter().all(is) {
            Ok(())
        } else {
            Err(format!("the store is {page:#?}\nand its appends were {state:#?}"))
        }
    }

    /// What it was given, and what it has answered.
    pub(crate) fn end(&self, ledger: &mut Ledger) {
        ledger.take(&self.record.lock().unwrap().attempts);
        ledger.acknowledged = ledger.acknowledged.max(self.acknowledged);
    }

    pub(crate) fn told(&mut self, answer: Result<u64, Error>) -> bool {
        match answer {
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

    /// Some writes at the same time, or something else.
    pub(crate) async fn step(&mut self, random: &mut Random) {
        match random.below(24) {
            0 => {
                let cleared = self.store.clear().await;
                let revision = self.store.revision();
                self.told(cleared.map(|count| if count > 0 { revision } else { 0 }));
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
                    Ok(answers) => drop(answers.into_iter().map(|one| self.told(one)).count()),
                    Err(error) => self.errors.push(error),
                }
            }
            5 | 6 => {
                let writes: Vec<_> = (0..1 + random.below(4)).map(|_| write(random)).collect();
                let batch = self.store.batch(writes).await;
                let last =
                    |answers: Vec<mainspring::Written<String>>| answers.last().unwrap().revision;
                self.told(batch.map(last).map_err(|error| error.error));
            }
            _ => {
                let writes: Vec<_> = (0..1 + random.below(4)).map(|_| write(random)).collect();
                let sent =
                    writes.into_iter().map(|write| mainspring_testing::send(&self.store, write));
                for answer in join_all(sent).await {
                    self.told(answer.map(|done| done.revision));
                }
            }
        }
    }

    /// Compact, and wait for the end of the compaction or not.
    pub(crate) async fn compact(&self, wait: bool) -> Result<(), Error> {
        let compaction = self.store.compact();
        if wait {
            compaction.await?;
        } else {
            // It goes on without its caller.
            drop(compaction.try_send().map_err(TrySendError::into_error)?);
        }
        Ok(())
    }
}

fn key(random: &mut Random) -> String {
    format!("key/{}", random.below(7))
}

/// Text that JSON has to escape now and then, short and longer than a sector.
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
