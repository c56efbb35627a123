//! Faults of journals.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mainspring::journal::{AppendError, Fault, MemoryJournal, Recovered};
use mainspring::{Change, ChangeKind, Entry, Error, Event, Key, Store, Write};
use mainspring_testing::journals::{
    BlockedOpen, FULL, FailingClose, FailingOpen, InjectedErrors, InterceptedJournal,
    ReplayJournal, full_error,
};
use mainspring_testing::{Random, send};
use tokio::join;
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep, timeout};

pub(super) fn over(journal: &MemoryJournal<String>) -> Store<String> {
    Store::builder().journal(journal.clone()).spawn()
}

/// The same with errors for some appends.
fn with_errors(journal: &MemoryJournal<String>) -> (Store<String>, Arc<InjectedErrors>) {
    let errors = Arc::new(InjectedErrors::default());
    let journal = InterceptedJournal::new(journal.clone(), Arc::clone(&errors));
    (Store::builder().journal(journal).spawn(), errors)
}

pub(super) async fn everything(store: &Store<String>) -> Vec<(Key, Entry<String>)> {
    store.scan("").limit(10_000).await.unwrap().items
}

#[tokio::test(start_paused = true)]
async fn full_journal_fails_only_the_turn() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    store.set("k", "v").await.unwrap();
    let mut subscription = store.subscribe().await.unwrap();
    journal.inject(Fault::Full);
    let (set, get, refused, batch, many, cleared) = join!(
        store.set("k", "w"),
        store.get("k"),
        store.remove("none"),
        store.batch([Write::set("b", "v")]),
        store.set_many([("c", "v")]),
        store.push("l", "v"),
    );
    assert_eq!(set, Err(full_error()));
    assert_eq!(get.unwrap().unwrap().item().unwrap(), "v", "reads still work");
    assert_eq!(refused, Err(full_error()), "it was decided after a write that failed");
    assert_eq!(batch.unwrap_err().error, full_error());
    assert_eq!(many, Err(full_error()));
    assert_eq!(cleared, Err(full_error()));
    assert_eq!(store.set("k", "x").await, Ok(2));
    let Event::Change(change) = subscription.recv().await.unwrap() else { panic!() };
    assert_eq!((change.revision, journal.head()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn unknown_outcome_is_resolved() {
    for (fault, written) in [(Fault::UnknownLost, false), (Fault::UnknownWritten, true)] {
        let journal = MemoryJournal::new();
        let store = over(&journal);
        store.push("l", "a").await.unwrap();
        let mut subscription = store.subscribe().await.unwrap();
        journal.inject(fault);
        let (set, pop) = join!(store.set("k", "v"), store.pop("l"));
        assert_eq!((set, pop), (Err(Error::Unknown), Err(Error::Unknown)));
        // It is resolved without a command.
        sleep(Duration::from_millis(50)).await;
        assert_eq!(store.view().contains("k"), written);
        assert_eq!(store.len("l").await, Ok(Some(usize::from(!written))));
        let next = store.set("next", "v").await.unwrap();
        assert_eq!(next, if written { 4 } else { 2 });
        for revision in 2..=next {
            assert_eq!(subscription.recv().await.unwrap().revision(), Some(revision));
        }
        let state = everything(&store).await;
        let again = over(&journal.survivor());
        assert_eq!(everything(&again).await, state);
    }
}

#[tokio::test(start_paused = true)]
async fn reads_work_while_the_journal_is_halted() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    store.set("k", "v").await.unwrap();
    store.set("short", "v").ttl(Duration::from_millis(30)).await.unwrap();
    let mut subscription = store.subscribe().await.unwrap();
    journal.inject(Fault::UnknownWritten);
    journal.fail_reads(6);
    assert_eq!(store.set("k", "w").await, Err(Error::Unknown));
    let halted = store.set("k", "x").await.unwrap_err();
    assert!(matches!(halted, Error::JournalFailed(_)), "{halted:?}");
    assert_eq!(store.get("k").await.unwrap().unwrap().item().unwrap(), "v");
    assert_eq!(store.remove("none").await, Err(Error::NotFound), "a rejection needs no append");
    assert_eq!(store.clear().await.unwrap_err().to_string(), halted.to_string());
    let snapshot = store.subscribe().from_snapshot().await;
    assert!(snapshot.is_ok());
    sleep(Duration::from_millis(40)).await;
    assert_eq!(store.get("short").await, Ok(None), "absent, although its expiry is not recorded");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(store.get("k").await.unwrap().unwrap().item().unwrap(), "w");
    let next = store.set("k", "y").await.unwrap();
    assert_eq!(next, 5, "the unknown write, the expiry, and this write");
    for revision in 3..=5 {
        assert_eq!(subscription.recv().await.unwrap().revision(), Some(revision));
    }
}

/// Run commands until a crash at one append, and restart from what was written.
async fn crash(at: usize, fault: Fault) {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    let mut acknowledged: BTreeMap<String, u64> = BTreeMap::new();
    let mut random = Random::new(at as u64 + 1);
    for step in 0..40 {
        if step == at {
            journal.inject(fault);
        }
        let key = format!("k{step}");
        let writing = async {
            match random.below(3) {
                0 => {
                    let both = [Write::set(&key, "v"), Write::set(format!("{key}+"), "v")];
                    store.batch(both).await.map(|parts| parts[0].revision).map_err(|e| e.error)
                }
                1 => store.push(&key, "v").await.map(|pushed| pushed.revision),
                _ => store.set(&key, "v").await,
            }
        };
        match timeout(Duration::from_millis(100), writing).await {
            Ok(answer) => drop(acknowledged.insert(key, answer.unwrap())),
            Err(_) => break, // no command gets a result any more
        }
    }
    assert!(journal.has_crashed() && acknowledged.len() == at);
    let survivor = journal.survivor();
    let again = over(&survivor);
    again.ready().await.unwrap();
    for (key, revision) in &acknowledged {
        let entry = again.get(key).await.unwrap().expect("acknowledged writes are recovered");
        assert_eq!(entry.revision, *revision);
    }
    let key = format!("k{at}");
    let found = again.contains(&key).await.unwrap();
    assert_eq!(found, fault == Fault::CrashAfter);
    let batch = survivor.changes().iter().any(|change| *change.key == *format!("{key}+"));
    assert!(!batch || found, "a batch is atomic");
    let next = again.set("next", "v").await.unwrap();
    assert_eq!(next, again.keys("").limit(1).await.unwrap().revision);
    assert_eq!(again.id(), store.id(), "old resume tokens stay valid");
}

#[tokio::test(start_paused = true)]
async fn crash_loses_no_acknowledged_write() {
    for at in 0..40 {
        crash(at, Fault::CrashBefore).await;
        crash(at, Fault::CrashAfter).await;
    }
}

#[tokio::test(start_paused = true)]
async fn compacted_log_recovers_the_same_state() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    let mut random = Random::new(5);
    let write = |random: &mut Random| {
        let key = format!("k{}", random.below(50));
        match random.below(6) {
            0 => Write::set(key, vec!["a".to_owned()]).ttl(Duration::from_secs(3_600)),
            1 => Write::set(key, "item"),
            2 => Write::pop(key),
            3 => Write::remove(key),
            _ => Write::push_front(key, random.below(100).to_string()),
        }
    };
    for round in 0..20 {
        for _ in 0..50 {
            drop(send(&store, write(&mut random)).await);
        }
        advance(Duration::from_secs(1)).await;
        store.compact().await.unwrap();
        for _ in 0..round % 5 {
            drop(send(&store, write(&mut random)).await);
        }
        sleep(Duration::from_millis(1)).await;
        let again = over(&journal.survivor());
        assert_eq!(everything(&again).await, everything(&store).await, "round {round}");
        assert_eq!(again.revision(), store.revision());
    }
    assert!(journal.changes().len() < 100, "the log was replaced");
}

