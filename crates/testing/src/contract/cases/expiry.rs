//! Expiry and deadlines.

use std::time::Duration;

use futures_util::future::join_all;
use futures_util::join;
use mainspring::{ChangeKind, Error, Event, Store, Write};
use tokio::time::{Instant, advance};

use crate::contract::{Fixture, Scope, Start};

const SECOND: Duration = Duration::from_secs(1);
const CENTURY: Duration = Duration::from_secs(100 * 36_525 * 864);

pub async fn key_is_absent_from_its_deadline_on<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    for (key, write) in [
        ("i", Write::set("i", "v").ttl(SECOND)),
        ("l", Write::push("l", "v").ttl(SECOND)),
        ("f", Write::push_front("f", "v").ttl(SECOND)),
    ] {
        store.write(write).await.unwrap();
        assert!(store.contains(key).await.unwrap());
    }
    advance(SECOND - Duration::from_nanos(1)).await;
    assert!(store.contains("i").await.unwrap() && store.len("l").await == Ok(Some(1)));

    advance(Duration::from_nanos(1)).await;
    assert_eq!(store.get("i").await, Ok(None));
    assert_eq!(store.contains("l").await, Ok(false));
    assert_eq!((store.len("l").await, store.last("l").await), (Ok(None), Ok(None)));
    assert_eq!(store.range("l", 0, 1).await, Ok(None));
    assert_eq!(store.len("i").await, Ok(None), "presence is checked before the kind");
    assert_eq!(store.keys("", None, 10).await.unwrap().items.len(), 0);
    assert_eq!(store.modify("i", |_| {}).await, Err(Error::NotFound));
    for key in ["i", "l", "f"] {
        let writes =
            [Write::update(key, "v"), Write::remove(key), Write::pop(key), Write::persist(key)];
        for write in writes {
            assert_eq!(store.rejection(write).await, Error::NotFound);
        }
    }
}

pub async fn write_to_an_overdue_key_follows_its_expiry<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut changes = store.subscribe(Scope::All, Start::Now).await.unwrap();
    store.write(Write::set("k", "old").ttl(SECOND)).await.unwrap();
    store.write(Write::set("l", "old").ttl(SECOND)).await.unwrap();
    advance(SECOND).await;
    // Both at once, so that the timer cannot fire in between.
    let (set, push) =
        join!(store.write(Write::set("k", "new")), store.write(Write::push("l", "new")));
    let (set, push) = (set.unwrap(), push.unwrap());
    assert_eq!((push.length, store.revision().await), (1, 6));
    let (k, l) = (store.entry("k").await, store.entry("l").await);
    assert_eq!((k.revision, l.revision), (set.revision, push.revision));
    assert_eq!((k.created_at, k.expires_at), (k.updated_at, None));

    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(changes.change().await);
    }
    for (key, revision) in [("k", set.revision), ("l", push.revision)] {
        let mine: Vec<_> = seen.iter().filter(|change| change.key == key).collect();
        assert!(matches!(mine[0].kind, ChangeKind::Set { .. }));
        assert_eq!(mine[1].kind, ChangeKind::Expired);
        assert!(matches!(mine[2].kind, ChangeKind::Set { .. }));
        assert_eq!(mine[2].revision, revision);
    }
}

pub async fn expiry_remains_when_the_write_is_rejected<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut changes = store.subscribe(Scope::All, Start::Now).await.unwrap();
    store.write(Write::set("k", "v").ttl(SECOND)).await.unwrap();
    changes.change().await;
    advance(SECOND).await;
    assert_eq!(store.rejection(Write::update("k", "v")).await, Error::NotFound);
    let expired = changes.change().await;
    assert_eq!((expired.revision, expired.kind), (2, ChangeKind::Expired));
    advance(SECOND).await;
    assert_eq!(store.set("j", "v").await, 3, "it expires once");
}

pub async fn keys_expire_within_10_milliseconds<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut changes = store.subscribe(Scope::Prefix("k"), Start::Now).await.unwrap();
    let ttls = [1, 2, 10, 63, 64, 65, 999, 4_096, 60_000, 3_600_000].map(Duration::from_millis);
    let start = Instant::now();
    for (n, ttl) in ttls.iter().enumerate() {
        store.write(Write::set(format!("k{n}"), "v").ttl(*ttl)).await.unwrap();
        changes.change().await;
    }
    // No command is sent: only the timer expires the keys.
    let mut left = ttls.len();
    while left > 0 {
        let expired = match changes.next().await.unwrap() {
            Event::Change(change) => change,
            other => {
                assert!(matches!(other, Event::Progress { .. }), "{other:?}");
                continue;
            }
        };
        assert_eq!(expired.kind, ChangeKind::Expired);
        let ttl = ttls[expired.key[1..].parse::<usize>().unwrap()];
        let late = start.elapsed().checked_sub(ttl).expect("not before the deadline");
        assert!(late < Duration::from_millis(10), "{late:?} after a ttl of {ttl:?}");
        left -= 1;
    }
}

