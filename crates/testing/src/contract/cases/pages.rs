//! Sorted pages of keys and entries.

use std::time::Duration;

use mainspring::{Backend, Key, Store, Write};
use tokio::time::advance;

use crate::contract::{Fixture, TestStore};

async fn all(store: &TestStore<impl Backend<String>>, prefix: &str, limit: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let page = store.keys(prefix, after.as_deref(), limit).await.unwrap();
        assert!(page.items.len() <= limit);
        assert!(page.next.is_none() || page.items.len() == limit, "only the last page is short");
        found.extend(page.items.iter().map(ToString::to_string));
        after = page.next;
        if after.is_none() {
            return found;
        }
    }
}

pub async fn pages_are_sorted_and_complete<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut keys: Vec<String> = (0..500).map(|n| format!("{:x}/{n}", n * 7 % 31)).collect();
    keys.extend(["é", "z", "Z", "a", "aa", "~"].map(str::to_owned));
    for key in &keys {
        store.set(key, "v").await;
    }
    keys.sort_unstable();
    for limit in [1, 7, 100, 506, 1_000] {
        assert_eq!(all(&store, "", limit).await, keys, "{limit} at a time");
    }
    let under: Vec<_> = keys.iter().filter(|key| key.starts_with("1")).cloned().collect();
    assert_eq!(all(&store, "1", 3).await, under);
    assert_eq!(all(&store, "none", 3).await, Vec::<String>::new());
    assert_eq!(
        all(&store, "a", 1).await,
        keys.iter().filter(|k| k.starts_with('a')).cloned().collect::<Vec<_>>()
    );
}

pub async fn page_limit_is_at_least_one<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    for key in ["a", "b", "c"] {
        store.set(key, "v").await;
    }
    let page = store.keys("", None, 0).await.unwrap();
    assert_eq!((page.items.len(), page.next.as_deref()), (1, Some("a")), "at least one");
    let page = store.keys("", None, 3).await.unwrap();
    assert_eq!((page.items.len(), page.next, page.revision), (3, None, 3));
    let page = store.keys("", None, usize::MAX).await.unwrap();
    assert_eq!(page.items.len(), 3);
}

pub async fn page_starts_after_any_key<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    for key in ["a/1", "a/2", "b/1", "b/3", "c"] {
        store.set(key, "v").await;
    }
    for (prefix, after, found) in [
        ("b/", "a/2", &["b/1", "b/3"][..]),
        ("b/", "b/2", &["b/3"]),
        ("b/", "b/3", &[]),
        ("b/", "c", &[]),
        ("", "b", &["b/1", "b/3", "c"]),
        ("a/", "", &["a/1", "a/2"]),
    ] {
        let page = store.keys(prefix, Some(after), 10).await.unwrap();
        assert_eq!(page.items, found, "{prefix} after {after}");
    }
    store.write(Write::remove("b/1")).await.unwrap();
    let page = store.keys("b/", Some("b/1"), 10).await.unwrap();
    assert_eq!(page.items, ["b/3"], "the key need not exist");
}

pub async fn page_omits_overdue_keys<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let ttl = Duration::from_nanos(5_000_001);
    for (n, key) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let write = Write::set(key, "v");
        store.write(if n % 2 == 0 { write } else { write.ttl(ttl) }).await.unwrap();
    }
    assert_eq!(store.keys("", None, 9).await.unwrap().items.len(), 4);
    advance(ttl).await;
    assert_eq!(store.keys("", None, 9).await.unwrap().items, ["a", "c"]);
    let page = store.keys("", Some("a"), 1).await.unwrap();
    assert_eq!(
        (page.items, page.next),
        (vec!["c".into()], None),
        "the keys that follow are overdue"
    );
}

pub async fn page_reflects_every_change<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.set("a", "v").await;
    assert_eq!(all(&store, "", 9).await, ["a"]);
    store.push("b", "v").await;
    store.batch(vec![Write::set("c", "v"), Write::remove("a")]).await.unwrap();
    store.set_many(&[("d", "v")]).await.unwrap()[0].clone().unwrap();
    assert_eq!(all(&store, "", 9).await, ["b", "c", "d"]);
    store.clear().await.unwrap();
    assert_eq!(all(&store, "", 9).await, Vec::<String>::new());
    store.set("e", "v").await;
    assert_eq!(all(&store, "", 9).await, ["e"]);
}

pub async fn scan_returns_keys_and_entries<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.write(Write::set("k", "v").ttl(Duration::from_secs(9))).await.unwrap();
    store.push_many("l", &["a", "b"]).await.unwrap();
    let page = store.scan("", None, 10).await.unwrap();
    let expected = vec![("k".into(), store.entry("k").await), ("l".into(), store.entry("l").await)];
    assert_eq!((page.items, page.next, page.revision), (expected, None, 3));
    let page = store.scan("", None, 1).await.unwrap();
    assert_eq!((page.items[0].0.as_str(), page.next.as_deref()), ("k", Some("k")));
}