#[tokio::test(start_paused = true)]
async fn overdue_keys_expire_before_the_first_command() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    for n in 0..1_500 {
        store.set(format!("k{n}"), "v").ttl(Duration::from_millis(1)).await.unwrap();
    }
    store.set("live", "v").ttl(Duration::from_secs(3_600)).await.unwrap();
    let deadline = store.get("live").await.unwrap().unwrap().expires_at;
    let log = journal.survivor();
    store.shutdown().await.unwrap();
    std::thread::sleep(Duration::from_millis(3)); // recovery uses the wall clock
    let again = over(&log);
    assert_eq!(again.set("first", "v").await, Ok(3_002));
    let page = again.keys("").limit(10_000).await.unwrap();
    assert_eq!(page.items, ["first", "live"]);
    let kept = again.get("live").await.unwrap().unwrap().expires_at;
    assert_eq!(kept, deadline, "the deadline is kept");
}

#[tokio::test(start_paused = true)]
async fn recovered_store_keeps_its_id_and_revision() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    store.set("key", "value").await.unwrap();
    let before = store.stats();
    store.shutdown().await.unwrap();
    let again = over(&journal);
    again.ready().await.unwrap();
    assert_eq!((again.view().entries(), again.stats().bytes), (1, 8));
    assert_eq!((before.entries, before.revision), (1, again.stats().revision));
}

