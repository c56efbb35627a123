//! Costs that must not grow with the number of past commands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use mainspring::journal::{AppendError, Journal, MemoryJournal};
use mainspring::{Builder, ChangeKind, Error, Store, Write};
use mainspring_testing::journals::{FULL, InjectedErrors, InterceptedJournal, full_error};
use mainspring_testing::{Random, Replica, collect_changes};

/// Sessions removed before their deadline leave cells and tokens behind.
#[tokio::test]
async fn removed_keys_do_not_slow_down_later_writes() {
    let store = Store::<u64>::builder().spawn();
    let time = async |store: &Store<u64>| {
        let start = Instant::now();
        for n in 0..500 {
            let write = Write::set(format!("short{n}"), n).ttl(Duration::from_secs(60));
            store.batch([write]).await.unwrap();
        }
        start.elapsed()
    };
    let fresh = Store::<u64>::builder().spawn();
    let before = time(&fresh).await;
    let hour = Duration::from_secs(3_600);
    for n in 0..60_000 {
        store.set(format!("session{n}"), n).ttl(hour).await.unwrap();
    }
    for n in 0..60_000 {
        store.remove(format!("session{n}")).await.unwrap();
    }
    let after = time(&store).await;
    assert!(after < 20 * before.max(Duration::from_millis(10)), "{before:?}, then {after:?}");
}

/// The index is built in slices, between commands that create and remove keys.
#[tokio::test]
async fn first_page_is_exact_during_writes() {
    for seed in 1..=6 {
        let store = Store::<u64>::builder().history_changes(1 << 20).spawn();
        let mut random = Random::new(seed);
        let many = (0..20_000).map(|n| (format!("k{n}"), n));
        store.set_many(many).await.unwrap();
        let first = store.keys("").limit(10_000).try_send().unwrap();
        for step in 0..3_000 {
            let key = format!("k{}", random.below(30_000));
            let _ = match random.below(3) {
                0 => store.set(key, step).await,
                1 => store.remove(key).await,
                _ => store.batch([Write::set(key, step)]).await.map_or(Ok(0), |_| Ok(0)),
            };
            if seed > 3 && step == 20 {
                store.clear().await.unwrap();
            }
        }
        let pages = [first.await.unwrap(), store.keys("").limit(10_000).await.unwrap()];
        let entries = store.scan("k1").limit(10_000).await.unwrap();
        let mut all = store.subscribe().after(0).await.unwrap();
        store.shutdown().await.unwrap();
        let (log, _) = collect_changes(&mut all).await;
        for page in pages {
            let mut copy = Replica::default();
            log.iter().take(page.revision as usize).for_each(|change| copy.apply(change));
            let expected: Vec<_> = copy.entries.into_keys().take(10_000).collect();
            assert_eq!(page.items.len(), expected.len(), "seed {seed} at {}", page.revision);
            assert!(page.items == expected, "seed {seed} at {}", page.revision);
        }
        let mut copy = Replica::default();
        log.iter().for_each(|change| copy.apply(change));
        let expected: Vec<_> = copy.with_prefix("k1").entries.into_iter().take(10_000).collect();
        assert!(entries.items == expected, "seed {seed}");
    }
}

/// A busy queue does not starve expiry. The delay in real time depends on the machine too: the 10 ms are
/// tested in paused time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_expire_in_time_under_load() {
    let store = Store::<u64>::builder().history_changes(1 << 20).spawn();
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut n = 0;
                while store.set(format!("busy{writer}"), n).await.is_ok() {
                    n += 1;
                }
            })
        })
        .collect();
    let mut subscription = store.subscribe().prefix("short").await.unwrap();
    for n in 0..200 {
        let ttl = Duration::from_millis(20 + n % 100);
        store.set(format!("short{n}"), n).ttl(ttl).await.unwrap();
    }
    let live = async || store.keys("short").await.unwrap().items.len();
    while live().await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Absent for all readers; the change follows.
    tokio::time::sleep(Duration::from_millis(100)).await;
    store.shutdown().await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    let (changes, _) = collect_changes(&mut subscription).await;
    let mut copy = Replica::default();
    let mut late = Vec::new();
    for change in changes {
        if change.kind == ChangeKind::Expired {
            let deadline = copy.entries[&change.key].expires_at.unwrap();
            assert!(change.at >= deadline, "it expired before its deadline");
            late.push(change.at.saturating_since(deadline));
        }
        copy.apply(&change);
    }
    late.sort_unstable();
    assert_eq!(copy.entries.len(), 0);
    assert_eq!(late.len(), 200);
    assert!(late[199] < Duration::from_secs(1), "{:?} at the worst", late[199]);
}

