//! Batches are atomic, also for readers and subscribers.

use std::time::Duration;

use futures_util::join;
use mainspring::{ChangeKind, Error, Store, Write};

use crate::WriteResult;
use crate::contract::{Fixture, Scope, Start};

pub async fn batch_is_all_or_nothing<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("a", "1").await;
    store.push("l", "x").await;
    let before = store.scan("", None, 9).await.unwrap();
    let failed = store
        .batch(vec![
            Write::set("a", "2"),
            Write::set("new", "2"),
            Write::pop("l"),
            Write::remove("a"),
            Write::push("m", "y"),
            Write::expire("l", Duration::from_secs(1)),
            Write::pop("l"),
        ])
        .await
        .unwrap_err();
    assert_eq!((failed.index, failed.error), (6, Error::ListEmpty));
    assert_eq!(store.scan("", None, 9).await.unwrap(), before);

    let done = store.batch(vec![Write::set("a", "2"), Write::remove("l")]).await.unwrap();
    assert_eq!(done.iter().map(|part| part.revision).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((store.entry("a").await.revision, store.get("l").await), (3, Ok(None)));
}

pub async fn batch_error_names_the_first_failure<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("a", "1").await;
    let cases = [
        (0, vec![Write::remove("none"), Write::pop("a")], Error::NotFound),
        (1, vec![Write::persist("a"), Write::pop("a"), Write::remove("none")], Error::WrongKind),
        (
            2,
            vec![
                Write::persist("a").if_revision(1),
                Write::set("b", "v").if_absent(),
                Write::persist("a").if_revision(1),
            ],
            Error::ConditionFailed { current: Some(2) },
        ),
        (
            1,
            vec![Write::set("b", "v"), Write::set("b", "v").if_absent()],
            Error::ConditionFailed { current: Some(2) },
        ),
        (
            1,
            vec![Write::set("b", "v"), Write::set("b", "v").ttl(Duration::ZERO)],
            Error::InvalidTtl,
        ),
    ];
    for (index, writes, error) in cases {
        let failed = store.batch(writes).await.unwrap_err();
        assert_eq!((failed.index, failed.error), (index, error));
    }
    assert_eq!(store.revision().await, 1);
}

pub async fn batch_sees_its_own_writes<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let done = store
        .batch(vec![
            Write::push("l", "a"),
            Write::push("l", "b").if_revision(1),
            Write::pop_front("l"),
            Write::set("k", "v").if_absent(),
            Write::update("k", "w").if_revision(4),
            Write::remove("k"),
            Write::set("k", "x").if_absent(),
            Write::update("l", "item"),
        ])
        .await
        .unwrap();
    let part = |revision, length, popped: Option<&str>| WriteResult {
        revision,
        length,
        popped: popped.map(str::to_owned),
        removed: None,
    };
    assert_eq!(
        done[..4],
        [part(1, 1, None), part(2, 2, None), part(3, 1, Some("a")), part(4, 0, None)]
    );
    assert_eq!(
        done.iter().map(|part| part.revision).collect::<Vec<_>>(),
        (1..=8).collect::<Vec<_>>()
    );
    assert_eq!(store.entry("k").await.item().unwrap(), "x");
    assert_eq!(store.entry("l").await.item().unwrap(), "item");
}

pub async fn batch_is_one_event<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut changes = store.subscribe(Scope::All, Start::Now).await.unwrap();
    store.set("z", "v").await;
    store
        .batch(vec![Write::set("a", "v"), Write::push("l", "v"), Write::remove("z")])
        .await
        .unwrap();
    store.batch(vec![Write::set("b", "v")]).await.unwrap();
    assert_eq!(changes.change().await.revision, 1);
    let (parts, revision) = changes.batch().await;
    assert_eq!(parts.iter().map(|part| part.revision).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(
        parts.iter().map(mainspring::Change::continues).collect::<Vec<_>>(),
        [true, true, false]
    );
    assert_eq!(parts[2].kind, ChangeKind::Removed);
    assert_eq!((revision, changes.token().unwrap().revision), (4, 4));
    assert_eq!(changes.change().await.revision, 5, "a batch of one is a change");
}

pub async fn empty_batch_does_nothing<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    assert_eq!(store.batch(vec![]).await.unwrap(), []);
    assert_eq!(store.revision().await, 0);
}

pub async fn results_have_the_lengths_of_pushes_and_pops<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let list = || vec!["a".to_owned(), "b".to_owned()];
    let done = store
        .batch(vec![
            Write::set("l", list()),
            Write::update("l", list()),
            Write::push("l", "c"),
            Write::pop("l"),
            Write::persist("l"),
        ])
        .await
        .unwrap();
    let lengths: Vec<_> = done.iter().map(|part| part.length).collect();
    assert_eq!(lengths, [0, 0, 3, 2, 0], "0 for all others");
}

pub async fn failed_batch_does_not_affect_the_next_command<F: Fixture>() {
    if !F::IS_ORDERED {
        return;
    }
    let store = F::start(Store::builder().max_entries(2)).await;
    store.set("a", "1").await;
    // One turn where turns have several commands: each is decided on the effects of those before it.
    let (pushed, failed, set, pop) = join!(
        store.write(Write::push("l", "x")),
        store.batch(vec![
            Write::remove("a"),
            Write::pop("l"),
            Write::set("b", "v"),
            Write::update("none", "v"),
        ]),
        store.write(Write::set("b", "v")),
        store.write(Write::pop("l")),
    );
    assert_eq!(pushed.unwrap().revision, 2);
    let failed = failed.unwrap_err();
    assert_eq!((failed.index, failed.error), (3, Error::NotFound));
    assert_eq!(set.unwrap_err(), Error::OverLimit { what: "entries", limit: 2 });
    assert_eq!(pop.unwrap().popped.as_deref(), Some("x"));
    assert_eq!((store.entry("a").await.revision, store.revision().await), (1, 3));
}

pub async fn batch_is_not_interleaved_with_other_commands<F: Fixture>() {
    if !F::IS_ORDERED {
        return;
    }
    let store = F::start(Store::builder()).await;
    let both = |value: &str| vec![Write::set("a", value), Write::set("b", value)];
    let (first, a, second, page) = join!(
        store.batch(both("1")),
        store.get("a"),
        store.batch(both("2")),
        store.scan("", None, 2),
    );
    assert_eq!((first.unwrap()[1].revision, second.unwrap()[0].revision), (2, 3));
    assert_eq!(a.unwrap().unwrap().item().unwrap(), "1");
    let page = page.unwrap().items;
    assert_eq!(page[0].1.value, page[1].1.value, "a read sees all of a batch or nothing");
}
