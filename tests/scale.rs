//! What must not grow with what the store has seen.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod common;

use std::time::{Duration, Instant};

use common::{Copied, Random, changes_to_the_end};
use mainspring::{ChangeKind, Store, Write};

/// Sessions that ended before their deadline leave their places, and their tokens, behind.
#[tokio::test]
async fn keys_that_are_gone_cost_later_ones_nothing() {
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

/// The index is built in slices, between commands that bring keys and take them away.
#[tokio::test]
async fn the_first_page_is_exact() {
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
        let (log, _) = changes_to_the_end(&mut all).await;
        for page in pages {
            let mut copy = Copied::default();
            log.iter().take(page.revision as usize).for_each(|change| copy.apply(change));
            let expected: Vec<_> = copy.entries.into_keys().take(10_000).collect();
            assert_eq!(page.items.len(), expected.len(), "seed {seed} at {}", page.revision);
            assert!(page.items == expected, "seed {seed} at {}", page.revision);
        }
        let mut copy = Copied::default();
        log.iter().for_each(|change| copy.apply(change));
        let expected: Vec<_> = copy.only("k1").entries.into_iter().take(10_000).collect();
        assert!(entries.items == expected, "seed {seed}");
    }
}

/// A busy queue does not starve them. How late they are in real time is the machine's business too:
/// the 10 ms are tested in paused time.
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
    let mut told = store.subscribe().prefix("short").await.unwrap();
    for n in 0..200 {
        let ttl = Duration::from_millis(20 + n % 100);
        store.set(format!("short{n}"), n).ttl(ttl).await.unwrap();
    }
    let live = async || store.keys("short").await.unwrap().items.len();
    while live().await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Absent for all; the change follows.
    tokio::time::sleep(Duration::from_millis(100)).await;
    store.shutdown().await.unwrap();
    for writer in writers {
        writer.await.unwrap();
    }
    let (changes, _) = changes_to_the_end(&mut told).await;
    let mut copy = Copied::default();
    let mut late = Vec::new();
    for change in changes {
        if change.kind == ChangeKind::Expired {
            let deadline = copy.entries[&change.key].expires_at.unwrap();
            assert!(change.at >= deadline, "not before its time");
            late.push(change.at.saturating_since(deadline));
        }
        copy.apply(&change);
    }
    late.sort_unstable();
    assert_eq!(copy.entries.len(), 0);
    assert_eq!(late.len(), 200);
    assert!(late[199] < Duration::from_secs(1), "{:?} at the worst", late[199]);
}
