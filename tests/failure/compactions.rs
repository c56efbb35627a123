//! Compactions that are slow, fail or panic, and the results of their callers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring::journal::{
    Compaction, CompactionReport, Fault, Journal, JournalError, MemoryJournal, Snapshot,
};
use mainspring::{Error, Store};
use mainspring_testing::journals::{InterceptedJournal, Interceptor};
use tokio::join;
use tokio::sync::oneshot;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

type Outcome = Result<CompactionReport, JournalError>;

/// A journal whose compactions end when and how the test decides.
#[derive(Clone, Default)]
struct ManualCompactions {
    journal: MemoryJournal<String>,
    controls: Arc<Controls>,
}

/// A compaction: when it started, at which revision, and how to end it.
struct Started {
    at: Instant,
    revision: u64,
    end: Option<oneshot::Sender<Outcome>>,
}

#[derive(Default)]
struct Controls {
    /// The compactions that have started.
    started: Mutex<Vec<Started>>,
    /// Whether the log should be compacted.
    wanted: Mutex<bool>,
    /// Whether compactions fail at once.
    broken: Mutex<bool>,
}

impl ManualCompactions {
    fn spawn() -> (Store<String>, Self) {
        let compactions = Self::default();
        let journal = InterceptedJournal::new(compactions.journal.clone(), compactions.clone());
        (Store::builder().journal(journal).spawn(), compactions)
    }

    fn started(&self) -> usize {
        self.controls.started.lock().unwrap().len()
    }

    async fn wait_for_start(&self, count: usize) {
        // In real time instead of paused time, because a thread may start it.
        let start = std::time::Instant::now();
        while self.started() < count {
            assert!(start.elapsed() < Duration::from_secs(20), "no compaction {count}");
            yield_now().await;
        }
        assert_eq!(self.started(), count);
    }

    /// The revision of the store when a compaction started.
    fn revision(&self, number: usize) -> u64 {
        self.controls.started.lock().unwrap()[number].revision
    }

    fn end(&self, number: usize, outcome: Outcome) {
        let end = self.controls.started.lock().unwrap()[number].end.take().unwrap();
        end.send(outcome).expect("the owner waits for it");
    }

    /// The seconds between the starts of compactions.
    fn gaps(&self) -> Vec<f64> {
        let started = self.controls.started.lock().unwrap();
        started.windows(2).map(|pair| (pair[1].at - pair[0].at).as_secs_f64()).collect()
    }
}

impl<J: Journal<String>> Interceptor<String, J> for ManualCompactions {
    async fn compact(
        &mut self,
        _: &mut J,
        _: Snapshot<String>,
    ) -> Result<Compaction, JournalError> {
        let (end, compaction) = Compaction::channel();
        let end = Some(end).filter(|_| !*self.controls.broken.lock().unwrap());
        let started = Started { at: Instant::now(), revision: self.journal.head(), end };
        self.controls.started.lock().unwrap().push(started);
        Ok(compaction)
    }

    fn wants_compaction(&self, _: &J) -> bool {
        *self.controls.wanted.lock().unwrap()
    }
}

fn counts(store: &Store<String>) -> (u64, u64) {
    let stats = store.stats().journal;
    (stats.compactions, stats.failed_compactions)
}

