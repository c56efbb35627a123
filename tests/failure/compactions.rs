//! Compactions that take their time, fail or panic, and what their callers are told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring::journal::{
    AppendError, Compacted, Compaction, Fault, Journal, JournalError, MemoryJournal, Meter,
    ReadError, Recover, Snapshot,
};
use mainspring::{Change, Error, Store, StoreId};
use tokio::join;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

type Outcome = Result<Compacted, JournalError>;

/// A journal whose compactions end as the test says.
#[derive(Clone, Default)]
struct Staged {
    journal: MemoryJournal<String>,
    stage: Arc<Stage>,
}

/// When a compaction was begun, at which revision, and how to end it.
struct Begun {
    at: Instant,
    revision: u64,
    end: Option<oneshot::Sender<Outcome>>,
}

#[derive(Default)]
struct Stage {
    /// The compactions that were begun.
    begun: Mutex<Vec<Begun>>,
    /// Whether the log should be compacted.
    wanted: Mutex<bool>,
    /// Whether compactions fail at once.
    broken: Mutex<bool>,
}

impl Staged {
    fn spawn() -> (Store<String>, Self) {
        let journal = Self::default();
        (Store::builder().journal(journal.clone()).spawn(), journal)
    }

    fn begun(&self) -> usize {
        self.stage.begun.lock().unwrap().len()
    }

    async fn has_begun(&self, count: usize) {
        // Not in the time of a runtime that is paused, as a thread may begin it.
        let start = std::time::Instant::now();
        while self.begun() < count {
            assert!(start.elapsed() < Duration::from_secs(20), "no compaction {count}");
            yield_now().await;
        }
        assert_eq!(self.begun(), count);
    }

    /// The revision of the store when a compaction was begun.
    fn revision(&self, number: usize) -> u64 {
        self.stage.begun.lock().unwrap()[number].revision
    }

    fn end(&self, number: usize, outcome: Outcome) {
        let end = self.stage.begun.lock().unwrap()[number].end.take().unwrap();
        end.send(outcome).expect("the owner waits for it");
    }

    /// How long after one another compactions were begun, in seconds.
    fn gaps(&self) -> Vec<f64> {
        let begun = self.stage.begun.lock().unwrap();
        begun.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect()
    }
}

impl Journal<String> for Staged {
    async fn open(&mut self, recover: Recover<'_, String>) -> Result<StoreId, JournalError> {
        self.journal.open(recover).await
    }