const MANY: usize = 100_000;

/// The maximum number of writes of one command in a turn.
const SLICE: usize = 256;

/// A key becomes due during a large command, and subscribers receive all changes.
async fn large_command_is_split<J: Journal<u64>>(make: impl Fn() -> Builder<u64, J>) {
    for ring in [512, 1 << 20] {
        let store = make().history_changes(ring).history_bytes(u64::MAX).spawn();
        let mut all = store.subscribe().await.unwrap();
        store.set("due", 0).ttl(Duration::from_millis(1)).await.unwrap();
        let many = (0..MANY as u64).map(|n| (format!("k{n}"), n));
        let results = store.set_many(many).await.unwrap();
        let stats = store.stats();
        assert_eq!((results.len(), stats.entries, stats.expired), (MANY, MANY, 1));
        let revisions: Vec<_> = results.into_iter().map(Result::unwrap).collect();
        assert!(revisions.is_sorted());
        assert_eq!(
            revisions[MANY - 1],
            MANY as u64 + 2,
            "the due key expired before the last write"
        );
        store.shutdown().await.unwrap();
        if ring < MANY {
            // A turn of all writes would not fit: the history keeps whole turns.
            let held = stats.history_changes;
            assert!((ring - SLICE..=ring + SLICE).contains(&held), "{held} in a ring of {ring}");
            continue;
        }
        let (subscription, end) = collect_changes(&mut all).await;
        assert_eq!(end, Error::Closed);
        assert!(subscription.iter().zip(1..).all(|(change, revision)| change.revision == revision));
        let set = subscription.iter().filter(|change| change.key != "due");
        assert!(set.map(|change| change.revision).eq(revisions));
        let expired = subscription.iter().filter(|change| change.kind == ChangeKind::Expired);
        assert_eq!(expired.count(), 1);
    }
}

#[tokio::test]
async fn large_command_is_split_into_turns() {
    large_command_is_split(Store::builder).await;
}

#[tokio::test]
async fn large_command_is_split_into_turns_with_a_journal() {
    large_command_is_split(|| Store::builder().journal(MemoryJournal::new())).await;
}

#[tokio::test]
async fn turn_that_cannot_be_recorded_fails_alone() {
    let (journal, errors) = (MemoryJournal::new(), Arc::new(InjectedErrors::default()));
    let failing = InterceptedJournal::new(journal.clone(), Arc::clone(&errors));
    let store = Store::<u64>::builder().journal(failing).spawn();
    let mut all = store.subscribe().await.unwrap();
    errors.fail(2, 1, AppendError::Full(FULL.into()));
    let many = (0..10 * SLICE as u64).map(|n| (format!("k{n}"), n));
    let results = store.set_many(many).await.unwrap();
    let failed = 2 * SLICE..3 * SLICE;
    let mut revision = 0;
    for (n, result) in results.iter().enumerate() {
        revision += u64::from(!failed.contains(&n));
        let expected = if failed.contains(&n) { Err(full_error()) } else { Ok(revision) };
        assert_eq!(*result, expected, "{n}");
    }
    assert_eq!((revision, journal.head()), (9 * SLICE as u64, revision));
    assert_eq!((store.revision(), store.stats().entries), (revision, 9 * SLICE));
    assert!(!store.view().contains(&format!("k{}", failed.start)));
    store.shutdown().await.unwrap();
    assert_eq!(collect_changes(&mut all).await.0.len(), 9 * SLICE);
}