#[tokio::test(start_paused = true)]
async fn compact_returns_when_the_compaction_is_done() {
    let (store, compactions) = ManualCompactions::spawn();
    store.set("k", "v").await.unwrap();
    let compaction = store.compact().try_send().unwrap();
    compactions.wait_for_start(1).await;
    // The store serves commands during the compaction.
    assert_eq!(store.set("k", "w").await, Ok(2));
    assert_eq!(store.get("k").await.unwrap().unwrap().revision, 2);
    assert_eq!(counts(&store), (0, 0));
    compactions.end(0, Ok(CompactionReport::new(2, 900, 100)));
    assert_eq!(compaction.await, Ok(CompactionReport::new(2, 900, 100)));
    assert_eq!(counts(&store), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn failed_compaction_carries_its_cause_and_is_counted() {
    let (store, compactions) = ManualCompactions::spawn();
    let compaction = store.compact().try_send().unwrap();
    compactions.wait_for_start(1).await;
    compactions.end(0, Err(JournalError::new("snapshot.tmp: no space")));
    assert_eq!(compaction.await, Err(Error::CompactionFailed("snapshot.tmp: no space".into())));
    assert_eq!(counts(&store), (0, 1));
    assert_eq!(store.health(), Ok(()), "writes are not affected");
    assert_eq!(store.set("k", "v").await, Ok(1));
    // A caller does not wait for the retry of an automatic compaction.
    let again = store.compact().try_send().unwrap();
    compactions.wait_for_start(2).await;
    compactions.end(1, Ok(CompactionReport::new(1, 0, 0)));
    assert_eq!(again.await.unwrap().revision, 1);
    assert_eq!(counts(&store), (1, 1));
}

/// The future of the result of a compaction panics.
struct PanickingCompaction;

impl<J: Journal<String>> Interceptor<String, J> for PanickingCompaction {
    async fn compact(
        &mut self,
        _: &mut J,
        _: Snapshot<String>,
    ) -> Result<Compaction, JournalError> {
        Ok(Compaction::new(async { panic!("out of ink") }))
    }
}

#[tokio::test(start_paused = true)]
async fn panicking_compaction_does_not_stop_the_store() {
    let journal = InterceptedJournal::new(MemoryJournal::new(), PanickingCompaction);
    let store = Store::builder().journal(journal).spawn();
    let failed = store.compact().await;
    assert_eq!(failed, Err(Error::CompactionFailed("the compaction panicked: out of ink".into())));
    assert_eq!(counts(&store), (0, 1));
    assert_eq!(store.set("k", "v").await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn call_during_a_compaction_gets_a_later_one() {
    for first_fails in [false, true] {
        let (store, compactions) = ManualCompactions::spawn();
        store.set("k", "v").await.unwrap();
        let first = store.compact().try_send().unwrap();
        compactions.wait_for_start(1).await;
        store.clear().await.unwrap();
        let second = store.compact().try_send().unwrap();
        let third = store.compact().try_send().unwrap();
        assert_eq!(store.get("k").await, Ok(None), "the calls have reached the owner");
        assert_eq!(compactions.started(), 1, "one at a time");
        let outcome = Ok(CompactionReport::new(1, 9, 9));
        compactions.end(0, if first_fails { Err(JournalError::new("no space")) } else { outcome });
        assert_eq!(first.await.is_err(), first_fails);
        compactions.wait_for_start(2).await;
        assert_eq!(compactions.revision(1), 2, "its snapshot is newer than the clear");
        compactions.end(1, Ok(CompactionReport::new(2, 9, 1)));
        let both = join!(second, third);
        assert_eq!(both, (Ok(CompactionReport::new(2, 9, 1)), Ok(CompactionReport::new(2, 9, 1))));
        assert_eq!(compactions.started(), 2, "the callers share it");
    }
}

#[tokio::test(start_paused = true)]
async fn call_during_an_automatic_compaction_gets_a_later_one() {
    let (store, compactions) = ManualCompactions::spawn();
    *compactions.controls.wanted.lock().unwrap() = true;
    store.set("k", "v").await.unwrap();
    compactions.wait_for_start(1).await;
    let pending = store.compact().try_send().unwrap();
    store.set("k", "w").await.unwrap();
    assert_eq!(compactions.started(), 1);
    compactions.end(0, Ok(CompactionReport::new(1, 0, 0)));
    compactions.wait_for_start(2).await;
    compactions.end(1, Ok(CompactionReport::new(2, 0, 0)));
    assert_eq!(pending.await, Ok(CompactionReport::new(2, 0, 0)));
    assert_eq!(counts(&store), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn compaction_continues_without_its_caller() {
    let (store, compactions) = ManualCompactions::spawn();
    let pending = timeout(Duration::from_millis(1), store.compact()).await;
    assert!(pending.is_err(), "the caller has dropped its future");
    compactions.end(0, Ok(CompactionReport::new(0, 0, 0)));
    while counts(&store) != (1, 0) {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn shutdown_answers_callers_that_wait_for_a_compaction() {
    let (store, compactions) = ManualCompactions::spawn();
    let (running, waiting) =
        (store.compact().try_send().unwrap(), store.compact().try_send().unwrap());
    compactions.wait_for_start(1).await;
    // This one is in the queue when the shutdown begins.
    let queued = store.compact().try_send().unwrap();
    let ended = timeout(Duration::from_secs(1), async {
        join!(store.shutdown(), running, waiting, queued)
    });
    let closed = Err(Error::Closed);
    assert_eq!(ended.await.unwrap(), (Ok(()), closed.clone(), closed.clone(), closed.clone()));
    assert_eq!(store.compact().await, closed);
    assert_eq!(counts(&store), (0, 0), "a shutdown is not a failure");
}

#[tokio::test(start_paused = true)]
async fn end_of_the_runtime_answers_callers_that_wait_for_a_compaction() {
    let (answers, answered) = std::sync::mpsc::channel();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_time().build().unwrap();
    let (store, compactions) = runtime.spawn(async { ManualCompactions::spawn() }).await.unwrap();
    let pending = store.clone();
    std::thread::spawn(move || answers.send(pending.compact().blocking_send()));
    compactions.wait_for_start(1).await;
    runtime.shutdown_background();
    let answer = tokio::task::spawn_blocking(move || answered.recv()).await.unwrap().unwrap();
    assert!(matches!(answer, Err(Error::Failed(_))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn failed_automatic_compaction_is_retried_at_growing_intervals() {
    let (store, compactions) = ManualCompactions::spawn();
    *compactions.controls.wanted.lock().unwrap() = true;
    *compactions.controls.broken.lock().unwrap() = true;
    // With and without writes.
    for n in 0..1_000 {
        store.set("k", n.to_string()).await.unwrap();
        sleep(Duration::from_millis(10)).await;
    }
    let early = compactions.started();
    assert!((3..=5).contains(&early), "{early} in 10 seconds");
    sleep(Duration::from_secs(20 * 60)).await;
    let gaps = compactions.gaps();
    assert!(gaps.windows(2).all(|pair| pair[1] >= pair[0] - 0.01), "{gaps:?}");
    assert!((0.9..1.2).contains(&gaps[0]), "{gaps:?}");
    assert!((250.0..=310.0).contains(gaps.last().unwrap()), "{gaps:?}");
    assert_eq!(counts(&store), (0, compactions.started() as u64));

    // After a success, the next failure counts as the first.
    *compactions.controls.broken.lock().unwrap() = false;
    sleep(Duration::from_secs(5 * 60)).await;
    let last = compactions.started() - 1;
    compactions.end(last, Ok(CompactionReport::new(1_000, 0, 0)));
    *compactions.controls.broken.lock().unwrap() = true;
    sleep(Duration::from_secs(1)).await;
    for n in 0..100 {
        store.set("k", n.to_string()).await.unwrap();
        sleep(Duration::from_millis(100)).await;
    }
    assert!((0.9..1.2).contains(&compactions.gaps()[last + 1]), "{:?}", compactions.gaps());
}

#[tokio::test(start_paused = true)]
async fn halted_journal_is_not_compacted() {
    let (store, compactions) = ManualCompactions::spawn();
    *compactions.controls.wanted.lock().unwrap() = true;
    compactions.journal.inject(Fault::UnknownLost);
    compactions.journal.fail_reads(usize::MAX);
    assert_eq!(store.set("k", "v").await, Err(Error::Unknown));
    assert!(matches!(store.set("k", "v").await, Err(Error::JournalFailed(_))));
    assert!(matches!(store.compact().await, Err(Error::JournalFailed(_))));
    sleep(Duration::from_secs(60)).await;
    assert_eq!((compactions.started(), counts(&store)), (0, (0, 0)));
}

#[tokio::test(start_paused = true)]
async fn compaction_without_a_journal_does_nothing() {
    let store = Store::<String>::builder().spawn();
    store.set("k", "v").await.unwrap();
    assert_eq!(store.compact().await, Ok(CompactionReport::new(1, 0, 0)));
    assert_eq!(counts(&store), (0, 0));
}
