//! Limits on the number of entries, on all bytes, and on the bytes of an entry, which include its key.

use std::time::Duration;

use mainspring::{Error, Store, Write};
use tokio::time::{advance, sleep};

use crate::contract::Fixture;

const fn entries_full(limit: u64) -> Error {
    Error::OverLimit { what: "entries", limit }
}

const fn bytes_full(limit: u64) -> Error {
    Error::OverLimit { what: "bytes", limit }
}

pub async fn max_entries_limits_new_keys<F: Fixture>() {
    let store = F::start(Store::builder().max_entries(2)).await;
    store.set("a", "v").await;
    store.push("l", "v").await;
    for write in [Write::set("c", "v"), Write::push("c", "v"), Write::push_front("c", "v")] {
        assert_eq!(store.rejection(write).await, entries_full(2));
    }
    store.set("a", "w").await;
    store.push("l", "w").await;
    store.write(Write::remove("a")).await.unwrap();
    store.set("c", "v").await;
    assert_eq!(store.rejection(Write::set("d", "v")).await, entries_full(2));
    assert_eq!(store.keys("", None, 9).await.unwrap().items, ["c", "l"], "nothing was evicted");
}

pub async fn max_bytes_limits_the_total<F: Fixture>() {
    let store = F::start(Store::builder().max_bytes(20)).await;
    store.set("key", "1234567").await; // 10
    store.push("l", "1234").await; // 5
    store.push("l", "1234").await; // 4
    assert_eq!(store.rejection(Write::push("l", "12")).await, bytes_full(20));
    assert_eq!(store.rejection(Write::set("ab", "")).await, bytes_full(20));
    assert_eq!(store.rejection(Write::update("key", "123456789")).await, bytes_full(20));
    store.set("b", "").await; // 20
    assert_eq!(store.rejection(Write::push_front("l", "1")).await, bytes_full(20));
    store.push("l", "").await;
    store.set("key", "7654321").await;
    store.write(Write::persist("key")).await.unwrap();
}

pub async fn max_entry_bytes_limits_each_entry<F: Fixture>() {
    let store = F::start(Store::builder().max_entry_bytes(8)).await;
    let large = |weight| Error::TooLarge { weight, limit: 8 };
    store.set("key", "12345").await;
    assert_eq!(store.rejection(Write::set("key", "123456")).await, large(9));
    assert_eq!(store.rejection(Write::update("key", "123456")).await, large(9));
    let list = || vec!["1234".to_owned(), "1234".to_owned()];
    assert_eq!(store.rejection(Write::set("l", list())).await, large(9));
    store.push("l", "1234").await;
    assert_eq!(store.rejection(Write::push("l", "1234")).await, large(9));
    store.push("l", "123").await;
    assert_eq!(store.rejection(Write::push_front("l", "1")).await, large(9));
    assert_eq!(store.rejection(Write::set("123456789", "")).await, large(9), "the key counts");
    let most = "x".repeat(1_000);
    assert_eq!(store.modify("key", |v| *v = most.as_str().into()).await, Err(large(1_003)));
}

pub async fn pops_free_bytes<F: Fixture>() {
    let builder = Store::builder().max_bytes(11).max_entry_bytes(11);
    let store = F::start(builder).await;
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
    assert_eq!(store.rejection(Write::push("l", "1")).await, bytes_full(11));
}

pub async fn trims_free_bytes<F: Fixture>() {
    let builder = Store::builder().max_bytes(11).max_entry_bytes(11);
    let store = F::start(builder).await;
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
    assert_eq!(store.rejection(Write::push("l", "1")).await, bytes_full(11));
}

pub async fn removed_entries_free_capacity<F: Fixture>() {
    let builder = Store::builder().max_entries(1).max_bytes(10);
    let store = F::start(builder).await;
    let second = Duration::from_secs(1);
    let fill = || Write::set("k", "123456789").ttl(second);
    for round in 0..4 {
        store.write(fill()).await.unwrap();
        assert_eq!(store.rejection(Write::set("j", "v")).await, entries_full(1));
        match round {
            0 => drop(store.write(Write::remove("k")).await.unwrap()),
            1 => assert_eq!(store.clear().await, Ok(1)),
            2 => sleep(second + Duration::from_millis(10)).await,
            _ => store.write(Write::update("k", "")).await.map(drop).unwrap(),
        }
    }
    store.write(Write::update("k", "987654321")).await.unwrap();
}

pub async fn limits_are_checked_last<F: Fixture>() {
    let builder = Store::builder().max_entries(2).max_bytes(30).max_entry_bytes(20);
    let store = F::start(builder).await;
    store.set("a", "v").await;
    store.push("l", "v").await;
    let huge = "x".repeat(40);
    let huge = huge.as_str();
    assert_eq!(store.rejection(Write::update("none", huge)).await, Error::NotFound);
    assert_eq!(store.rejection(Write::push("a", huge).if_absent()).await, Error::WrongKind);
    let failed = Error::ConditionFailed { current: Some(1) };
    assert_eq!(store.rejection(Write::set("a", huge).if_revision(9)).await, failed);
    let failed = Error::ConditionFailed { current: None };
    assert_eq!(store.rejection(Write::set("c", huge).if_present()).await, failed);
    // The limits are checked in this order: bytes of the entry, number of entries, all bytes.
    let too_large = Error::TooLarge { weight: 41, limit: 20 };
    assert_eq!(store.rejection(Write::set("c", huge)).await, too_large);
    assert_eq!(store.rejection(Write::set("c", &huge[..19])).await, entries_full(2));
}

pub async fn batch_counts_its_own_writes<F: Fixture>() {
    let builder = Store::builder().max_entries(2).max_bytes(10);
    let store = F::start(builder).await;
    let set = |key, value| Write::set(key, value);
    let failed = store.batch(vec![set("a", ""), set("b", ""), set("c", "")]).await.unwrap_err();
    assert_eq!((failed.index, failed.error), (2, entries_full(2)));
    let failed = store.batch(vec![set("a", "1234"), set("b", "12345")]).await.unwrap_err();
    assert_eq!((failed.index, failed.error), (1, bytes_full(10)));
    store.batch(vec![set("a", "1234"), Write::remove("a"), set("b", "123456789")]).await.unwrap();
    store.batch(vec![Write::remove("b"), set("c", "12"), set("d", "12")]).await.unwrap();
    assert_eq!(store.rejection(set("e", "")).await, entries_full(2));
}

pub async fn entry_at_its_limit_can_be_changed<F: Fixture>() {
    let store = F::start(Store::builder().max_entry_bytes(6)).await;
    store.set("k", "12345").await;
    store.write(Write::update("k", "1234")).await.unwrap();
    store.write(Write::update("k", "4321").ttl(Duration::from_secs(1))).await.unwrap();
    assert!(store.write(Write::update("k", "123456")).await.is_err());
    store.write(Write::expire("k", Duration::from_secs(5))).await.unwrap();
    store.write(Write::remove("k")).await.unwrap();
}

pub async fn overdue_entries_free_capacity<F: Fixture>() {
    // A deadline between two ticks of the timer, and more keys than expire in one turn.
    for (count, ttl) in [(1, Duration::from_nanos(10_000_001)), (3_000, Duration::from_secs(1))] {
        let (entries, bytes) = (count, 10 * count as u64);
        for builder in [Store::builder().max_entries(entries), Store::builder().max_bytes(bytes)] {
            let store = F::start(builder).await;
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
