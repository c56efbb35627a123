//! Two stores on one log: conflicts, and changes of the other owner.

use std::time::Duration;

use mainspring::journal::MemoryJournal;
use mainspring::{ChangeKind, Entry, Error, Event, Key, Store, Write};
use mainspring_testing::journals::{InterceptedJournal, SlowAppends};
use mainspring_testing::{Random, Replica};
use tokio::join;
use tokio::time::{Instant, advance, sleep, timeout};

use crate::journals::{everything, over};

#[tokio::test]
async fn two_stores_on_one_log_agree() {
    let journal = MemoryJournal::new();
    let stores = [over(&journal), over(&journal)];
    let work = |n: usize| {
        let store = stores[n].clone();
        async move {
            let mut random = Random::new(n as u64 + 1);
            let mut done = 0;
            for step in 0..300 {
                let key = format!("k{}", random.below(5));
                let answer = match random.below(4) {
                    0 => store.set(&key, vec![step.to_string()]).await.is_ok(),
                    1 => store.pop(&key).await.is_ok(),
                    2 => {
                        store.batch([Write::push(&key, "x"), Write::set("both", "y")]).await.is_ok()
                    }
                    _ => store.push(&key, step.to_string()).await.is_ok(),
                };
                done += usize::from(answer);
            }
            done
        }
    };
    let (first, second) = join!(work(0), work(1));
    assert!(first > 100 && second > 100, "both make progress: {first} and {second}");
    let head = journal.head();
    for store in &stores {
        timeout(Duration::from_secs(5), async {
            while store.revision() < head {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("it follows");
    }
    let state = everything(&stores[0]).await;
    assert_eq!(state, everything(&stores[1]).await);
    let mut copy = Replica::default();
    journal.changes().iter().for_each(|change| copy.apply(change));
    assert_eq!(state, copy.entries.into_iter().collect::<Vec<_>>());
    let changes = journal.changes();
    assert!(changes.windows(2).all(|two| two[0].at <= two[1].at), "time never runs backwards");
}

#[tokio::test(start_paused = true)]
async fn conditions_are_checked_again_after_a_conflict() {
    let journal = MemoryJournal::new();
    let (one, two) = (over(&journal), over(&journal));
    one.set("k", "v").await.unwrap();
    two.ready().await.unwrap();
    let first = one.update("k", "one").if_revision(1).try_send().unwrap();
    let second = two.update("k", "two").if_revision(1).try_send().unwrap();
    let (first, second) = join!(first, second);
    let lost = Err(Error::ConditionFailed { current: Some(2) });
    assert!(
        [(&first, &second), (&second, &first)].contains(&(&Ok(2), &lost)),
        "{first:?} {second:?}"
    );
}

/// The second store is ahead in time, and its change comes while the first decides.
#[tokio::test(start_paused = true)]
async fn time_is_later_after_a_conflict() {
    let journal = MemoryJournal::new();
    let late = over(&journal);
    late.ready().await.unwrap();
    std::thread::sleep(Duration::from_millis(20)); // the wall clock does not stop
    let ahead = over(&journal);
    ahead.ready().await.unwrap();
    let theirs = ahead.set("k", "theirs").try_send().unwrap();
    let ours = late.set("k", "ours").try_send().unwrap();
    let more = late.push("l", "ours").try_send().unwrap();
    let (theirs, ours, more) = join!(theirs, ours, more);
    assert_eq!((theirs, ours, more.unwrap().revision), (Ok(1), Ok(2), 3));
    assert!(journal.changes().windows(2).all(|two| two[0].at <= two[1].at));
}

#[tokio::test(start_paused = true)]
async fn overdue_keys_expire_once_despite_a_conflict() {
    let journal = MemoryJournal::new();
    let (one, two) = (over(&journal), over(&journal));
    one.set("k", "v").ttl(Duration::from_secs(1)).await.unwrap();
    one.set("l", "v").ttl(Duration::from_secs(1)).await.unwrap();
    sleep(Duration::from_millis(10)).await;
    let mut subscription = two.subscribe().await.unwrap();
    let start = Instant::now();
    // Both stores try to expire the keys, and one appends first.
    for _ in 0..2 {
        let Event::Change(change) = subscription.recv().await.unwrap() else { panic!() };
        assert_eq!(change.kind, ChangeKind::Expired);
    }
    assert!(start.elapsed() < Duration::from_millis(1_000), "{:?}", start.elapsed());
    assert_eq!((one.keys("").await.unwrap().items.len(), journal.head()), (0, 4));
    sleep(Duration::from_secs(1)).await;
    assert_eq!(journal.head(), 4, "one change for each key");
}

#[tokio::test(start_paused = true)]
async fn clear_after_a_conflict_counts_live_keys() {
    let journal = MemoryJournal::new();
    let (one, two) = (over(&journal), over(&journal));
    one.set("k", "v").ttl(Duration::from_millis(1_500)).await.unwrap();
    one.set("l", "v").await.unwrap();
    two.ready().await.unwrap();
    advance(Duration::from_millis(1_600)).await;
    let set = two.set("m", "v").try_send().unwrap();
    let cleared = one.clear().try_send().unwrap();
    let (set, cleared) = join!(set, cleared);
    set.unwrap();
    let live = cleared.unwrap();
    let count = journal.changes().iter().find_map(|change| match change.kind {
        ChangeKind::Cleared { count } => Some(count),
        _ => None,
    });
    let expired =
        journal.changes().iter().filter(|change| change.kind == ChangeKind::Expired).count();
    assert_eq!((count, expired), (Some(live), 1), "{:?}", journal.changes());
}

/// All operations that can conflict: deadlines, clears, batches, compactions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_agree_after_random_commands() {
    for seed in 1..=6 {
        let journal = MemoryJournal::new();
        let stores = [over(&journal), over(&journal)];
        let work = |n: usize| {
            let store = stores[n].clone();
            tokio::spawn(async move {
                let mut random = Random::new(seed * 10 + n as u64);
                let mut popped = Vec::new();
                for step in 0..400 {
                    let key = format!("k{}", random.below(6));
                    let short = Duration::from_micros(1 + random.below(4_000) as u64);
                    match random.below(12) {
                        0..=2 => drop(store.set(&key, vec![format!("{n}.{step}")]).await),
                        3 => drop(store.set(&key, "short").ttl(short).await),
                        4 => drop(store.push(&key, format!("{n}.{step}")).ttl(short).await),
                        5 => {
                            let both = [Write::persist(&key), Write::push("all", "x")];
                            drop(store.batch(both).await);
                        }
                        6 if step % 10 == 0 => drop(store.clear().await),
                        7 if step % 50 == 0 => sleep(Duration::from_millis(2)).await,
                        8 | 9 => popped.extend(store.pop(&key).await.map(|popped| popped.revision)),
                        10 => drop(store.remove(&key).if_revision(random.below(999) as u64).await),
                        _ => drop(store.push_front(&key, format!("{n}.{step}")).await),
                    }
                }
                popped
            })
        };
        let (first, second) = join!(work(0), work(1));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert!(first.iter().all(|revision| !second.contains(revision)), "no revision twice");
        for store in &stores {
            // A store that is behind reads the log, at the latest before its next write.
            timeout(Duration::from_secs(5), async {
                let mut last = 0;
                while last < journal.head() || store.revision() < journal.head() {
                    last = store.set("last", "v").await.unwrap();
                }
            })
            .await
            .expect("it follows");
        }
        let _ = timeout(Duration::from_secs(5), async {
            while stores.iter().any(|store| store.revision() < journal.head()) {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let mut copy = Replica::default();
        let changes = journal.changes();
        changes.iter().for_each(|change| copy.apply(change));
        assert!(changes.iter().zip(1..).all(|(change, revision)| change.revision == revision));
        assert!(changes.windows(2).all(|two| two[0].at <= two[1].at), "time never runs backwards");
        let live = |entries: Vec<(Key, Entry<String>)>| -> Vec<_> {
            entries.into_iter().filter(|(_, entry)| entry.expires_at.is_none()).collect()
        };
        let expected = live(copy.entries.into_iter().collect());
        for store in &stores {
            assert_eq!(live(everything(store).await), expected, "seed {seed}");
        }
    }
}

/// The changes of the other owner arrive without a command.
#[tokio::test(start_paused = true)]
async fn foreign_changes_reach_views_and_subscribers() {
    let journal = MemoryJournal::new();
    let (one, two) = (over(&journal), over(&journal));
    let mut subscription = two.subscribe().key("k").await.unwrap();
    let mut latest = two.latest("k").await.unwrap();
    one.batch([Write::set("j", "v"), Write::set("k", "v")]).await.unwrap();
    let Event::Batch { changes, revision } = subscription.recv().await.unwrap() else { panic!() };
    assert_eq!((changes.len(), revision), (1, 2));
    assert_eq!(latest.changed().await.unwrap().unwrap().revision, 2);
    assert_eq!(two.view().get("j").unwrap().revision, 1);
    let token = subscription.resume_token().unwrap();
    one.set("k", "w").await.unwrap();
    let mut resumed = one.subscribe().after(token).await.unwrap();
    assert_eq!(resumed.recv().await.unwrap().revision(), Some(3), "one stream over both stores");
}

/// The log is compacted beyond the position of an owner. `read` cannot return the
/// snapshot, so it ends with that cause; after a restart it has everything.
#[tokio::test(start_paused = true)]
async fn owner_overtaken_by_a_compaction_ends() {
    let journal = MemoryJournal::new();
    let fast = over(&journal);
    let append = Duration::from_secs(1);
    let slow = InterceptedJournal::new(journal.clone(), SlowAppends(append));
    let slow = Store::<String>::builder().journal(slow).spawn();
    slow.ready().await.unwrap();
    let set = slow.set("slow", "v").try_send().unwrap();
    sleep(Duration::from_millis(10)).await; // its append has begun
    for n in 0..10 {
        fast.set(format!("k{n}"), "v").await.unwrap();
    }
    fast.compact().await.unwrap();
    let set = timeout(Duration::from_secs(60), set).await.expect("the command gets a result");
    assert!(matches!(set, Err(Error::JournalFailed(cause)) if cause.contains("compacted")));
    let ended = timeout(Duration::from_secs(60), slow.closed()).await.expect("it ends");
    assert!(matches!(ended, Err(Error::Failed(cause)) if cause.contains("compacted")));
    assert_eq!(everything(&over(&journal)).await, everything(&fast).await);
}
