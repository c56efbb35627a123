//! Every fault that a journal can have.

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
async fn full_fails_the_turn_and_nothing_else() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    store.set("k", "v").await.unwrap();
    let mut told = store.subscribe().await.unwrap();
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
    assert_eq!(get.unwrap().unwrap().item().unwrap(), "v", "reads go on");
    assert_eq!(refused, Err(full_error()), "it rests on a turn that did not happen");
    assert_eq!(batch.unwrap_err().error, full_error());
    assert_eq!(many, Err(full_error()));
    assert_eq!(cleared, Err(full_error()));
    assert_eq!(store.set("k", "x").await, Ok(2));
    let Event::Change(change) = told.recv().await.unwrap() else { panic!() };
    assert_eq!((change.revision, journal.head()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_found_out() {
    for (fault, written) in [(Fault::UnknownLost, false), (Fault::UnknownWritten, true)] {
        let journal = MemoryJournal::new();
        let store = over(&journal);
        store.push("l", "a").await.unwrap();
        let mut told = store.subscribe().await.unwrap();
        journal.inject(fault);
        let (set, pop) = join!(store.set("k", "v"), store.pop("l"));
        assert_eq!((set, pop), (Err(Error::Unknown), Err(Error::Unknown)));
        // Nobody has to ask.
        sleep(Duration::from_millis(50)).await;
        assert_eq!(store.view().contains("k"), written);
        assert_eq!(store.len("l").await, Ok(Some(usize::from(!written))));
        let next = store.set("next", "v").await.unwrap();
        assert_eq!(next, if written { 4 } else { 2 });
        for revision in 2..=next {
            assert_eq!(told.recv().await.unwrap().revision(), Some(revision));
        }
        let state = everything(&store).await;
        let again = over(&journal.survivor());
        assert_eq!(everything(&again).await, state);
    }
}

#[tokio::test(start_paused = true)]
async fn reads_go_on_while_the_journal_is_halted() {
    let journal = MemoryJournal::new();
    let store = over(&journal);
    store.set("k", "v").await.unwrap();
    store.set("short", "v").ttl(Duration::from_millis(30)).await.unwrap();
    let mut told = store.subscribe().await.unwrap();
    journal.inject(Fault::UnknownWritten);
    journal.fail_reads(6);
    assert_eq!(store.set("k", "w").await, Err(Error::Unknown));
    let halted = store.set("k", "x").await.unwrap_err();
    assert!(matches!(halted, Error::JournalFailed(_)), "{halted:?}");
    assert_eq!(store.get("k").await.unwrap().unwrap().item().unwrap(), "v");
    assert_eq!(store.remove("none").await, Err(Error::NotFound), "refusals are reads");
    assert_eq!(store.clear().await.unwrap_err().to_string(), halted.to_string());
    let snapshot = store.subscribe().from_snapshot().await;
    assert!(snapshot.is_ok());
    sleep(Duration::from_millis(40)).await;
    assert_eq!(store.get("short").await, Ok(None), "absent, though that is not recorded yet");
    sleep(Duration::from_secs(30)).await;
    assert_eq!(store.get("k").await.unwrap().unwrap().item().unwrap(), "w");
    let next = store.set("k", "y").await.unwrap();
    assert_eq!(next, 5, "the lost answer, the expiry, and this");
    for revision in 3..=5 {
        assert_eq!(told.recv().await.unwrap().revision(), Some(revision));
    }
}

/// Run some commands into a crash at one append, and start over what is on the disk.
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
            Err(_) => break, // nothing is ever answered again
        }
    }
    assert!(journal.has_crashed() && acknowledged.len() == at);
    let survivor = journal.survivor();
    let again = over(&survivor);
    again.ready().await.unwrap();
    for (key, revision) in &acknowledged {
        let entry = again.get(key).await.unwrap().expect("what was acknowledged is there");
        assert_eq!(entry.revision, *revision);
    }
    let key = format!("k{at}");
    let found = again.contains(&key).await.unwrap();
    assert_eq!(found, fault == Fault::CrashAfter);
    let batch = survivor.changes().iter().any(|change| *change.key == *format!("{key}+"));
    assert!(!batch || found, "a batch is whole");
    let next = again.set("next", "v").await.unwrap();
    assert_eq!(next, again.keys("").limit(1).await.unwrap().revision);
    assert_eq!(again.id(), store.id(), "old resume tokens stay good");
}

