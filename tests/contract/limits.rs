//! Limits: of entries, of bytes, of bytes an entry. Keys count with what they hold.

use std::time::Duration;

use mainspring::{Error, Write};
use tokio::time::{advance, sleep};

use crate::api::{Api, Backend, Options};

const fn entries_full(limit: u64) -> Error {
    Error::OverLimit { what: "entries", limit }
}

const fn bytes_full(limit: u64) -> Error {
    Error::OverLimit { what: "bytes", limit }
}

pub(crate) async fn entries_are_limited<B: Backend>() {
    let store = B::start(Options { max_entries: Some(2), ..Options::default() }).await;
    store.set("a", "v").await;
    store.push("l", "v").await;
    for write in [Write::set("c", "v"), Write::push("c", "v"), Write::push_front("c", "v")] {
        assert_eq!(store.refused(write).await, entries_full(2));
    }
    store.set("a", "w").await;
    store.push("l", "w").await;
    store.write(Write::remove("a")).await.unwrap();
    store.set("c", "v").await;
    assert_eq!(store.refused(Write::set("d", "v")).await, entries_full(2));
    assert_eq!(store.keys("", None, 9).await.unwrap().items, ["c", "l"], "nothing was evicted");
}

pub(crate) async fn bytes_are_limited<B: Backend>() {
    let store = B::start(Options { max_bytes: Some(20), ..Options::default() }).await;
    store.set("key", "1234567").await; // 10
    store.push("l", "1234").await; // 5
    store.push("l", "1234").await; // 4
    assert_eq!(store.refused(Write::push("l", "12")).await, bytes_full(20));
    assert_eq!(store.refused(Write::set("ab", "")).await, bytes_full(20));
    assert_eq!(store.refused(Write::update("key", "123456789")).await, bytes_full(20));
    store.set("b", "").await; // 20: to the brim
    assert_eq!(store.refused(Write::push_front("l", "1")).await, bytes_full(20));
    store.push("l", "").await;
    store.set("key", "7654321").await;
    store.write(Write::persist("key")).await.unwrap();
}

pub(crate) async fn entries_have_a_size<B: Backend>() {
    let store = B::start(Options { max_entry_bytes: Some(8), ..Options::default() }).await;
    let large = |weight| Error::TooLarge { weight, limit: 8 };
    store.set("key", "12345").await;
    assert_eq!(store.refused(Write::set("key", "123456")).await, large(9));
    assert_eq!(store.refused(Write::update("key", "123456")).await, large(9));
    let list = || vec!["1234".to_owned(), "1234".to_owned()];
    assert_eq!(store.refused(Write::set("l", list())).await, large(9));
    store.push("l", "1234").await;
    assert_eq!(store.refused(Write::push("l", "1234")).await, large(9));
    store.push("l", "123").await;
    assert_eq!(store.refused(Write::push_front("l", "1")).await, large(9));
    assert_eq!(store.refused(Write::set("123456789", "")).await, large(9), "the key counts");
    let most = "x".repeat(1_000);
    assert_eq!(store.modify("key", |v| *v = most.as_str().into()).await, Err(large(1_003)));
}

pub(crate) async fn pops_free_bytes<B: Backend>() {
    let options = Options { max_bytes: Some(11), max_entry_bytes: Some(11), ..Options::default() };
    let store = B::start(options).await;
    for round in 0..50 {
        store.push("l", "12345").await;
        store.push("l", "12345").await;
        assert!(store.write(Write::push("l", "1")).await.is_err(), "round {round}");
        let pop = if round % 2 == 0 { Write::pop("l") } else { Write::pop_front("l") };
        store.write(pop.clone()).await.unwrap();
        store.push("l", "1234").await;
        assert!(store.write(Write::push("l", "12")).await.is_err(), "round {round}");
        store.write(Write::pop("l")).await.unwrap();
        store.write(Write::pop("l")).await.unwrap();
    }
    store.set("k", "123456789").await; // the empty list still weighs its key
    assert_eq!(store.refused(Write::push("l", "1")).await, bytes_full(11));
}

pub(crate) async fn trims_free_bytes<B: Backend>() {
    let options = Options { max_bytes: Some(11), max_entry_bytes: Some(11), ..Options::default() };
    let store = B::start(options).await;
    for round in 0..50 {
        store.push_many("l", &["1234567", "12", "1"]).await.unwrap();
        assert!(store.write(Write::push("l", "1")).await.is_err(), "round {round}");
        let trim = if round % 2 == 0 { Write::trim("l", 2) } else { Write::trim_front("l", 1) };
        let freed = if round % 2 == 0 { "1234567" } else { "123" };
        store.write(trim).await.unwrap();
        store.push("l", freed).await;
        assert!(store.write(Write::push("l", "1")).await.is_err(), "round {round}");
        store.write(Write::trim("l", 0)).await.unwrap();
    }
    store.set("k", "123456789").await; // the empty list still weighs its key
    assert_eq!(store.refused(Write::push("l", "1")).await, bytes_full(11));
}

