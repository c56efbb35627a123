//! What several tests need.
#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring::journal::{
    AppendError, Compacted, Compaction, Journal, JournalError, MemoryJournal, Meter, Past,
    ReadError, Recover, Recovered, Snapshot,
};
use mainspring::{
    Action, Backend, Change, ChangeKind, Condition, End, Entry, Error, Event, Key, PendingPut,
    PendingWrite, Result, Store, StoreId, Subscription, Trimmed, Ttl, Write, Written,
};
use tokio::sync::Semaphore;

/// The cause that journals of the tests give when they are full.
pub(crate) const FULL: &str = "the journal was told to be full";

/// The error of a write that a full journal of the tests did not take.
pub(crate) fn full() -> Error {
    Error::JournalFull(FULL.into())
}

/// A copy of a store, kept by replaying what subscribers are told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Copied<T> {
    pub(crate) entries: BTreeMap<Key, Entry<T>>,
}

impl<T> Default for Copied<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new() }
    }
}

impl<T: Clone> Copied<T> {
    pub(crate) fn apply(&mut self, change: &Change<T>) {
        if matches!(change.kind, ChangeKind::Cleared { .. }) {
            self.entries.clear();
        } else if let Some(entry) = Entry::replay(change, self.entries.remove(&change.key)) {
            self.entries.insert(change.key.clone(), entry);
        }
    }

    /// Says up to which revision the event told, if it did.
    pub(crate) fn take(&mut self, event: Event<T>) -> Option<u64> {
        let revision = event.revision();
        match event {
            Event::Entry { key, entry } => drop(self.entries.insert(key, entry)),
            Event::Change(change) => self.apply(&change),
            Event::Batch { changes, .. } => changes.iter().for_each(|change| self.apply(change)),
            _ => {}
        }
        revision
    }

    pub(crate) fn only(&self, prefix: &str) -> Self {
        let mine = self.entries.iter().filter(|(key, _)| key.starts_with(prefix));
        Self { entries: mine.map(|(key, entry)| (key.clone(), entry.clone())).collect() }
    }
}

/// All changes that a subscription tells until its end, in order.
pub(crate) async fn changes_to_the_end<T: Clone + Send + Sync + 'static>(
    subscription: &mut Subscription<T>,
) -> (Vec<Change<T>>, mainspring::Error) {
    let mut told = Vec::new();
    loop {
        match subscription.recv().await {
            Ok(Event::Change(change)) => told.push(change),
            Ok(Event::Batch { changes, .. }) => told.extend(changes),
            Ok(_) => {}
            Err(error) => return (told, error),
        }
    }
}

/// What a write did, but for the time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Did<T> {
    pub(crate) revision: u64,
    pub(crate) length: usize,
    pub(crate) popped: Option<T>,
    pub(crate) removed: Option<usize>,
}

impl<T> From<Written<T>> for Did<T> {
    fn from(written: Written<T>) -> Self {
        let Written { revision, length, popped, removed, .. } = written;
        Self { revision, length, popped, removed }
    }
}

/// What the writes of a batch did, but for the time.
pub(crate) fn dids<T>(written: Vec<Written<T>>) -> Vec<Did<T>> {
    written.into_iter().map(Did::from).collect()
}

/// Small, seeded and good enough.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % n
    }
}

/// A journal that takes its time to append.
#[derive(Debug)]
pub(crate) struct SlowJournal<T> {
    pub(crate) journal: MemoryJournal<T>,
    pub(crate) append: Duration,
}

/// A journal that is being recovered for as long as the test wants: until it gives a permit.
#[derive(Debug)]
pub(crate) struct HeldJournal<T> {
    pub(crate) journal: MemoryJournal<T>,
    pub(crate) go_on: Arc<Semaphore>,
}

impl<T: Clone + Send + Sync + 'static> Journal<T> for HeldJournal<T> {
    async fn open(&mut self, recover: Recover<'_, T>) -> Result<StoreId, JournalError> {
        let id = self.journal.open(recover).await;
        let _ = self.go_on.acquire().await;
        id
    }

    async fn append(&mut self, after: u64, changes: Arc<[Change<T>]>) -> Result<(), AppendError> {
        self.journal.append(after, changes).await
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        Journal::read(&mut self.journal, after).await
    }

    async fn compact(&mut self, snapshot: Snapshot<T>) -> Result<Compaction, JournalError> {
        self.journal.compact(snapshot).await
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.journal.close().await
    }
}

/// A journal that cannot be opened, or cannot be closed.
#[derive(Debug)]
pub(crate) struct BrokenJournal {
    pub(crate) opens: bool,
}