#[tokio::test(start_paused = true)]
async fn a_crash_loses_nothing_that_was_acknowledged() {
    for at in 0..40 {
        crash(at, Fault::CrashBefore).await;
        crash(at, Fault::CrashAfter).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_compacted_log_recovers_the_same() {
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
    std::thread::sleep(Duration::from_millis(3)); // a restart is a matter of the wall clock
    let again = over(&log);
    assert_eq!(again.set("first", "v").await, Ok(3_002));
    let page = again.keys("").limit(10_000).await.unwrap();
    assert_eq!(page.items, ["first", "live"]);
    let kept = again.get("live").await.unwrap().unwrap().expires_at;
    assert_eq!(kept, deadline, "what is left of a life is kept");
}

#[tokio::test(start_paused = true)]
async fn a_recovered_store_has_its_numbers() {
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
async fn what_cannot_be_recovered_stops_the_store() {
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
async fn a_journal_that_cannot_be_opened_stops_the_store() {
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
async fn a_journal_that_cannot_be_closed_is_told_of() {
    let store = Store::<String>::builder()
        .journal(InterceptedJournal::new(MemoryJournal::new(), FailingClose))
        .spawn();
    let mut told = store.subscribe().await.unwrap();
    assert_eq!(store.compact().await, Err(Error::CompactionFailed("no room".into())));
    assert_eq!(store.set("k", "v").await, Ok(1), "the store goes on");
    let failed = Error::Failed("not synced".into());
    assert_eq!(store.shutdown().await, Err(failed.clone()));
    assert_eq!(told.recv().await.unwrap().revision(), Some(1));
    assert_eq!(told.recv().await, Err(failed));
}

#[tokio::test(start_paused = true)]
async fn what_expired_is_counted() {
    // So short after its deadline that the write is what finds it.
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
async fn a_conflict_over_nothing_is_no_endless_question() {
    let journal = MemoryJournal::new();
    let (store, errors) = with_errors(&journal);
    store.set("k", "v").await.unwrap();
    errors.fail(0, usize::MAX, AppendError::Conflict);
    for asked in 1..=3 {
        let refused = store.set("k", "w").await;
        assert!(matches!(refused, Err(Error::JournalFailed(_))), "{refused:?}");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(errors.appends(), 1 + asked, "once for each write");
        assert!(errors.reads() <= 3 * asked, "{} reads", errors.reads());
        assert_eq!(store.get("k").await.unwrap().unwrap().revision, 1, "reads go on");
    }
    // Nor if the journal cannot be read at all for a while.
    journal.fail_reads(5);
    assert!(matches!(store.set("k", "w").await, Err(Error::JournalFailed(_))));
    assert!(matches!(store.remove("k").await, Err(Error::JournalFailed(_))));
    errors.clear();
    sleep(Duration::from_secs(30)).await;
    assert_eq!((store.set("k", "x").await, journal.head()), (Ok(2), 2));
}

#[tokio::test(start_paused = true)]
async fn who_is_behind_a_foreign_compaction_ends() {
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
    let cause = "this owner is at 0: compacted: the oldest place to resume is 10";
    assert!(refused.to_string().contains(cause), "{refused}");
    let end = timeout(Duration::from_secs(1), behind.closed()).await.expect("it ends");
    assert!(matches!(&end, Err(Error::Failed(why)) if why.starts_with(cause)), "{end:?}");
    assert_eq!((ahead.set("k", "v").await, journal.head()), (Ok(11), 11));
}

/// It could not read for a while, and nobody asks it for anything: it reads on by itself, too late.
#[tokio::test(start_paused = true)]
async fn who_reads_on_behind_a_foreign_compaction_ends() {
    let journal = MemoryJournal::new();
    let ((behind, errors), ahead) = (with_errors(&journal), over(&journal));
    let mut told = behind.subscribe().await.unwrap();
    journal.fail_reads(usize::MAX);
    for n in 0..10 {
        ahead.set("k", n.to_string()).await.unwrap();
    }
    assert!(matches!(behind.set("k", "v").await, Err(Error::JournalFailed(_))));
    ahead.compact().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!((behind.revision(), behind.is_closed()), (0, false), "it tries again");
    journal.fail_reads(0);
    let end = timeout(Duration::from_secs(60), behind.closed()).await.expect("it ends");
    let why = "this owner is at 0: compacted: the oldest place to resume is 10";
    assert!(matches!(&end, Err(Error::Failed(cause)) if cause.starts_with(why)), "{end:?}");
    assert_eq!(told.recv().await.err(), end.err());
    assert!(errors.reads() < 20, "{} reads", errors.reads());
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_an_open_that_hangs() {
    let store = Store::<String>::builder()
        .journal(InterceptedJournal::new(MemoryJournal::new(), BlockedOpen::default()))
        .spawn();
    let set = store.set("k", "v").try_send().unwrap();
    let told = store.subscribe().try_send().unwrap();
    sleep(Duration::from_millis(1)).await;
    let start = Instant::now();
    let end = timeout(Duration::from_secs(60), store.shutdown()).await.expect("it ends");
    assert_eq!((end, start.elapsed()), (Ok(()), Duration::ZERO));
    assert_eq!((set.await, store.ready().await), (Err(Error::Closed), Err(Error::Closed)));
    assert_eq!(told.await.err(), Some(Error::Closed));
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
async fn an_expiry_that_cannot_be_recorded_waits() {
    let (store, journal, errors) = full_with_overdue_keys().await;
    let before = errors.appends();
    for n in 0..1_000 {
        sleep(Duration::from_millis(30)).await;
        assert_eq!(store.get(format!("k{n}")).await, Ok(None), "absent all the same");
    }
    assert!(store.keys("").await.unwrap().items.is_empty() && !store.view().contains("k0"));
    let tried = errors.appends() - before;
    assert!((1..=30).contains(&tried), "{tried} times in 30 seconds");
    assert_eq!(store.stats().expired, 0);
    errors.clear();
    sleep(Duration::from_secs(30)).await;
    assert_eq!((store.stats().entries, store.stats().expired), (0, KEYS as u64));
    assert_eq!(journal.head(), 2 * KEYS as u64, "once each");
    assert!(journal.changes()[KEYS..].iter().all(|change| change.kind == ChangeKind::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_clear_waits_for_the_expiry_of_what_is_overdue() {
    let (store, journal, errors) = full_with_overdue_keys().await;
    let before = errors.appends();
    for asked in 1..=3 {
        assert_eq!(store.clear().await, Err(full_error()));
        assert!(errors.appends() - before <= 2 * asked);
    }
    // There is room again, but not for the expiry yet: then not for the clear either.
    errors.fail(0, 1, AppendError::Full(FULL.into()));
    assert_eq!(store.clear().await, Err(full_error()));
    // At once, while the expiry by itself still waits.
    assert_eq!(store.clear().await, Ok(0), "none of them was alive");
    assert_eq!((journal.head(), store.stats().entries), (2 * KEYS as u64, 0));
    sleep(Duration::from_secs(30)).await;
    assert_eq!(journal.head(), 2 * KEYS as u64, "once each");
}

/// What is overdue takes no room, also when it could not expire for a while.
#[tokio::test(start_paused = true)]
async fn a_limit_does_not_count_what_could_not_expire() {
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

/// Puts itself back into the queue of a store each time it is read.
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
async fn foreign_changes_are_taken_while_there_is_always_something_to_do() {
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
        // What the owner has taken and not served yet is in no queue: it takes some turns to see more.
        for _ in 0..4 {
            yield_now().await;
        }
        let commands = two.stats().commands;
        assert!(commands > seen, "it is never idle");
        seen = commands;
    }
    assert!(seen >= before + 100);
    assert!(two.view().contains("k"));
    bounces.store(false, Ordering::SeqCst);
    two.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_log_with_a_hole_or_a_torn_batch_is_not_started_over() {
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
        Err(Error::Failed(format!("the journal goes from revision {from} to {to}").into()))
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

/// As a readiness probe sees it.
#[tokio::test(start_paused = true)]
async fn health_says_whether_writes_are_taken() {
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
    // Nobody has to write for it to get well.
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

/// The snapshot of a journal that was walked beside writers: patches, and a key that comes twice.
#[tokio::test(start_paused = true)]
async fn a_snapshot_with_patches_is_recovered() {
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
    // `c` is left out on purpose: its removal after the end finds nothing, and harms nothing.
    let again = Store::<String>::builder().journal(ReplayJournal(recovered)).spawn();
    again.ready().await.unwrap();
    assert_eq!(everything(&again).await, everything(&store).await);
    assert_eq!((again.revision(), again.stats().entries), (7, 2));
    assert_eq!(again.stats().bytes, store.stats().bytes);
    assert_eq!(again.stats().history_floor, 6, "patches are no history");
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
