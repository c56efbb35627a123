//! Subscriptions: where they start, what they select, and what they deliver.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::join;
use mainspring::{
    ChangeKind, End, Entry, Error, Event, Key, ResumeToken, Store, StoreId, Value, Write,
};

use crate::contract::{Fixture, Scope, Start};

pub async fn starts_from_now<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("before", "v").await;
    let mut changes = store.subscribe(Scope::All, Start::Now).await.unwrap();
    assert_eq!(changes.token(), Some(ResumeToken { store: store.id(), revision: 1 }));
    store.set("after", "v").await;
    let change = changes.change().await;
    assert_eq!((&*change.key, change.revision), ("after", 2));
    assert_eq!(change.at, store.entry("after").await.updated_at);
    assert_eq!(changes.token().unwrap().revision, 2);
}

pub async fn starts_from_a_snapshot<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    for (key, value) in [("a/1", "x"), ("a/2", "y"), ("b", "z")] {
        store.set(key, value).await;
    }
    for (scope, keys) in [
        (Scope::All, &["a/1", "a/2", "b"][..]),
        (Scope::Prefix("a/"), &["a/1", "a/2"]),
        (Scope::Key("b"), &["b"]),
        (Scope::Key("none"), &[]),
        (Scope::Prefix("none"), &[]),
    ] {
        let head = store.revision().await;
        let mut events = store.subscribe(scope, Start::Snapshot).await.unwrap();
        let mut found = BTreeMap::new();
        for _ in keys {
            match events.next().await.unwrap() {
                Event::Entry { key, entry } => found.insert(key, entry),
                other => panic!("{other:?}"),
            };
        }
        assert_eq!(events.next().await.unwrap(), Event::SnapshotEnd { revision: head });
        assert_eq!(found.keys().map(Key::as_str).collect::<Vec<_>>(), keys);
        for (key, entry) in found {
            assert_eq!(entry, store.entry(&key).await);
        }
        store.set("b", "new").await;
        store.set("a/1", "new").await;
        if !keys.is_empty() {
            assert!(keys.contains(&&*events.change().await.key));
        }
    }
}

pub async fn starts_after_a_revision<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    for n in 0..50 {
        store.set(["a", "b"][n % 2], "v").await;
    }
    for after in [0, 1, 25, 49] {
        let mut events = store.subscribe(Scope::All, Start::After(after)).await.unwrap();
        for revision in after + 1..=50 {
            assert_eq!(events.change().await.revision, revision);
        }
        let mut events = store.subscribe(Scope::Key("a"), Start::After(after)).await.unwrap();
        for revision in (after + 1..=50).filter(|revision| revision % 2 == 1) {
            assert_eq!(events.change().await.revision, revision);
        }
    }
    let mut events = store.subscribe(Scope::All, Start::After(50)).await.unwrap();
    assert_eq!(store.set("a", "v").await, events.change().await.revision);
}

pub async fn starts_after_a_token<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut events = store.subscribe(Scope::All, Start::Now).await.unwrap();
    for _ in 0..4 {
        store.set("k", "v").await;
    }
    events.change().await;
    events.change().await;
    let text = events.token().unwrap().to_string();
    let token: ResumeToken = text.parse().unwrap();
    drop(events);
    let mut events = store.subscribe(Scope::All, Start::Token(token)).await.unwrap();
    assert_eq!((events.change().await.revision, events.change().await.revision), (3, 4));
}

pub async fn key_filter_selects_one_key<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut events = store.subscribe(Scope::Key("k"), Start::Now).await.unwrap();
    for key in ["j", "k", "kk", "k", "j"] {
        store.set(key, "v").await;
    }
    assert_eq!((events.change().await.revision, events.change().await.revision), (2, 4));
    let invalid = store.subscribe(Scope::Key(""), Start::Now).await.err();
    assert_eq!(invalid, Some(Error::InvalidKey { length: 0 }));
}

pub async fn prefix_filter_selects_its_keys<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut events = store.subscribe(Scope::Prefix("a/"), Start::Now).await.unwrap();
    let mut all = store.subscribe(Scope::Prefix(""), Start::Now).await.unwrap();
    for key in ["a", "a/1", "b/1", "a/2"] {
        store.set(key, "v").await;
    }
    assert_eq!((events.change().await.revision, events.change().await.revision), (2, 4));
    for revision in 1..=4 {
        assert_eq!(all.change().await.revision, revision);
    }
}