impl<T: Clone + Send + Sync + 'static> Journal<T> for BrokenJournal {
    async fn open(&mut self, _: Recover<'_, T>) -> Result<StoreId, JournalError> {
        if self.opens { Ok(StoreId::random()) } else { Err(JournalError::new("damaged")) }
    }

    async fn append(&mut self, _: u64, _: Arc<[Change<T>]>) -> Result<(), AppendError> {
        Ok(())
    }

    async fn read(&mut self, _: u64) -> Result<Vec<Change<T>>, ReadError> {
        Ok(Vec::new())
    }

    async fn compact(&mut self, _: Snapshot<T>) -> Result<Compaction, JournalError> {
        Err(JournalError::new("no room"))
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        Err(JournalError::new("not synced"))
    }
}

impl<T: Clone + Send + Sync + 'static> Journal<T> for SlowJournal<T> {
    async fn open(&mut self, recover: Recover<'_, T>) -> Result<StoreId, JournalError> {
        self.journal.open(recover).await
    }

    async fn append(&mut self, after: u64, changes: Arc<[Change<T>]>) -> Result<(), AppendError> {
        tokio::time::sleep(self.append).await;
        self.journal.append(after, changes).await
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        Journal::read(&mut self.journal, after).await
    }

    async fn compact(&mut self, snapshot: Snapshot<T>) -> Result<Compaction, JournalError> {
        self.journal.compact(snapshot).await
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.journal.close().await
    }
}

/// A journal that answers some appends itself, and that counts what it is asked. It does not say when
/// others have appended.
#[derive(Debug)]
pub(crate) struct MeddledJournal<T> {
    pub(crate) journal: MemoryJournal<T>,
    pub(crate) meddler: Arc<Meddler>,
}

#[derive(Debug, Default)]
pub(crate) struct Meddler {
    appends: AtomicUsize,
    reads: AtomicUsize,
    /// Which appends are answered, and how.
    answer: Mutex<Option<(Range<usize>, AppendError)>>,
}

impl Meddler {
    pub(crate) fn appends(&self) -> usize {
        self.appends.load(Ordering::SeqCst)
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// Answer the next appends, after leaving out so many, with this error.
    pub(crate) fn answer(&self, skip: usize, count: usize, error: AppendError) {
        let start = self.appends() + skip;
        *self.answer.lock().unwrap() = Some((start..start.saturating_add(count), error));
    }

    pub(crate) fn stop(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn count(counter: &AtomicUsize) -> usize {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        assert!(number < 10_000, "a busy loop around the journal");
        number
    }
}

impl<T: Clone + Send + Sync + 'static> Journal<T> for MeddledJournal<T> {
    async fn open(&mut self, recover: Recover<'_, T>) -> Result<StoreId, JournalError> {
        self.journal.open(recover).await
    }

    async fn append(&mut self, after: u64, changes: Arc<[Change<T>]>) -> Result<(), AppendError> {
        let number = Meddler::count(&self.meddler.appends);
        let answer = self.meddler.answer.lock().unwrap().clone();
        match answer.filter(|(range, _)| range.contains(&number)) {
            Some((_, error)) => Err(error),
            None => self.journal.append(after, changes).await,
        }
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        Meddler::count(&self.meddler.reads);
        Journal::read(&mut self.journal, after).await
    }

    async fn compact(&mut self, snapshot: Snapshot<T>) -> Result<Compaction, JournalError> {
        self.journal.compact(snapshot).await
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.journal.close().await
    }
}

/// A journal that gives back what it was given, and takes everything.
#[derive(Debug)]
pub(crate) struct GivenJournal<T>(pub(crate) Vec<Recovered<T>>);

impl<T: Clone + Send + Sync + 'static> Journal<T> for GivenJournal<T> {
    async fn open(&mut self, recover: Recover<'_, T>) -> Result<StoreId, JournalError> {
        self.0.drain(..).for_each(recover);
        Ok(StoreId::random())
    }

    async fn append(&mut self, _: u64, _: Arc<[Change<T>]>) -> Result<(), AppendError> {
        Ok(())
    }

    async fn read(&mut self, _: u64) -> Result<Vec<Change<T>>, ReadError> {
        Ok(Vec::new())
    }