#[tokio::test(start_paused = true)]
async fn unreadable_journal_does_not_delay_a_shutdown() {
    let journal = MemoryJournal::<String>::new();
    let store = over(&journal);
    journal.inject(Fault::UnknownLost);
    journal.fail_reads(usize::MAX);
    assert_eq!(store.set("k", "v").await, Err(Error::Unknown));
    sleep(Duration::from_secs(60)).await;
    assert!(matches!(store.set("k", "v").await, Err(Error::JournalFailed(_))));
    assert_eq!(store.shutdown().await, Ok(()), "a shutdown does not wait for it");
}

#[tokio::test(start_paused = true)]
async fn journal_that_cannot_be_opened_stops_the_store() {
    let store = Store::<String>::builder()
        .journal(InterceptedJournal::new(MemoryJournal::new(), FailingOpen))
        .spawn();
    let set = store.set("k", "v").try_send().unwrap();
    let failed = Error::Failed("damaged".into());
    assert_eq!(store.ready().await, Err(failed.clone()));
    assert_eq!(set.await, Err(failed.clone()));
    assert_eq!(store.get("k").await, Err(failed.clone()));
    assert_eq!((store.closed().await, store.shutdown().await), (Err(failed.clone()), Err(failed)));
}

#[tokio::test(start_paused = true)]
async fn failed_close_of_the_journal_is_reported() {
    let store = Store::<String>::builder()
        .journal(InterceptedJournal::new(MemoryJournal::new(), FailingClose))
        .spawn();
    let mut subscription = store.subscribe().await.unwrap();
    assert_eq!(store.compact().await, Err(Error::CompactionFailed("no room".into())));
    assert_eq!(store.set("k", "v").await, Ok(1), "the store continues");
    let failed = Error::Failed("not synced".into());
    assert_eq!(store.shutdown().await, Err(failed.clone()));
    assert_eq!(subscription.recv().await.unwrap().revision(), Some(1));
    assert_eq!(subscription.recv().await, Err(failed));
}

#[tokio::test(start_paused = true)]
async fn expired_entries_are_counted() {
    // So soon after its deadline that the write finds it before the timer.
    let ttl = Duration::from_nanos(10_000_001);
    for journaled in [false, true] {
        let builder = Store::<String>::builder();
        let store =
            if journaled { builder.journal(MemoryJournal::new()).spawn() } else { builder.spawn() };
        for key in ["timer", "write", "batch"] {
            store.set(key, "v").ttl(ttl).await.unwrap();
        }
        advance(ttl).await;
        store.set("write", "v").await.unwrap();
        store.batch([Write::set("batch", "v")]).await.unwrap();
        sleep(ttl).await;
        assert_eq!((store.stats().expired, store.revision()), (3, 8), "journaled: {journaled}");
    }
}

#[tokio::test(start_paused = true)]
async fn conflict_without_a_newer_change_halts_the_journal() {
    let journal = MemoryJournal::new();
    let (store, errors) = with_errors(&journal);
    store.set("k", "v").await.unwrap();
    errors.fail(0, usize::MAX, AppendError::Conflict);
    for attempt in 1..=3 {
        let refused = store.set("k", "w").await;
        assert!(matches!(refused, Err(Error::JournalFailed(_))), "{refused:?}");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(errors.appends(), 1 + attempt, "once for each write");
        assert!(errors.reads() <= 3 * attempt, "{} reads", errors.reads());
        assert_eq!(store.get("k").await.unwrap().unwrap().revision, 1, "reads still work");
    }
    // The same if the journal cannot be read for a while.
    journal.fail_reads(5);
    assert!(matches!(store.set("k", "w").await, Err(Error::JournalFailed(_))));
    assert!(matches!(store.remove("k").await, Err(Error::JournalFailed(_))));
    errors.clear();
    sleep(Duration::from_secs(30)).await;
    assert_eq!((store.set("k", "x").await, journal.head()), (Ok(2), 2));
}

