//! Writes and their results, revisions, and times.

use std::time::Duration;

use futures_util::future::join_all;
use mainspring::{Error, Store, Value, Write};
use tokio::time::advance;

use crate::contract::{Fixture, Scope, Start};

const SECOND: Duration = Duration::from_secs(1);

pub async fn set_creates_and_replaces<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.set("k", "a").await, 1);
    let first = store.entry("k").await;
    assert_eq!((first.item().unwrap().as_str(), first.revision), ("a", 1));
    assert_eq!((first.created_at, first.expires_at), (first.updated_at, None));

    advance(SECOND).await;
    store.write(Write::set("k", vec!["b".to_owned()])).await.unwrap();
    let second = store.entry("k").await;
    assert_eq!((second.list().unwrap(), second.revision), (&["b".to_owned()][..], 2));
    assert_eq!(
        second.created_at.saturating_since(first.created_at),
        SECOND,
        "a set replaces the entry"
    );
    assert_eq!(second.created_at, second.updated_at);
}

pub async fn update_replaces_the_value<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.rejection(Write::update("k", "a")).await, Error::NotFound);
    store.write(Write::set("k", "a").ttl(60 * SECOND)).await.unwrap();
    let before = store.entry("k").await;

    advance(SECOND).await;
    let answer = store.write(Write::update("k", vec!["b".to_owned()])).await.unwrap();
    let after = store.entry("k").await;
    assert_eq!((answer.revision, after.revision), (2, 2));
    assert_eq!(after.value, Value::List(vec!["b".to_owned()]), "the kind may change");
    assert_eq!((after.created_at, after.expires_at), (before.created_at, before.expires_at));
    assert_eq!(after.updated_at.saturating_since(before.updated_at), SECOND);
}

pub async fn remove_deletes_the_key<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.rejection(Write::remove("k")).await, Error::NotFound);
    store.set("k", "a").await;
    assert_eq!(store.write(Write::remove("k")).await.unwrap().revision, 2);
    assert_eq!(store.get("k").await, Ok(None));
    assert_eq!(store.rejection(Write::remove("k")).await, Error::NotFound);
    store.set("k", "b").await;
    assert_eq!(store.entry("k").await.revision, 3, "revisions are never reused");
}

pub async fn equal_value_is_a_change<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut changes = store.subscribe(Scope::All, Start::Now).await.unwrap();
    for revision in 1..=3 {
        assert_eq!(store.set("k", "same").await, revision);
        assert_eq!(changes.change().await.revision, revision);
    }
    store.write(Write::update("k", "same")).await.unwrap();
    store.write(Write::persist("k")).await.unwrap();
    assert_eq!(store.revision().await, 5);
}

pub async fn only_changes_increment_the_revision<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.clear().await.unwrap();
    store.set("k", "a").await;
    store.get("k").await.unwrap();
    store.scan("", None, 10).await.unwrap();
    store.rejection(Write::set("k", "b").if_absent()).await;
    store.rejection(Write::push("k", "b")).await;
    store.rejection(Write::update("none", "b")).await;
    store.rejection(Write::set("", "b")).await;
    store.batch(vec![Write::set("j", "b"), Write::remove("none")]).await.unwrap_err();
    store.modify("none", |_| {}).await.unwrap_err();
    drop(store.subscribe(Scope::All, Start::Snapshot).await.unwrap());
    assert_eq!((store.revision().await, store.set("k", "b").await), (1, 2));
}

pub async fn expire_and_persist_change_the_deadline<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.rejection(Write::expire("k", SECOND)).await, Error::NotFound);
    assert_eq!(store.rejection(Write::persist("k")).await, Error::NotFound);
    store.set("k", "a").await;
    let before = store.entry("k").await;

    advance(SECOND).await;
    assert_eq!(store.write(Write::expire("k", 5 * SECOND)).await.unwrap().revision, 2);
    let after = store.entry("k").await;
    assert_eq!(after.expires_at, Some(after.updated_at + 5 * SECOND));
    assert_eq!((after.created_at, after.revision), (before.created_at, 2));
    assert_eq!(after.updated_at.saturating_since(before.updated_at), SECOND);

    assert_eq!(store.write(Write::persist("k")).await.unwrap().revision, 3);
    assert_eq!(store.entry("k").await.expires_at, None);
}