pub async fn invalid_positions_are_rejected<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("k", "v").await;
    for scope in [Scope::All, Scope::Key("k"), Scope::Prefix("k")] {
        let ahead = store.subscribe(scope, Start::After(2)).await.err();
        assert_eq!(ahead, Some(Error::AheadOfHead { asked: 2, head: 1 }));
        for revision in [0, 1, 99] {
            let token = ResumeToken { store: StoreId::random(), revision };
            let wrong = store.subscribe(scope, Start::Token(token)).await.err();
            assert_eq!(wrong, Some(Error::WrongStore));
        }
        let ahead = ResumeToken { store: store.id(), revision: 7 };
        let ahead = store.subscribe(scope, Start::Token(ahead)).await.err();
        assert_eq!(ahead, Some(Error::AheadOfHead { asked: 7, head: 1 }));
    }
}

pub async fn subscribe_before_the_history_returns_compacted<F: Fixture>() {
    let store = F::start(Store::builder().history_changes(10)).await;
    for _ in 0..25 {
        store.set("k", "v").await;
    }
    for scope in [Scope::All, Scope::Key("k"), Scope::Prefix("x")] {
        for after in [0, 14] {
            let older = store.subscribe(scope, Start::After(after)).await.err();
            let compacted = (!F::HAS_PAST).then_some(Error::Compacted { oldest: 15 });
            assert_eq!(older, compacted);
        }
        store.subscribe(scope, Start::After(15)).await.unwrap();
    }
    let mut events = store.subscribe(Scope::All, Start::After(15)).await.unwrap();
    for revision in 16..=25 {
        assert_eq!(events.change().await.revision, revision);
    }
}

pub async fn journal_is_read_before_the_history<F: Fixture>() {
    let store = F::start(Store::builder().history_changes(10)).await;
    if !F::HAS_PAST {
        return;
    }
    for _ in 0..300 {
        store.set("k", "v").await;
        store.set("j", "v").await;
    }
    for after in [0, 1, 300, 588, 589, 590, 591, 600] {
        for scope in [Scope::All, Scope::Key("k"), Scope::Prefix("k")] {
            let mut events = store.subscribe(scope, Start::After(after)).await.unwrap();
            let mine = |revision: &u64| matches!(scope, Scope::All) || revision % 2 == 1;
            for revision in (after + 1..=600).filter(mine) {
                assert_eq!(events.change().await.revision, revision, "{scope:?} after {after}");
            }
        }
    }
    // New changes follow those of the journal, each once.
    let mut events = store.subscribe(Scope::All, Start::After(0)).await.unwrap();
    for revision in 1..=900 {
        if revision > 500 && revision <= 800 {
            store.set("k", "v").await;
        }
        assert_eq!(events.change().await.revision, revision);
    }
}

pub async fn lagging_subscriber_reads_the_journal<F: Fixture>() {
    let store = F::start(Store::builder().history_changes(10)).await;
    if !F::HAS_PAST {
        return;
    }
    let mut all = store.subscribe(Scope::All, Start::Now).await.unwrap();
    let mut key = store.subscribe(Scope::Key("k"), Start::Now).await.unwrap();
    let mut snapshot = store.subscribe(Scope::All, Start::Snapshot).await.unwrap();
    for _ in 0..200 {
        store.set("k", "v").await;
        store.batch(vec![Write::set("j", "v"), Write::set("k", "v")]).await.unwrap();
    }
    for n in 0..200 {
        assert_eq!((all.change().await.revision, all.batch().await.1), (3 * n + 1, 3 * n + 3));
        assert_eq!((key.change().await.revision, key.batch().await.1), (3 * n + 1, 3 * n + 3));
    }
    let mut copy = std::collections::HashMap::new();
    while snapshot.token().is_none() {
        snapshot.next().await.unwrap().apply_to(&mut copy);
    }
    assert_eq!((copy.len(), &copy["k"]), (2, &store.entry("k").await));
    let revision = store.set("k", "v").await;
    assert_eq!((all.change().await.revision, key.change().await.revision), (revision, revision));
    assert_eq!(snapshot.change().await.revision, revision);
}

