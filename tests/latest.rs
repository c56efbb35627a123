//! The newest value of one key.

use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use mainspring::{Error, Store};
use tokio::time::{sleep, timeout};

const SOON: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn latest_returns_the_newest_value_and_skips_the_rest() {
    let store = Store::<u64>::builder().spawn();
    store.set("k", 0).await.unwrap();
    let mut latest = store.latest("k").await.unwrap();
    assert_eq!(latest.get().unwrap().item(), Some(&0));
    assert!(latest.changed().now_or_never().is_none(), "the initial value is not a change");
    for n in 1..=100 {
        store.set("k", n).await.unwrap();
    }
    store.set("other", 7).await.unwrap();
    assert_eq!(latest.changed().await.unwrap().unwrap().item(), Some(&100));
    assert!(latest.changed().now_or_never().is_none());
    store.expire("k", SOON).await.unwrap();
    assert!(latest.changed().await.unwrap().unwrap().expires_at.is_some());
    assert_eq!(latest.changed().await, Ok(None), "it expires");
    store.push("k", 1).await.unwrap();
    assert!(latest.changed().await.unwrap().is_some());
    store.clear().await.unwrap();
    assert_eq!(latest.changed().await, Ok(None));
    assert_eq!(store.latest("").await.err(), Some(Error::InvalidKey { length: 0 }));
}

#[tokio::test(start_paused = true)]
async fn change_wakes_latest() {
    let store = Store::<u64>::builder().spawn();
    let mut latest = store.latest("k").await.unwrap();
    let watching = tokio::spawn(async move { latest.changed().await });
    sleep(SOON).await;
    store.set("k", 1).await.unwrap();
    let entry = timeout(SOON, watching).await.expect("it is woken").unwrap();
    assert_eq!(entry.unwrap().unwrap().item(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn latest_is_a_stream_that_ends_with_the_store() {
    let store = Store::<u64>::builder().spawn();
    let mut latest = store.latest("k").await.unwrap();
    let watching = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(entry) = latest.next().await {
            seen.push(entry.unwrap().map(|entry| entry.revision));
        }
        (seen, latest.next().await.is_none())
    });
    for _ in 0..3 {
        store.set("k", 1).await.unwrap();
        sleep(SOON).await;
    }
    store.remove("k").await.unwrap();
    store.shutdown().await.unwrap();
    let (seen, ended) = timeout(SOON, watching).await.expect("it ends").unwrap();
    assert_eq!((seen, ended), (vec![Some(1), Some(2), Some(3), None], true));
}

/// A caller can alternate between the stream and `changed`.
#[tokio::test(start_paused = true)]
async fn stream_and_changed_can_alternate() {
    let store = Store::<u64>::builder().spawn();
    let mut latest = store.latest("k").await.unwrap();
    for n in 0..5 {
        assert!(latest.next().now_or_never().is_none());
        let setting = async {
            sleep(Duration::from_millis(10)).await;
            store.set("k", n).await.unwrap();
        };
        let (changed, ()) = tokio::join!(timeout(SOON, latest.changed()), setting);
        let entry = changed.expect("it is woken").unwrap();
        assert_eq!(entry.unwrap().item(), Some(&n));
        assert!(latest.changed().now_or_never().is_none());
        let setting = store.set("k", n + 100);
        let (next, set) = tokio::join!(timeout(SOON, latest.next()), setting.into_future());
        set.unwrap();
        let entry = next.expect("it is woken").unwrap().unwrap();
        assert_eq!(entry.unwrap().item(), Some(&(n + 100)));
    }
}