pub async fn writes_keep_reset_or_remove_the_deadline<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let expires_in = async |key: &str| {
        let entry = store.entry(key).await;
        entry.expires_at.map(|at| at.saturating_since(entry.updated_at))
    };
    let list = || Write::set("l", vec!["v".to_owned()]).ttl(9 * SECOND);
    store.write(list()).await.unwrap();
    assert_eq!(expires_in("l").await, Some(9 * SECOND));
    for keeps in [
        Write::push("l", "v"),
        Write::push_front("l", "v"),
        Write::pop("l"),
        Write::update("l", vec!["v".to_owned()]),
    ] {
        store.write(keeps).await.unwrap();
        assert_eq!(expires_in("l").await, Some(9 * SECOND));
    }
    for moves in [
        Write::push("l", "v").ttl(5 * SECOND),
        Write::update("l", vec!["v".to_owned()]).ttl(5 * SECOND),
        Write::expire("l", 5 * SECOND),
        Write::set("l", vec!["v".to_owned()]).ttl(5 * SECOND),
    ] {
        store.write(list()).await.unwrap();
        store.write(moves).await.unwrap();
        assert_eq!(expires_in("l").await, Some(5 * SECOND));
    }
    for removes in [
        Write::push("l", "v").no_ttl(),
        Write::update("l", vec!["v".to_owned()]).no_ttl(),
        Write::persist("l"),
        Write::set("l", vec!["v".to_owned()]),
        Write::set("l", vec!["v".to_owned()]).no_ttl(),
    ] {
        store.write(list()).await.unwrap();
        store.write(removes).await.unwrap();
        assert_eq!(expires_in("l").await, None);
    }
}

pub async fn ttl_has_limits<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    store.push("l", "v").await;
    let nano = Duration::from_nanos(1);
    for bad in [Duration::ZERO, CENTURY + nano, Duration::MAX] {
        for write in [
            Write::set("l", "v").ttl(bad),
            Write::update("l", "v").ttl(bad),
            Write::push("l", "v").ttl(bad),
            Write::push_front("l", "v").ttl(bad),
            Write::expire("l", bad),
            Write::expire("none", bad),
        ] {
            assert_eq!(store.rejection(write).await, Error::InvalidTtl);
        }
    }
    store.write(Write::expire("l", CENTURY)).await.unwrap();
    let entry = store.entry("l").await;
    assert_eq!(entry.expires_at, Some(entry.updated_at + CENTURY));
    store.write(Write::set("k", "v").ttl(nano)).await.unwrap();
    advance(nano).await;
    assert_eq!(store.get("k").await, Ok(None));
}

pub async fn default_ttl_applies_to_new_keys<F: Fixture>() {
    let builder = Store::builder().default_ttl(9 * SECOND);
    let store = F::start(builder).await;
    let ttl = async |write: Write<String>| {
        let key = write.key().clone();
        store.write(write).await.unwrap();
        let entry = store.entry(&key).await;
        entry.expires_at.map(|at| at.saturating_since(entry.updated_at))
    };
    let default = Some(9 * SECOND);
    assert_eq!(ttl(Write::set("k", "v")).await, default);
    assert_eq!(ttl(Write::push("l", "v")).await, default, "the push creates it");
    assert_eq!(ttl(Write::push_front("m", "v")).await, default);
    assert_eq!(ttl(Write::set("n", "v").no_ttl()).await, None);
    assert_eq!(ttl(Write::push("o", "v").no_ttl()).await, None);
    assert_eq!(ttl(Write::set("p", "v").ttl(SECOND)).await, Some(SECOND));
    assert_eq!(
        ttl(Write::push("o", "v")).await,
        None,
        "a push to an existing list keeps its deadline"
    );
    assert_eq!(ttl(Write::update("n", "v")).await, None, "so does an update");
    assert_eq!(ttl(Write::set("n", "v")).await, default, "a set replaces the entry");
    store.set_many(&[("q", "v")]).await.unwrap()[0].clone().unwrap();
    store.batch(vec![Write::set("r", "v")]).await.unwrap();
    for key in ["q", "r"] {
        let entry = store.entry(key).await;
        assert_eq!(entry.expires_at, Some(entry.updated_at + 9 * SECOND));
    }
}