#[tokio::test(start_paused = true)]
async fn owner_behind_a_foreign_compaction_ends() {
    let journal = MemoryJournal::new();
    let (behind, _) = with_errors(&journal);
    behind.ready().await.unwrap();
    let ahead = over(&journal);
    for n in 0..10 {
        ahead.set("k", n.to_string()).await.unwrap();
    }
    ahead.compact().await.unwrap();
    sleep(Duration::from_millis(1)).await;
    assert!(journal.changes().is_empty());
    let refused = behind.set("k", "v").await.unwrap_err();
    let cause = "this owner is at 0: compacted: the oldest revision to resume after is 10";
    assert!(refused.to_string().contains(cause), "{refused}");
    let end = timeout(Duration::from_secs(1), behind.closed()).await.expect("it ends");
    assert!(matches!(&end, Err(Error::Failed(why)) if why.starts_with(cause)), "{end:?}");
    assert_eq!((ahead.set("k", "v").await, journal.head()), (Ok(11), 11));
}

/// An owner that could not read for a while, and gets no commands: it retries by itself, too late.
#[tokio::test(start_paused = true)]
async fn owner_that_retries_behind_a_foreign_compaction_ends() {
    let journal = MemoryJournal::new();
    let ((behind, errors), ahead) = (with_errors(&journal), over(&journal));
    let mut subscription = behind.subscribe().await.unwrap();
    journal.fail_reads(usize::MAX);
    for n in 0..10 {
        ahead.set("k", n.to_string()).await.unwrap();
    }
    assert!(matches!(behind.set("k", "v").await, Err(Error::JournalFailed(_))));
    ahead.compact().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!((behind.revision(), behind.is_closed()), (0, false), "it retries");
    journal.fail_reads(0);
    let end = timeout(Duration::from_secs(60), behind.closed()).await.expect("it ends");
    let why = "this owner is at 0: compacted: the oldest revision to resume after is 10";
    assert!(matches!(&end, Err(Error::Failed(cause)) if cause.starts_with(why)), "{end:?}");
    assert_eq!(subscription.recv().await.err(), end.err());
    assert!(errors.reads() < 20, "{} reads", errors.reads());
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_a_hung_open() {
    let store = Store::<String>::builder()
        .journal(InterceptedJournal::new(MemoryJournal::new(), BlockedOpen::default()))
        .spawn();
    let set = store.set("k", "v").try_send().unwrap();
    let subscription = store.subscribe().try_send().unwrap();
    sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    let end = timeout(Duration::from_secs(60), store.shutdown()).await.expect("it ends");
    assert_eq!((end, start.elapsed()), (Ok(()), Duration::ZERO));
    assert_eq!((set.await, store.ready().await), (Err(Error::Closed), Err(Error::Closed)));
    assert_eq!(subscription.await.err(), Some(Error::Closed));
    assert_eq!(store.get("k").await, Err(Error::Closed));
}

const KEYS: usize = 3_000;

async fn full_with_overdue_keys() -> (Store<String>, MemoryJournal<String>, Arc<InjectedErrors>) {
    let journal = MemoryJournal::new();
    let (store, errors) = with_errors(&journal);
    let pairs = (0..KEYS).map(|n| Write::set(format!("k{n}"), "v").ttl(Duration::from_secs(1)));
    store.batch(pairs).await.unwrap();
    errors.fail(0, usize::MAX, AppendError::Full(FULL.into()));
    sleep(Duration::from_secs(1)).await;
    (store, journal, errors)
}

#[tokio::test(start_paused = true)]
async fn expiry_that_cannot_be_recorded_is_retried() {
    let (store, journal, errors) = full_with_overdue_keys().await;
    let before = errors.appends();
    for n in 0..1_000 {
        sleep(Duration::from_millis(30)).await;
        assert_eq!(store.get(format!("k{n}")).await, Ok(None), "absent nevertheless");
    }
    assert!(store.keys("").await.unwrap().items.is_empty() && !store.view().contains("k0"));
    let tried = errors.appends() - before;
    assert!((1..=30).contains(&tried), "{tried} times in 30 seconds");
    assert_eq!(store.stats().expired, 0);
    errors.clear();
    sleep(Duration::from_secs(30)).await;
    assert_eq!((store.stats().entries, store.stats().expired), (0, KEYS as u64));
    assert_eq!(journal.head(), 2 * KEYS as u64, "one change for each key");
    assert!(journal.changes()[KEYS..].iter().all(|change| change.kind == ChangeKind::Expired));
}

#[tokio::test(start_paused = true)]
async fn clear_requires_the_expiry_of_overdue_keys() {
    let (store, journal, errors) = full_with_overdue_keys().await;
    let before = errors.appends();
    for attempt in 1..=3 {
        assert_eq!(store.clear().await, Err(full_error()));
        assert!(errors.appends() - before <= 2 * attempt);
    }
    // The expiry cannot be recorded yet, so neither can the clear.
    errors.fail(0, 1, AppendError::Full(FULL.into()));
    assert_eq!(store.clear().await, Err(full_error()));
    // At once, while the automatic expiry is still paused.
    assert_eq!(store.clear().await, Ok(0), "all of them were overdue");
    assert_eq!((journal.head(), store.stats().entries), (2 * KEYS as u64, 0));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(journal.head(), 2 * KEYS as u64, "one change for each key");
}

/// Overdue keys do not count for a limit, even if their expiry was delayed.
#[tokio::test(start_paused = true)]
async fn limit_excludes_keys_whose_expiry_was_delayed() {
    let (journal, errors) = (MemoryJournal::<String>::new(), Arc::new(InjectedErrors::default()));
    let failing = InterceptedJournal::new(journal.clone(), Arc::clone(&errors));
    let store = Store::builder().max_entries(2).journal(failing).spawn();
    store.set("a", "v").ttl(Duration::from_secs(1)).await.unwrap();
    store.set("b", "v").ttl(Duration::from_secs(1)).await.unwrap();
    errors.fail(0, usize::MAX, AppendError::Full(FULL.into()));
    sleep(Duration::from_secs(2)).await;
    errors.clear();
    assert!(store.set("c", "v").await.is_ok());
    assert_eq!((store.stats().entries, store.stats().expired), (1, 2));
}

/// Sends a read of itself to the store each time it is read.
struct Ball {
    bounce: Option<Arc<OnceLock<Store<Ball>>>>,
    bounces: Arc<AtomicBool>,
}

impl Clone for Ball {
    fn clone(&self) -> Self {
        let store = self.bounce.as_ref().and_then(|store| store.get());
        if let Some(store) = store.filter(|_| self.bounces.load(Ordering::SeqCst)) {
            drop(store.get("ball").try_send());
        }
        Self { bounce: self.bounce.clone(), bounces: Arc::clone(&self.bounces) }
    }
}

#[tokio::test]
async fn foreign_changes_are_applied_by_a_busy_owner() {
    let journal = MemoryJournal::new();
    let one = Store::<Ball>::builder().journal(journal.clone()).spawn();
    let two = Store::<Ball>::builder().journal(journal.clone()).spawn();
    let (bounce, bounces) = (Arc::new(OnceLock::new()), Arc::new(AtomicBool::new(false)));
    let plain = || Ball { bounce: None, bounces: Arc::clone(&bounces) };
    let ball = Ball { bounce: Some(Arc::clone(&bounce)), bounces: Arc::clone(&bounces) };
    two.set("ball", ball).await.unwrap();
    one.ready().await.unwrap();
    assert!(bounce.set(two.clone()).is_ok());
    bounces.store(true, Ordering::SeqCst);
    drop(two.get("ball").try_send().unwrap());
    yield_now().await;
    let before = two.stats().commands;
    one.set("k", plain()).await.unwrap();
    let mut seen = before;
    for _ in 0..100 {
        // Commands that the owner has taken are not in the queue: several turns are needed to see more.
        for _ in 0..4 {
            yield_now().await;
        }
        let commands = two.stats().commands;
        assert!(commands > seen, "the owner is never idle");
        seen = commands;
    }
    assert!(seen >= before + 100);
    assert!(two.view().contains("k"));
    bounces.store(false, Ordering::SeqCst);
    two.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn log_with_a_gap_or_a_partial_batch_is_an_error() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    store.set("a", "v").await.unwrap();
    store.batch(["b", "c", "d"].map(|key| Write::set(key, "v"))).await.unwrap();
    store.set("e", "v").await.unwrap();
    store.shutdown().await.unwrap();
    let log = journal.changes();
    let end_of = async |snapshot: u64, changes: Vec<Change<String>>| {
        let mut recovered = vec![Recovered::SnapshotEnd(snapshot)];
        recovered.extend(changes.into_iter().map(Recovered::Change));
        let store = Store::<String>::builder().journal(ReplayJournal(recovered)).spawn();
        store.ready().await.map(|()| store.revision())
    };
    let without = |n: usize| [&log[..n], &log[n + 1..]].concat();
    let hole = |from: u64, to: u64| {
        Err(Error::Failed(
            format!("the journal has a gap: revision {from} is followed by {to}").into(),
        ))
    };
    assert_eq!(end_of(0, log.clone()).await, Ok(5));
    assert_eq!(end_of(1, log[1..].to_vec()).await, Ok(5));
    assert_eq!(end_of(0, without(0)).await, hole(0, 2));
    assert_eq!(end_of(0, without(1)).await, hole(1, 3));
    assert_eq!(end_of(0, without(3)).await, hole(3, 5));
    assert_eq!(end_of(3, log[4..].to_vec()).await, hole(3, 5));
    assert_eq!(end_of(0, [&log[..2], &log[..2]].concat()).await, hole(2, 1));
    for torn in [2, 3] {
        let cause = format!("the journal ends inside a batch, at {torn}");
        assert_eq!(end_of(0, log[..torn].to_vec()).await, Err(Error::Failed(cause.into())));
    }
}

/// The result for a readiness probe.
#[tokio::test(start_paused = true)]
async fn health_reports_whether_writes_are_accepted() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    assert_eq!(store.health(), Err(Error::Recovering));
    store.ready().await.unwrap();
    assert_eq!(store.health(), Ok(()));
    journal.inject(Fault::UnknownLost);
    journal.fail_reads(3);
    assert_eq!(store.set("k", "v").await, Err(Error::Unknown));
    let halted = store.set("k", "v").await.unwrap_err();
    assert!(matches!(halted, Error::JournalFailed(_)));
    assert_eq!(store.health(), Err(halted));
    // It recovers without a write.
    sleep(Duration::from_secs(30)).await;
    assert_eq!((store.health(), store.set("k", "v").await), (Ok(()), Ok(1)));
    let reader = store.reader();
    store.shutdown().await.unwrap();
    assert_eq!(reader.health(), Err(Error::Closed));
    let broken = Store::<String>::builder()
        .journal(InterceptedJournal::new(MemoryJournal::new(), FailingOpen))
        .spawn();
    assert!(broken.ready().await.is_err());
    assert_eq!(broken.health(), Err(Error::Failed("damaged".into())));
}