    async fn append(&mut self, at: u64, turn: Arc<[Change<String>]>) -> Result<(), AppendError> {
        self.journal.append(at, turn).await
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<String>>, ReadError> {
        Journal::read(&mut self.journal, after).await
    }

    async fn compact(&mut self, _: Snapshot<String>) -> Result<Compaction, JournalError> {
        let (end, compaction) = Compaction::channel();
        let end = Some(end).filter(|_| !*self.stage.broken.lock().unwrap());
        let begun = Begun { at: Instant::now(), revision: self.journal.head(), end };
        self.stage.begun.lock().unwrap().push(begun);
        Ok(compaction)
    }

    fn wants_compaction(&self) -> bool {
        *self.stage.wanted.lock().unwrap()
    }

    fn meter(&self) -> Arc<Meter> {
        self.journal.meter()
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.journal.close().await
    }
}

fn counts(store: &Store<String>) -> (u64, u64) {
    let stats = store.stats().journal;
    (stats.compactions, stats.failed_compactions)
}

#[tokio::test(start_paused = true)]
async fn compaction_answers_when_it_is_done() {
    let (store, journal) = Staged::spawn();
    store.set("k", "v").await.unwrap();
    let compaction = store.compact().try_send().unwrap();
    journal.has_begun(1).await;
    // The store serves meanwhile.
    assert_eq!(store.set("k", "w").await, Ok(2));
    assert_eq!(store.get("k").await.unwrap().unwrap().revision, 2);
    assert_eq!(counts(&store), (0, 0));
    journal.end(0, Ok(Compacted::new(2, 900, 100)));
    assert_eq!(compaction.await, Ok(Compacted::new(2, 900, 100)));
    assert_eq!(counts(&store), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn failed_compaction_carries_its_cause_and_is_counted() {
    let (store, journal) = Staged::spawn();
    let compaction = store.compact().try_send().unwrap();
    journal.has_begun(1).await;
    journal.end(0, Err(JournalError::new("snapshot.tmp: no space")));
    assert_eq!(compaction.await, Err(Error::CompactionFailed("snapshot.tmp: no space".into())));
    assert_eq!(counts(&store), (0, 1));
    assert_eq!(store.health(), Ok(()), "writes are not concerned");
    assert_eq!(store.set("k", "v").await, Ok(1));
    // A caller need not wait until an automatic one would be tried again.
    let again = store.compact().try_send().unwrap();
    journal.has_begun(2).await;
    journal.end(1, Ok(Compacted::new(1, 0, 0)));
    assert_eq!(again.await.unwrap().revision, 1);
    assert_eq!(counts(&store), (1, 1));
}

/// A journal whose future of the result panics.
struct Panicking(MemoryJournal<String>);

impl Journal<String> for Panicking {
    async fn open(&mut self, recover: Recover<'_, String>) -> Result<StoreId, JournalError> {
        self.0.open(recover).await
    }

    async fn append(&mut self, at: u64, turn: Arc<[Change<String>]>) -> Result<(), AppendError> {
        self.0.append(at, turn).await
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<String>>, ReadError> {
        Journal::read(&mut self.0, after).await
    }

    async fn compact(&mut self, _: Snapshot<String>) -> Result<Compaction, JournalError> {
        Ok(Compaction::new(async { panic!("out of ink") }))
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.0.close().await
    }
}

#[tokio::test(start_paused = true)]
async fn panicking_compaction_does_not_stop_the_store() {
    let store = Store::builder().journal(Panicking(MemoryJournal::new())).spawn();
    let failed = store.compact().await;
    assert_eq!(failed, Err(Error::CompactionFailed("the compaction panicked: out of ink".into())));
    assert_eq!(counts(&store), (0, 1));
    assert_eq!(store.set("k", "v").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn call_during_a_compaction_gets_a_later_one() {
    for first_fails in [false, true] {
        let (store, journal) = Staged::spawn();
        store.set("k", "v").await.unwrap();
        let first = store.compact().try_send().unwrap();
        journal.has_begun(1).await;
        store.clear().await.unwrap();
        let second = store.compact().try_send().unwrap();
        let third = store.compact().try_send().unwrap();
        assert_eq!(store.get("k").await, Ok(None), "the calls have reached the owner");
        assert_eq!(journal.begun(), 1, "one at a time");
        let outcome = Ok(Compacted::new(1, 9, 9));
        journal.end(0, if first_fails { Err(JournalError::new("no space")) } else { outcome });
        assert_eq!(first.await.is_err(), first_fails);
        journal.has_begun(2).await;
        assert_eq!(journal.revision(1), 2, "its snapshot does not have what was cleared");
        journal.end(1, Ok(Compacted::new(2, 9, 1)));
        let both = join!(second, third);
        assert_eq!(both, (Ok(Compacted::new(2, 9, 1)), Ok(Compacted::new(2, 9, 1))));
        assert_eq!(journal.begun(), 2, "they share it");
    }
}

#[tokio::test(start_paused = true)]
async fn call_during_an_automatic_compaction_gets_a_later_one() {
    let (store, journal) = Staged::spawn();
    *journal.stage.wanted.lock().unwrap() = true;
    store.set("k", "v").await.unwrap();
    journal.has_begun(1).await;
    let asked = store.compact().try_send().unwrap();
    store.set("k", "w").await.unwrap();
    assert_eq!(journal.begun(), 1);
    journal.end(0, Ok(Compacted::new(1, 0, 0)));
    journal.has_begun(2).await;
    journal.end(1, Ok(Compacted::new(2, 0, 0)));
    assert_eq!(asked.await, Ok(Compacted::new(2, 0, 0)));
    assert_eq!(counts(&store), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn compaction_goes_on_without_its_caller() {
    let (store, journal) = Staged::spawn();
    let asked = timeout(Duration::from_millis(1), store.compact()).await;
    assert!(asked.is_err(), "the caller is gone");
    journal.end(0, Ok(Compacted::new(0, 0, 0)));
    while counts(&store) != (1, 0) {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_answers_callers_that_wait_for_a_compaction() {
    let (store, journal) = Staged::spawn();
    let (running, waiting) =
        (store.compact().try_send().unwrap(), store.compact().try_send().unwrap());
    journal.has_begun(1).await;
    // This one is in the queue when the shutdown begins.
    let queued = store.compact().try_send().unwrap();
    let ended = timeout(Duration::from_secs(1), async {
        join!(store.shutdown(), running, waiting, queued)
    });
    let closed = Err(Error::Closed);
    assert_eq!(ended.await.unwrap(), (Ok(()), closed.clone(), closed.clone(), closed.clone()));
    assert_eq!(store.compact().await, closed);
    assert_eq!(counts(&store), (0, 0), "that is no failure");
}

#[tokio::test(start_paused = true)]
async fn end_of_the_runtime_answers_callers_that_wait_for_a_compaction() {
    let (answers, answered) = std::sync::mpsc::channel();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_time().build().unwrap();
    let (store, journal) = runtime.spawn(async { Staged::spawn() }).await.unwrap();
    let asked = store.clone();
    std::thread::spawn(move || answers.send(asked.compact().blocking_send()));
    journal.has_begun(1).await;
    runtime.shutdown_background();
    let answer = tokio::task::spawn_blocking(move || answered.recv()).await.unwrap().unwrap();
    assert!(matches!(answer, Err(Error::Failed(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn failed_automatic_compaction_is_tried_again_at_growing_intervals() {
    let (store, journal) = Staged::spawn();
    *journal.stage.wanted.lock().unwrap() = true;
    *journal.stage.broken.lock().unwrap() = true;
    // Written to or not.
    for n in 0..1_000 {
        store.set("k", n.to_string()).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    let early = journal.begun();
    assert!((3..=5).contains(&early), "{early} in 10 seconds");
    sleep(Duration::from_secs(20 * 60)).await;
    let gaps = journal.gaps();
    assert!(gaps.windows(2).all(|pair| pair[1] >= pair[0] - 0.01), "{gaps:?}");
    assert!((0.9..1.2).contains(&gaps[0]), "{gaps:?}");
    assert!((250.0..=310.0).contains(gaps.last().unwrap()), "{gaps:?}");
    assert_eq!(counts(&store), (0, journal.begun() as u64));

    // Once it has worked, the next failure is the first again.
    *journal.stage.broken.lock().unwrap() = false;
    sleep(Duration::from_secs(5 * 60)).await;
    let last = journal.begun() - 1;
    journal.end(last, Ok(Compacted::new(1_000, 0, 0)));
    *journal.stage.broken.lock().unwrap() = true;
    sleep(Duration::from_secs(1)).await;
    for n in 0..100 {
        store.set("k", n.to_string()).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    assert!((0.9..1.2).contains(&journal.gaps()[last + 1]), "{:?}", journal.gaps());
}

#[tokio::test(start_paused = true)]
async fn halted_journal_is_not_compacted() {
    let (store, journal) = Staged::spawn();
    *journal.stage.wanted.lock().unwrap() = true;
    journal.journal.inject(Fault::UnknownLost);
    journal.journal.fail_reads(usize::MAX);
    assert_eq!(store.set("k", "v").await, Err(Error::Unknown));
    assert!(matches!(store.set("k", "v").await, Err(Error::JournalFailed(_))));
    assert!(matches!(store.compact().await, Err(Error::JournalFailed(_))));
    sleep(Duration::from_secs(60)).await;
    assert_eq!((journal.begun(), counts(&store)), (0, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn compaction_without_a_journal_does_nothing() {
    let store = Store::<String>::builder().spawn();
    store.set("k", "v").await.unwrap();
    assert_eq!(store.compact().await, Ok(Compacted::new(1, 0, 0)));
    assert_eq!(counts(&store), (0, 0));
}