    async fn compact(&mut self, _: Snapshot<T>) -> Result<Compaction, JournalError> {
        Ok(Compaction::finished(Compacted::new(0, 0, 0)))
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A journal that cannot hold the text "bad", and that wants to be compacted after so many changes.
#[derive(Debug)]
pub(crate) struct PickyJournal {
    pub(crate) journal: MemoryJournal<String>,
    pub(crate) appends: Arc<AtomicUsize>,
    pub(crate) compact_every: u64,
    pub(crate) compact_next: u64,
}

impl PickyJournal {
    pub(crate) fn over(journal: &MemoryJournal<String>, compact_every: u64) -> Self {
        let (journal, appends) = (journal.clone(), Arc::default());
        Self { journal, appends, compact_every, compact_next: compact_every }
    }
}

impl Journal<String> for PickyJournal {
    async fn open(&mut self, recover: Recover<'_, String>) -> Result<StoreId, JournalError> {
        self.journal.open(recover).await
    }

    async fn append(&mut self, at: u64, turn: Arc<[Change<String>]>) -> Result<(), AppendError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        if turn.iter().flat_map(Change::elements).any(|element| element == "bad") {
            return Err(AppendError::Invalid("it is bad".into()));
        }
        self.journal.append(at, turn).await
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<String>>, ReadError> {
        Journal::read(&mut self.journal, after).await
    }

    async fn compact(&mut self, snapshot: Snapshot<String>) -> Result<Compaction, JournalError> {
        self.compact_next = self.journal.head() + self.compact_every;
        self.journal.compact(snapshot).await
    }

    fn wants_compaction(&self) -> bool {
        self.journal.head() >= self.compact_next
    }

    fn past(&self) -> Option<Arc<dyn Past<String>>> {
        self.journal.past()
    }

    fn meter(&self) -> Arc<Meter> {
        self.journal.meter()
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.journal.close().await
    }
}

/// A journal whose `open` never comes back.
#[derive(Debug)]
pub(crate) struct HungJournal;

impl<T: Clone + Send + Sync + 'static> Journal<T> for HungJournal {
    async fn open(&mut self, _: Recover<'_, T>) -> Result<StoreId, JournalError> {
        std::future::pending().await
    }

    async fn append(&mut self, _: u64, _: Arc<[Change<T>]>) -> Result<(), AppendError> {
        Ok(())
    }

    async fn read(&mut self, _: u64) -> Result<Vec<Change<T>>, ReadError> {
        Ok(Vec::new())
    }

    async fn compact(&mut self, _: Snapshot<T>) -> Result<Compaction, JournalError> {
        Ok(Compaction::finished(Compacted::new(0, 0, 0)))
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

/// A write by its own operation, not as a batch of one. The length is that of a push or a pop.
pub(crate) async fn send<T: Clone + Send + Sync + 'static, B: Backend<T>>(
    store: &Store<T, B>,
    write: Write<T>,
) -> Result<Did<T>> {
    let (key, when, ttl) = (write.key().clone(), write.condition(), write.time_to_live());
    match write.action().clone() {
        Action::Set(value) => living(store.set(key, value), when, ttl).await.map(revised),
        Action::Update(value) => living(store.update(key, value), when, ttl).await.map(revised),
        Action::Remove => under(store.remove(key), when).await.map(revised),
        Action::Push { end, element } => {
            let push = match end {
                End::Front => store.push_front(key, element),
                End::Back => store.push(key, element),
            };
            let pushed = living(push, when, ttl).await?;
            Ok(Did { length: pushed.length, ..revised(pushed.revision) })
        }
        Action::Pop { end } => {
            let pop = match end {
                End::Front => store.pop_front(key),
                End::Back => store.pop(key),
            };
            let popped = under(pop, when).await?;
            let (revision, length) = (popped.revision, popped.length);
            Ok(Did { length, popped: Some(popped.element), ..revised(revision) })
        }
        Action::Trim { end, keep } => {
            let trim = match end {
                End::Front => store.trim_front(key, keep),
                End::Back => store.trim(key, keep),
            };
            let Trimmed { revision, length, removed } = under(trim, when).await?;
            Ok(Did { length, removed: Some(removed), ..revised(revision) })
        }
        Action::Touch => match ttl {
            Ttl::After(ttl) => under(store.expire(key, ttl), when).await.map(revised),
            _ => under(store.persist(key), when).await.map(revised),
        },
        other => panic!("the tests do not know {}", other.name()),
    }
}

fn under<'a, T, A, B>(
    write: PendingWrite<'a, T, A, B>,
    condition: Condition,
) -> PendingWrite<'a, T, A, B> {
    match condition {
        Condition::IfAbsent => write.if_absent(),
        Condition::IfPresent => write.if_present(),
        Condition::IfRevision(revision) => write.if_revision(revision),
        _ => write,
    }
}

fn living<'a, T, A, B>(
    put: PendingPut<'a, T, A, B>,
    condition: Condition,
    ttl: Ttl,
) -> PendingPut<'a, T, A, B> {
    let put = match condition {
        Condition::IfAbsent => put.if_absent(),
        Condition::IfPresent => put.if_present(),
        Condition::IfRevision(revision) => put.if_revision(revision),
        _ => put,
    };
    match ttl {
        Ttl::After(ttl) => put.ttl(ttl),
        Ttl::Never => put.no_ttl(),
        _ => put,
    }
}

fn revised<T>(revision: u64) -> Did<T> {
    Did { revision, length: 0, popped: None, removed: None }
}