pub async fn keys_have_1_to_1024_bytes<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let longest = "é".repeat(512);
    store.set(&longest, "fits").await;
    store.set("x", "fits").await;
    assert_eq!(store.entry(&longest).await.revision, 1);
    for (bad, length) in [(String::new(), 0), ("é".repeat(513), 1026), ("k".repeat(1025), 1025)] {
        let invalid = Error::InvalidKey { length };
        let bad = bad.as_str();
        for write in [
            Write::set(bad, "v"),
            Write::update(bad, "v"),
            Write::remove(bad),
            Write::push(bad, "v"),
            Write::pop_front(bad),
            Write::persist(bad).if_absent(),
        ] {
            assert_eq!(store.rejection(write).await, invalid);
        }
        assert_eq!(store.get(bad).await, Err(invalid.clone()));
        assert_eq!(store.contains(bad).await, Err(invalid.clone()));
        assert_eq!(store.len(bad).await, Err(invalid.clone()));
        assert_eq!(store.last(bad).await, Err(invalid.clone()));
        assert_eq!(store.range(bad, 0, 1).await, Err(invalid.clone()));
        assert_eq!(store.modify(bad, |_| {}).await, Err(invalid.clone()));
        let failed = store.batch(vec![Write::set("a", "b"), Write::set(bad, "v")]).await;
        let failed = failed.unwrap_err();
        assert_eq!((failed.index, failed.error), (1, invalid.clone()));
        let many = store.set_many(&[(bad, "v"), ("x", "again")]).await.unwrap();
        assert_eq!(many[0], Err(invalid));
        assert!(many[1].is_ok());
    }
    for odd in [" ", "\u{0}", "a/b?c", "\u{10FFFF}"] {
        store.set(odd, odd).await;
        assert_eq!(store.entry(odd).await.item().unwrap(), odd);
    }
}

pub async fn modify_returns_the_new_entry<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.modify("k", |_| panic!("the key is absent")).await, Err(Error::NotFound));
    store.write(Write::set("k", "a").ttl(9 * SECOND)).await.unwrap();
    advance(SECOND).await;
    let append = |value: &mut Value<String>| match value {
        Value::Item(text) => text.push('b'),
        Value::List(_) => panic!("it is an item"),
    };
    let answer = store.modify("k", append).await.unwrap();
    assert_eq!(answer, store.entry("k").await);
    assert_eq!((answer.item().unwrap().as_str(), answer.revision), ("ab", 2));
    let to_list = |value: &mut Value<String>| *value = Value::List(vec!["c".into()]);
    assert_eq!(store.modify("k", to_list).await.unwrap().list().unwrap(), ["c"]);
}

pub async fn modify_retries_after_a_conflict<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("n", "0").await;
    let mut calls = 0;
    let add = |value: &mut Value<String>, calls: &mut u32| {
        let Value::Item(text) = value else { panic!("it is an item") };
        *calls += 1;
        *text = (text.parse::<u32>().unwrap() + 1).to_string();
    };
    let counters = std::cell::RefCell::new(&mut calls);
    let one = || store.modify("n", |value| add(value, &mut counters.borrow_mut()));
    let done = join_all((0..10).map(|_| one())).await;
    let mut seen: Vec<u32> =
        done.iter().map(|done| done.as_ref().unwrap().item().unwrap().parse().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (1..=10).collect::<Vec<_>>(), "no update is lost");
    assert_eq!(
        (store.entry("n").await.item().unwrap().as_str(), store.revision().await),
        ("10", 11)
    );
    assert!(calls > 10, "no conflict in {calls} calls");
}

