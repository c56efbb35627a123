//! Every fault that a journal can have.

use std::collections::BTreeMap;
use std::time::Duration;

use mainspring::journal::{Fault, MemoryJournal};
use mainspring::{Entry, Error, Event, Key, Store, Write};
use tokio::join;
use tokio::time::{advance, sleep, timeout};

use crate::common::{BrokenJournal, Random, send};

pub(super) fn over(journal: &MemoryJournal<String>) -> Store<String> {
    Store::builder().journal(journal.clone()).spawn()
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
    assert_eq!(set, Err(Error::JournalFull));
    assert_eq!(get.unwrap().unwrap().item().unwrap(), "v", "reads go on");
    assert_eq!(refused, Err(Error::JournalFull), "it rests on a turn that did not happen");
    assert_eq!(batch.unwrap_err().error, Error::JournalFull);
    assert_eq!(many, Err(Error::JournalFull));
    assert_eq!(cleared, Err(Error::JournalFull));
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
    let store = Store::<String>::builder().journal(BrokenJournal { opens: false }).spawn();
    let set = store.set("k", "v").try_send().unwrap();
    let failed = Error::Failed("damaged".into());
    assert_eq!(store.ready().await, Err(failed.clone()));
    assert_eq!(set.await, Err(failed.clone()));
    assert_eq!(store.get("k").await, Err(failed.clone()));
    assert_eq!((store.closed().await, store.shutdown().await), (Err(failed.clone()), Err(failed)));
}

#[tokio::test(start_paused = true)]
async fn a_journal_that_cannot_be_closed_is_told_of() {
    let store = Store::<String>::builder().journal(BrokenJournal { opens: true }).spawn();
    let mut told = store.subscribe().await.unwrap();
    assert_eq!(store.compact().await, Err(Error::JournalFailed("no room".into())));
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