pub async fn batch_follows_due_expiries<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut changes = store.subscribe(Scope::All, Start::Now).await.unwrap();
    store.write(Write::set("k", "v").ttl(SECOND)).await.unwrap();
    store.write(Write::set("l", "v").ttl(SECOND)).await.unwrap();
    changes.change().await;
    changes.change().await;
    advance(SECOND).await;
    // The timer has not fired: the batch finds them overdue.
    let failed = store.batch(vec![Write::set("k", "w"), Write::update("l", "w")]).await;
    let failed = failed.unwrap_err();
    assert_eq!((failed.index, failed.error), (1, Error::NotFound));
    for _ in 0..2 {
        assert_eq!(changes.change().await.kind, ChangeKind::Expired, "although the batch failed");
    }
    assert_eq!(store.get("k").await, Ok(None), "the batch changed nothing");

    store.write(Write::set("k", "v").ttl(SECOND)).await.unwrap();
    changes.change().await;
    advance(SECOND).await;
    store.batch(vec![Write::set("k", "w"), Write::set("l", "w")]).await.unwrap();
    let expired = changes.change().await;
    assert_eq!((expired.kind, expired.revision), (ChangeKind::Expired, 6));
    let (parts, revision) = changes.batch().await;
    assert_eq!((parts.len(), revision), (2, 8));
}

pub async fn clear_counts_live_keys_only<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut changes = store.subscribe(Scope::All, Start::Now).await.unwrap();
    // The deadline is exact, although the timer is coarser.
    let ttl = Duration::from_nanos(10_000_001);
    store.write(Write::set("k", "v").ttl(ttl)).await.unwrap();
    store.set("l", "v").await;
    advance(ttl).await;
    assert_eq!(store.clear().await, Ok(1));
    let kinds = [
        changes.change().await.kind,
        changes.change().await.kind,
        changes.change().await.kind,
        changes.change().await.kind,
    ];
    assert_eq!(kinds[2..], [ChangeKind::Expired, ChangeKind::Cleared { count: 1 }]);

    store.write(Write::set("k", "v").ttl(ttl)).await.unwrap();
    advance(ttl).await;
    assert_eq!(store.clear().await, Ok(0), "nothing was left");
    assert_eq!(store.revision().await, 6);
}

pub async fn clear_counts_live_keys_only_among_many<F: Fixture>() {
    if !F::IS_ORDERED {
        return;
    }
    let store = F::start(Store::builder()).await;
    for n in 0..3_000 {
        store.write(Write::set(format!("k{n}"), "v").ttl(SECOND)).await.unwrap();
    }
    store.set("live", "v").await;
    advance(SECOND + Duration::from_millis(5)).await;
    // More are due than expire in one turn, and the clear is not the first command of its turn.
    let reads = join_all((0..8).map(|n| store.set(["a", "b"][n % 2], "v")));
    let (_, cleared) = join!(reads, store.clear());
    assert_eq!(cleared, Ok(3));
    assert_eq!(store.revision().await, 3_001 + 8 + 3_000 + 1);
}

pub async fn deadlines_may_be_years_away<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let year = 365 * 24 * 3_600 * SECOND;
    for years in [1, 3, 50, 99] {
        store.write(Write::set(format!("k{years}"), "v").ttl(years * year)).await.unwrap();
    }
    let mut elapsed = 0;
    for (step, left) in [(1, 3), (2, 2), (46, 2), (1, 1), (49, 0)] {
        advance(step * year - Duration::from_millis(1)).await;
        elapsed += step;
        let at = store.keys("k", None, 10).await.unwrap().items.len();
        assert!(at >= left, "after {elapsed} years");
        advance(Duration::from_millis(1)).await;
        assert_eq!(store.keys("k", None, 10).await.unwrap().items.len(), left, "{elapsed} years");
    }
}

pub async fn last_deadline_applies<F: Fixture>() {
    let store = F::start(Store::builder()).await;
    let mut changes = store.subscribe(Scope::All, Start::Now).await.unwrap();
    // Later, earlier, removed, and of a new entry under the same key.
    store.write(Write::set("later", "v").ttl(SECOND)).await.unwrap();
    store.write(Write::expire("later", 5 * SECOND)).await.unwrap();
    store.write(Write::set("earlier", "v").ttl(9 * SECOND)).await.unwrap();
    store.write(Write::expire("earlier", 2 * SECOND)).await.unwrap();
    store.write(Write::set("away", "v").ttl(3 * SECOND)).await.unwrap();
    store.write(Write::persist("away")).await.unwrap();
    store.write(Write::set("gone", "v").ttl(SECOND)).await.unwrap();
    store.write(Write::remove("gone")).await.unwrap();
    store.write(Write::set("gone", "v").ttl(4 * SECOND)).await.unwrap();
    for _ in 0..9 {
        changes.change().await;
    }
    let start = Instant::now();
    for (key, seconds) in [("earlier", 2), ("gone", 4), ("later", 5)] {
        let change = changes.change().await;
        assert_eq!((&*change.key, change.kind), (key, ChangeKind::Expired));
        let late = start.elapsed().checked_sub(seconds * SECOND).expect("not before the deadline");
        assert!(late < Duration::from_millis(10), "{key} {late:?}");
    }
    advance(20 * SECOND).await;
    assert_eq!(store.revision().await, 12);
    assert!(store.contains("away").await.unwrap());
}
