//! What must not grow with what the store has seen.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::time::{Duration, Instant};

use mainspring::{Store, Write};

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