/// A snapshot that was written during changes has patches, and may have a key twice.
#[tokio::test(start_paused = true)]
async fn snapshot_with_patches_is_recovered() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    store.set("a", vec!["1".to_owned()]).await.unwrap();
    store.set("b", "b").await.unwrap();
    let old = store.get("b").await.unwrap().unwrap();
    let list = store.get("a").await.unwrap().unwrap();
    store.push("a", "2").await.unwrap();
    store.remove("b").await.unwrap();
    store.set("b", "new").ttl(Duration::from_secs(60)).await.unwrap();
    let new = store.get("b").await.unwrap().unwrap();
    store.set("c", "c").await.unwrap();
    store.remove("c").await.unwrap();
    let log = journal.changes();
    let recovered = vec![
        Recovered::Entry("b".into(), old.clone()),
        Recovered::Entry("a".into(), list.clone()),
        Recovered::Entry("b".into(), new),
        Recovered::Patch(log[2].clone()),
        Recovered::SnapshotEnd(6),
        Recovered::Change(log[6].clone()),
    ];
    // `c` is missing on purpose: its removal after the end has no effect.
    let again = Store::<String>::builder().journal(ReplayJournal(recovered)).spawn();
    again.ready().await.unwrap();
    assert_eq!(everything(&again).await, everything(&store).await);
    assert_eq!((again.revision(), again.stats().entries), (7, 2));
    assert_eq!(again.stats().bytes, store.stats().bytes);
    assert_eq!(again.stats().history_floor, 6, "patches are not in the history");
    // A clear among the patches.
    store.clear().await.unwrap();
    let recovered = vec![
        Recovered::Entry("a".into(), list),
        Recovered::Entry("b".into(), old),
        Recovered::Patch(journal.changes()[7].clone()),
        Recovered::SnapshotEnd(8),
    ];
    let again = Store::<String>::builder().journal(ReplayJournal(recovered)).spawn();
    again.ready().await.unwrap();
    assert!(everything(&again).await.is_empty() && again.stats().bytes == 0);
    assert_eq!((again.revision(), again.set("a", "v").await), (8, Ok(9)));
}