pub async fn position_inside_a_journaled_batch_is_rejected<F: Fixture>() {
    let store = F::start(Store::builder().history_changes(2)).await;
    if !F::HAS_PAST {
        return;
    }
    store.set("k", "v").await;
    store.batch((0..3).map(|_| Write::set("k", "v")).collect()).await.unwrap(); // 2, 3, 4
    for _ in 0..3 {
        store.set("k", "v").await;
    }
    for scope in [Scope::All, Scope::Key("k"), Scope::Prefix("x")] {
        for asked in [2, 3] {
            let mut events = store.subscribe(scope, Start::After(asked)).await.unwrap();
            assert_eq!(events.next().await, Err(Error::InsideBatch { asked, before: 1 }));
        }
    }
    let mut events = store.subscribe(Scope::All, Start::After(1)).await.unwrap();
    assert_eq!((events.batch().await.1, events.change().await.revision), (4, 5));
    let mut events = store.subscribe(Scope::All, Start::After(4)).await.unwrap();
    assert_eq!(events.change().await.revision, 5);
}

pub async fn position_inside_a_batch_is_rejected<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("k", "v").await;
    store.batch((0..3).map(|_| Write::set("k", "v")).collect()).await.unwrap(); // 2, 3, 4
    store.batch(vec![Write::set("j", "v"), Write::set("k", "v")]).await.unwrap(); // 5, 6
    for scope in [Scope::All, Scope::Key("k"), Scope::Prefix("x")] {
        for (asked, before) in [(2, 1), (3, 1), (5, 4)] {
            let inside = store.subscribe(scope, Start::After(asked)).await.err();
            assert_eq!(inside, Some(Error::InsideBatch { asked, before }));
        }
        for revision in [0, 1, 4, 6] {
            store.subscribe(scope, Start::After(revision)).await.unwrap();
        }
    }
    let mut events = store.subscribe(Scope::All, Start::After(1)).await.unwrap();
    assert_eq!((events.batch().await.1, events.batch().await.1), (4, 6));
}

pub async fn position_inside_a_batch_of_the_same_turn_is_rejected<F: Fixture>() {
    if !F::IS_ORDERED {
        return;
    }
    let store = F::start(Store::builder()).await;
    let (batch, inside, after) = join!(
        store.batch(vec![Write::set("a", "v"), Write::set("b", "v")]),
        store.subscribe(Scope::All, Start::After(1)),
        store.subscribe(Scope::All, Start::After(2)),
    );
    batch.unwrap();
    assert_eq!(inside.err(), Some(Error::InsideBatch { asked: 1, before: 0 }));
    assert_eq!(after.unwrap().token().unwrap().revision, 2);
}

pub async fn change_describes_its_write<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut events = store.subscribe(Scope::All, Start::Now).await.unwrap();
    let second = Duration::from_secs(1);
    let item = |text: &str| Value::Item(text.to_owned());
    let list = |text: &str| Value::List(vec![text.to_owned()]);
    let steps = [
        (Write::set("k", "a"), ChangeKind::Set { value: item("a"), expires_at: None }),
        (Write::update("k", "b"), ChangeKind::Updated { value: item("b"), expires_at: None }),
        (Write::persist("k"), ChangeKind::Touched { expires_at: None }),
        (Write::remove("k"), ChangeKind::Removed),
        (Write::push("l", "x"), ChangeKind::Set { value: list("x"), expires_at: None }),
        (
            Write::push("l", "y"),
            ChangeKind::Pushed { end: End::Back, element: "y".into(), length: 2, expires_at: None },
        ),
        (
            Write::push_front("l", "w"),
            ChangeKind::Pushed {
                end: End::Front,
                element: "w".into(),
                length: 3,
                expires_at: None,
            },
        ),
        (Write::pop("l"), ChangeKind::Popped { end: End::Back, length: 2 }),
        (Write::trim("l", 9), ChangeKind::Trimmed { end: End::Back, removed: 0, length: 2 }),
        (Write::trim_front("l", 1), ChangeKind::Trimmed { end: End::Front, removed: 1, length: 1 }),
        (
            Write::push("l", "z"),
            ChangeKind::Pushed { end: End::Back, element: "z".into(), length: 2, expires_at: None },
        ),
        (Write::pop_front("l"), ChangeKind::Popped { end: End::Front, length: 1 }),
    ];
    for (write, kind) in steps {
        let key = write.key().clone();
        let revision = store.write(write).await.unwrap().revision;
        let change = events.change().await;
        assert_eq!((change.revision, change.key, change.kind), (revision, key, kind));
    }
    store.write(Write::expire("l", second)).await.unwrap();
    let touched = events.change().await;
    assert_eq!(touched.kind, ChangeKind::Touched { expires_at: Some(touched.at + second) });
    let expired = events.change().await;
    assert_eq!((&*expired.key, &expired.kind), ("l", &ChangeKind::Expired));
    assert!(expired.at >= touched.at + second);
    store.set("m", "v").await;
    store.clear().await.unwrap();
    events.change().await;
    let cleared = events.change().await;
    assert_eq!((&*cleared.key, cleared.kind), ("", ChangeKind::Cleared { count: 1 }));
}