pub(crate) async fn what_goes_makes_room<B: Backend>() {
    let options = Options { max_entries: Some(1), max_bytes: Some(10), ..Options::default() };
    let store = B::start(options).await;
    let second = Duration::from_secs(1);
    let fill = || Write::set("k", "123456789").ttl(second);
    for round in 0..4 {
        store.write(fill()).await.unwrap();
        assert_eq!(store.refused(Write::set("j", "v")).await, entries_full(1));
        match round {
            0 => drop(store.write(Write::remove("k")).await.unwrap()),
            1 => assert_eq!(store.clear().await, Ok(1)),
            2 => sleep(second + Duration::from_millis(10)).await,
            _ => store.write(Write::update("k", "")).await.map(drop).unwrap(),
        }
    }
    store.write(Write::update("k", "987654321")).await.unwrap();
}

pub(crate) async fn limits_come_last<B: Backend>() {
    let options = Options {
        max_entries: Some(2),
        max_bytes: Some(30),
        max_entry_bytes: Some(20),
        ..Options::default()
    };
    let store = B::start(options).await;
    store.set("a", "v").await;
    store.push("l", "v").await;
    let huge = "x".repeat(40);
    let huge = huge.as_str();
    assert_eq!(store.refused(Write::update("none", huge)).await, Error::NotFound);
    assert_eq!(store.refused(Write::push("a", huge).if_absent()).await, Error::WrongKind);
    let failed = Error::ConditionFailed { current: Some(1) };
    assert_eq!(store.refused(Write::set("a", huge).if_revision(9)).await, failed);
    let failed = Error::ConditionFailed { current: None };
    assert_eq!(store.refused(Write::set("c", huge).if_present()).await, failed);
    // Of the limits, that of the entry comes first, then the number of entries, then all bytes.
    let too_large = Error::TooLarge { weight: 41, limit: 20 };
    assert_eq!(store.refused(Write::set("c", huge)).await, too_large);
    assert_eq!(store.refused(Write::set("c", &huge[..19])).await, entries_full(2));
}

pub(crate) async fn a_batch_counts_its_own_parts<B: Backend>() {
    let options = Options { max_entries: Some(2), max_bytes: Some(10), ..Options::default() };
    let store = B::start(options).await;
    let set = |key, value| Write::set(key, value);
    let failed = store.batch(vec![set("a", ""), set("b", ""), set("c", "")]).await.unwrap_err();
    assert_eq!((failed.index, failed.error), (2, entries_full(2)));
    let failed = store.batch(vec![set("a", "1234"), set("b", "12345")]).await.unwrap_err();
    assert_eq!((failed.index, failed.error), (1, bytes_full(10)));
    store.batch(vec![set("a", "1234"), Write::remove("a"), set("b", "123456789")]).await.unwrap();
    store.batch(vec![Write::remove("b"), set("c", "12"), set("d", "12")]).await.unwrap();
    assert_eq!(store.refused(set("e", "")).await, entries_full(2));
}

pub(crate) async fn what_was_over_the_limit_may_shrink<B: Backend>() {
    let store = B::start(Options { max_entry_bytes: Some(6), ..Options::default() }).await;
    store.set("k", "12345").await;
    store.write(Write::update("k", "1234")).await.unwrap();
    store.write(Write::update("k", "4321").ttl(Duration::from_secs(1))).await.unwrap();
    assert!(store.write(Write::update("k", "123456")).await.is_err());
    store.write(Write::expire("k", Duration::from_secs(5))).await.unwrap();
    store.write(Write::remove("k")).await.unwrap();
}

pub(crate) async fn what_is_overdue_takes_no_room<B: Backend>() {
    // By less than the timer can tell, and more of them than expire at once.
    for (count, ttl) in [(1, Duration::from_nanos(10_000_001)), (3_000, Duration::from_secs(1))] {
        let (entries, bytes) = (Some(count), Some(10 * count as u64));
        for options in [
            Options { max_entries: entries, ..Options::default() },
            Options { max_bytes: bytes, ..Options::default() },
        ] {
            let store = B::start(options).await;
            for n in 0..count {
                store.write(Write::set(format!("k{n:05}"), "1234").ttl(ttl)).await.unwrap();
            }
            assert!(store.write(Write::set("new", "1234567")).await.is_err());
            advance(ttl).await;
            store.write(Write::set("new", "1234567")).await.unwrap();
            let more = (1..count).map(|n| Write::set(format!("n{n:05}"), "4321")).collect();
            store.batch(more).await.unwrap();
        }
    }
}
