//! Lists.

use std::time::Duration;

use mainspring::{Error, Store, Value, Write};
use tokio::time::advance;

use crate::contract::Fixture;

pub async fn both_ends_push_and_pop<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    for (write, length) in [
        (Write::push("l", "b"), 1),
        (Write::push("l", "c"), 2),
        (Write::push_front("l", "a"), 3),
        (Write::push("l", "d"), 4),
    ] {
        let pushed = store.write(write).await.unwrap();
        assert_eq!((pushed.length, pushed.revision), (length, length as u64));
    }
    assert_eq!(store.entry("l").await.list().unwrap(), ["a", "b", "c", "d"]);
    for (write, element, length) in [
        (Write::pop("l"), "d", 3),
        (Write::pop_front("l"), "a", 2),
        (Write::pop_front("l"), "b", 1),
        (Write::pop("l"), "c", 0),
    ] {
        let popped = store.write(write).await.unwrap();
        assert_eq!((popped.popped.as_deref(), popped.length), (Some(element), length));
    }
}

pub async fn empty_list_is_kept<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.push("l", "a").await;
    store.write(Write::pop("l")).await.unwrap();
    assert_eq!(store.rejection(Write::pop("l")).await, Error::ListEmpty);
    assert_eq!(store.rejection(Write::pop_front("l")).await, Error::ListEmpty);
    assert_eq!(store.entry("l").await.value, Value::List(vec![]));
    assert_eq!(store.contains("l").await, Ok(true));
    assert_eq!((store.len("l").await, store.last("l").await), (Ok(Some(0)), Ok(None)));
    assert_eq!(store.range("l", -5, 10).await, Ok(Some(vec![])));
    assert_eq!(store.write(Write::push_front("l", "b")).await.unwrap().length, 1);
}

pub async fn trim_keeps_one_end<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    for (write, rest, removed) in [
        (Write::trim("l", 4), &["b", "c", "d", "e"][..], 1),
        (Write::trim_front("l", 3), &["b", "c", "d"], 1),
        (Write::trim("l", 3), &["b", "c", "d"], 0),
        (Write::trim_front("l", usize::MAX), &["b", "c", "d"], 0),
        (Write::trim("l", 1), &["d"], 2),
        (Write::trim_front("l", 0), &[], 1),
        (Write::trim("l", 0), &[], 0),
    ] {
        if removed > 0 && rest.len() == 4 {
            store.push_many("l", &["a", "b", "c", "d", "e"]).await.unwrap();
        }
        let before = store.entry("l").await;
        let trimmed = store.write(write.clone()).await.unwrap();
        assert_eq!((trimmed.removed, trimmed.length), (Some(removed), rest.len()), "{write:?}");
        assert_eq!(trimmed.revision, before.revision + 1, "trimming nothing is a change");
        let after = store.entry("l").await;
        assert_eq!(after.list().unwrap(), rest);
        assert_eq!(after.revision, trimmed.revision);
        assert_eq!(after.created_at, before.created_at);
    }
}

pub async fn trim_requires_a_list_and_keeps_its_deadline<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.rejection(Write::trim("l", 1)).await, Error::NotFound);
    store.set("item", "v").await;
    assert_eq!(store.rejection(Write::trim("item", 1)).await, Error::WrongKind);
    let list = vec!["a".to_owned(), "b".to_owned()];
    store.write(Write::set("l", list).ttl(Duration::from_secs(60))).await.unwrap();
    let deadline = store.entry("l").await.expires_at;
    store.write(Write::trim("l", 1).ttl(Duration::from_secs(1))).await.unwrap();
    assert_eq!(store.entry("l").await.expires_at, deadline);
    let batch = vec![Write::push("l", "c"), Write::trim("l", 1)];
    let done = store.batch(batch).await.unwrap();
    assert_eq!((done[0].length, done[1].length, done[1].removed), (2, 1, Some(1)));
    assert_eq!(store.entry("l").await.list().unwrap(), ["c"]);
}

pub async fn list_that_was_set_accepts_pushes<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let list = || vec!["a".to_owned(), "b".to_owned()];
    store.write(Write::set("l", list())).await.unwrap();
    assert_eq!(store.write(Write::push("l", "c")).await.unwrap().length, 3);
    assert_eq!(store.write(Write::pop_front("l")).await.unwrap().popped.as_deref(), Some("a"));
    store.write(Write::update("l", list())).await.unwrap();
    assert_eq!(store.write(Write::pop("l")).await.unwrap().popped.as_deref(), Some("b"));
    store.write(Write::update("l", "item")).await.unwrap();
    assert_eq!(store.rejection(Write::push("l", "c")).await, Error::WrongKind);
}

pub async fn ranges_count_from_both_ends<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.push_many("l", &["a", "b", "c", "d"]).await.unwrap();
    for (offset, limit, found) in [
        (0, 10, "abcd"),
        (0, 0, ""),
        (1, 2, "bc"),
        (3, 10, "d"),
        (4, 10, ""),
        (99, 1, ""),
        (-1, 10, "d"),
        (-3, 2, "bc"),
        (-99, 2, "ab"),
        (isize::MIN, usize::MAX, "abcd"),
        (isize::MAX, usize::MAX, ""),
    ] {
        let range = store.range("l", offset, limit).await.unwrap().unwrap();
        assert_eq!(range.concat(), found, "{limit} from {offset}");
    }
    assert_eq!(store.last("l").await, Ok(Some("d".into())));
    assert_eq!(store.len("l").await, Ok(Some(4)));
    // Also after the ring buffer of the list has wrapped around.
    store.write(Write::pop_front("l")).await.unwrap();
    store.write(Write::push("l", "e")).await.unwrap();
    store.write(Write::push_front("l", "_")).await.unwrap();
    assert_eq!(store.range("l", 0, 9).await.unwrap().unwrap().concat(), "_bcde");
}

pub async fn list_reads_of_an_item_fail<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("k", "item").await;
    let wrong = Error::WrongKind;
    assert_eq!(store.len("k").await, Err(wrong.clone()));
    assert_eq!(store.last("k").await, Err(wrong.clone()));
    assert_eq!(store.range("k", 0, 1).await, Err(wrong));
    assert_eq!(store.revision().await, 1);
}

pub async fn pushes_and_pops_keep_created_at<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.push("l", "a").await;
    let first = store.entry("l").await;
    assert_eq!(first.created_at, first.updated_at);
    for write in [Write::push("l", "b"), Write::push_front("l", "c"), Write::pop("l")] {
        let before = store.entry("l").await;
        advance(Duration::from_secs(1)).await;
        store.write(write).await.unwrap();
        let after = store.entry("l").await;
        assert_eq!(after.created_at, first.created_at);
        assert_eq!(after.updated_at, before.updated_at + Duration::from_secs(1));
        assert_eq!(after.revision, before.revision + 1);
    }
}