pub async fn replay_reproduces_the_store<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut events = store.subscribe(Scope::All, Start::After(0)).await.unwrap();
    for n in 0..40 {
        let key = format!("k{}", n % 7);
        let _ = match n % 9 {
            0 | 5 => store.write(Write::set(&key, vec!["v".to_owned()])).await,
            1 | 2 => store.write(Write::push(&key, n.to_string())).await,
            3 => store.write(Write::pop(&key)).await,
            4 => store.write(Write::push_front(&key, n.to_string())).await,
            6 => store.write(Write::update(&key, n.to_string())).await,
            7 => store.write(Write::expire(&key, Duration::from_secs(n))).await,
            _ => store.write(Write::remove(&key)).await,
        };
    }
    let page = store.scan("", None, 100).await.unwrap();
    let mut copy: BTreeMap<Key, Entry<String>> = BTreeMap::new();
    for _ in 0..page.revision {
        let change = events.change().await;
        let before = copy.remove(&change.key);
        copy.extend(Entry::replay(&change, before).map(|entry| (change.key, entry)));
    }
    assert_eq!(copy.into_iter().collect::<Vec<_>>(), page.items);
}

pub async fn snapshot_has_no_token_before_its_end<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("k", "v").await;
    for scope in [Scope::All, Scope::Key("k"), Scope::Prefix("k")] {
        let mut events = store.subscribe(scope, Start::Snapshot).await.unwrap();
        assert_eq!(events.token(), None);
        assert!(matches!(events.next().await.unwrap(), Event::Entry { .. }));
        assert_eq!(events.token(), None);
        let end = events.next().await.unwrap();
        assert_eq!(end.revision(), Some(store.revision().await));
        assert_eq!(events.token().unwrap().revision, store.revision().await);
        let revision = store.set("k", "v").await;
        assert_eq!(events.change().await.revision, revision);
    }
}

pub async fn clear_reaches_every_filter<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("k", "v").await;
    let mut all = store.subscribe(Scope::All, Start::Now).await.unwrap();
    let mut key = store.subscribe(Scope::Key("k"), Start::Now).await.unwrap();
    let mut prefix = store.subscribe(Scope::Prefix("x"), Start::Now).await.unwrap();
    store.clear().await.unwrap();
    let cleared = ChangeKind::Cleared { count: 1 };
    assert_eq!(all.change().await.kind, cleared);
    assert_eq!(key.change().await.kind, cleared);
    assert_eq!(prefix.change().await.kind, cleared);
}

pub async fn filter_selects_changes_of_a_batch<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut key = store.subscribe(Scope::Key("a/1"), Start::Now).await.unwrap();
    let mut prefix = store.subscribe(Scope::Prefix("a/"), Start::Now).await.unwrap();
    let set = |key: &str| Write::set(key, "v");
    store.batch(vec![set("a/1"), set("b"), set("a/2"), set("c")]).await.unwrap();
    let (changes, revision) = key.batch().await;
    assert_eq!((changes.len(), changes[0].revision, revision), (1, 1, 4));
    assert_eq!(key.token().unwrap().revision, 4, "resume after the last change of the batch");
    let (changes, revision) = prefix.batch().await;
    let revisions: Vec<_> = changes.iter().map(|change| change.revision).collect();
    assert_eq!((revisions, revision), (vec![1, 3], 4));
    store.set("a/1", "w").await;
    assert_eq!((key.change().await.revision, prefix.change().await.revision), (5, 5));
}