pub async fn clear_takes_one_revision<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!((store.clear().await, store.revision().await), (Ok(0), 0));
    for key in ["a", "b", "c"] {
        store.set(key, "v").await;
    }
    store.write(Write::remove("a")).await.unwrap();
    assert_eq!((store.clear().await, store.revision().await), (Ok(2), 5));
    assert_eq!(store.get("b").await, Ok(None));
    assert_eq!((store.clear().await, store.revision().await), (Ok(0), 5));
    assert_eq!(store.set("a", "v").await, 6);
}

pub async fn compact_returns_the_revision_of_its_snapshot<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.compact().await, Ok(0));
    for n in 1..=600 {
        assert_eq!(store.set(&format!("k{}", n % 300), "v").await, n);
    }
    assert_eq!(store.compact().await, Ok(600));
    assert_eq!(store.clear().await, Ok(300));
    assert_eq!(store.compact().await, Ok(601));
    assert_eq!(store.compact().await, Ok(601), "although nothing has changed");
    assert_eq!(store.set("k", "v").await, 602);
}

pub async fn writes_of_set_many_and_push_many_are_independent<F: Fixture>() {
    let store = F::start(Store::builder().max_entries(3)).await;
    let many = store.set_many(&[("a", "1"), ("", "2"), ("b", "3"), ("a", "4")]).await.unwrap();
    assert_eq!(many, [Ok(1), Err(Error::InvalidKey { length: 0 }), Ok(2), Ok(3)]);
    assert_eq!(store.entry("a").await.item().unwrap(), "4");

    assert_eq!(store.push_many("l", &["x", "y"]).await.unwrap(), [Ok((4, 1)), Ok((5, 2))]);
    assert_eq!(store.push_many("a", &["x"]).await.unwrap(), [Err(Error::WrongKind)]);
    let full = Error::OverLimit { what: "entries", limit: 3 };
    let many = store.set_many(&[("c", "1"), ("a", "2")]).await.unwrap();
    assert_eq!(many, [Err(full), Ok(6)], "the second succeeds although the first fails");
    assert_eq!(store.set_many(&[]).await.unwrap(), []);
    assert_eq!(store.push_many("l", &[]).await.unwrap(), []);
}

pub async fn absent_keys_read_as_none<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.get("k").await, Ok(None));
    assert_eq!(store.contains("k").await, Ok(false));
    assert_eq!(store.len("k").await, Ok(None));
    assert_eq!(store.last("k").await, Ok(None));
    assert_eq!(store.range("k", 0, 10).await, Ok(None));
    let page = store.scan("", None, 10).await.unwrap();
    assert_eq!((page.items, page.next, page.revision), (vec![], None, 0));
}

pub async fn pipelined_commands_keep_their_order<F: Fixture>() {
    if !F::IS_ORDERED {
        return;
    }
    let store = F::start(Store::builder()).await;
    let writes = (0..400).map(|n| match n % 4 {
        0 | 1 => Write::push("l", n.to_string()),
        2 => Write::pop_front("l"),
        _ => Write::pop("l"),
    });
    let answers = join_all(writes.map(|write| store.write(write))).await;
    for (four, answers) in answers.chunks(4).enumerate() {
        let revision = four as u64 * 4;
        let [first, second, front, back] = answers else { panic!("four at a time") };
        let (first, second) = (first.as_ref().unwrap(), second.as_ref().unwrap());
        let (front, back) = (front.as_ref().unwrap(), back.as_ref().unwrap());
        assert_eq!((first.revision, first.length), (revision + 1, 1));
        assert_eq!((second.revision, second.length), (revision + 2, 2));
        assert_eq!(front.popped.as_deref(), Some((four * 4).to_string().as_str()));
        assert_eq!(back.popped.as_deref(), Some((four * 4 + 1).to_string().as_str()));
        assert_eq!((back.revision, back.length), (revision + 4, 0));
    }
}
