//! Snapshots are exact: the events up to `SnapshotEnd` result in the store at its revision, and every
//! later change follows once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mainspring::journal::MemoryJournal;
use mainspring::{Change, ChangeKind, Event, Store, Subscription, Write};
use mainspring_testing::journals::{InterceptedJournal, SlowAppends};
use mainspring_testing::{Random, Replica, collect_changes, send};
use tokio::time::{advance, sleep};

const KEYS: usize = 600;
const WRITERS: u64 = 3;
const STEPS: usize = 1_500;
/// How many changes after the end mark are checked.
const AFTER: usize = 100;

#[derive(Debug, Clone)]
enum Filter {
    All,
    Prefix(&'static str),
    Key(String),
}

impl Filter {
    fn random(random: &mut Random) -> Self {
        match random.below(4) {
            0 | 1 => Self::All,
            2 => Self::Prefix(["a/", "a/1", "b/2"][random.below(3)]),
            _ => Self::Key(key(random)),
        }
    }

    fn matches(&self, change: &Change<String>) -> bool {
        matches!(change.kind, ChangeKind::Cleared { .. })
            || match self {
                Self::All => true,
                Self::Prefix(prefix) => change.key.starts_with(prefix),
                Self::Key(key) => change.key == **key,
            }
    }

    fn of(&self, state: &Replica<String>) -> Replica<String> {
        match self {
            Self::All => state.clone(),
            Self::Prefix(prefix) => state.with_prefix(prefix),
            Self::Key(key) => {
                let mut mine = Replica::default();
                mine.entries.extend(
                    state.entries.get_key_value(&**key).map(|(k, e)| (k.clone(), e.clone())),
                );
                mine
            }
        }
    }
}

/// A snapshot as it was delivered.
struct DeliveredSnapshot {
    filter: Filter,
    end: u64,
    copy: Replica<String>,
    after: Vec<Change<String>>,
}

fn key(random: &mut Random) -> String {
    let n = random.below(KEYS);
    format!("{}/{n}", ["a", "b", "c"][n % 3])
}

fn write(random: &mut Random) -> Write<String> {
    let key = key(random);
    let text = random.below(1_000).to_string();
    match random.below(12) {
        0..=2 => Write::set(key, text),
        3 => Write::set(key, vec![text.clone(), text]),
        4 => Write::set(key, text).ttl(Duration::from_micros(1 + random.below(6_000) as u64)),
        5 => Write::update(key, text),
        6 | 7 => Write::push(key, text),
        8 => Write::pop_front(key),
        9 => Write::pop(key),
        10 => Write::remove(key),
        _ => Write::persist(key),
    }
}

async fn hammer(store: Store<String>, seed: u64) {
    let mut random = Random::new(seed);
    for step in 0..STEPS {
        match random.below(40) {
            0..=3 => {
                let parts =
                    (0..1 + random.below(5)).map(|_| write(&mut random)).collect::<Vec<_>>();
                drop(store.batch(parts).await);
            }
            4 => {
                let many = (0..10).map(|_| (key(&mut random), "many")).collect::<Vec<_>>();
                drop(store.set_many(many).await);
            }
            5 if step % 8 == 0 => drop(store.clear().await),
            _ => drop(send(&store, write(&mut random)).await),
        }
    }
}

async fn snapshot(store: &Store<String>, filter: Filter) -> DeliveredSnapshot {
    let subscribe = store.subscribe().from_snapshot();
    let mut subscription = match &filter {
        Filter::All => subscribe.await,
        Filter::Prefix(prefix) => subscribe.prefix(*prefix).await,
        Filter::Key(key) => subscribe.key(key).await,
    }
    .unwrap();
    let mut copy = Replica::default();
    let end = loop {
        match subscription.recv().await.unwrap() {
            Event::SnapshotEnd { revision } => break revision,
            event => drop(copy.apply_event(event)),
        }
    };
    let after = next_changes(&mut subscription, AFTER).await;
    DeliveredSnapshot { filter, end, copy, after }
}

/// The changes that arrive soon.
async fn next_changes(
    subscription: &mut Subscription<String>,
    count: usize,
) -> Vec<Change<String>> {
    let mut changes = Vec::new();
    while changes.len() < count {
        match tokio::time::timeout(Duration::from_millis(20), subscription.recv()).await {
            Ok(Ok(Event::Change(change))) => changes.push(change),
            Ok(Ok(Event::Batch { changes: parts, .. })) => changes.extend(parts),
            Ok(Ok(_)) => {}
            Ok(Err(_)) | Err(_) => break,
        }
    }
    changes
}

/// Replay the log once, and compare each snapshot at its revision.
fn check(log: &[Change<String>], mut snapshots: Vec<DeliveredSnapshot>) {
    assert!(log.iter().zip(1..).all(|(change, revision)| change.revision == revision));
    snapshots.sort_by_key(|subscription| subscription.end);
    let mut state = Replica::default();
    let mut at = 0;
    for subscription in snapshots {
        for change in &log[at..subscription.end as usize] {
            state.apply(change);
        }
        at = subscription.end as usize;
        let later = || log[at..].iter().filter(|change| subscription.filter.matches(change));
        let expected = subscription.filter.of(&state);
        if subscription.copy != expected {
            // A single overdue key is absent already, and its next change is its expiry.
            assert!(
                matches!(subscription.filter, Filter::Key(_)),
                "{:?} at {at}",
                subscription.filter
            );
            assert!(subscription.copy.entries.is_empty(), "{:?} at {at}", subscription.filter);
            assert_eq!(later().next().map(|next| &next.kind), Some(&ChangeKind::Expired));
        }
        for (change, expected) in subscription.after.iter().zip(later()) {
            assert_eq!(change, expected, "{:?} after {at}", subscription.filter);
        }
        assert!(subscription.after.len() <= later().count());
    }
}

async fn round(store: Store<String>, seed: u64) {
    let mut all = store.subscribe().after(0).await.unwrap();
    let log = tokio::spawn(async move { collect_changes(&mut all).await.0 });
    for n in 0..KEYS {
        store.set(format!("{}/{n}", ["a", "b", "c"][n % 3]), "start").await.unwrap();
    }
    let writing = Arc::new(AtomicBool::new(true));
    let watchers: Vec<_> = (0..3)
        .map(|watcher| {
            let (store, writing) = (store.clone(), Arc::clone(&writing));
            let mut random = Random::new(seed * 100 + watcher);
            tokio::spawn(async move {
                let mut subscription = Vec::new();
                while writing.load(Ordering::Relaxed) {
                    subscription.push(snapshot(&store, Filter::random(&mut random)).await);
                }
                subscription
            })
        })
        .collect();
    let writers: Vec<_> =
        (0..WRITERS).map(|n| tokio::spawn(hammer(store.clone(), seed * 10 + n))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    writing.store(false, Ordering::Relaxed);
    let mut snapshots = Vec::new();
    for watcher in watchers {
        snapshots.extend(watcher.await.unwrap());
    }
    snapshots.push(snapshot(&store, Filter::All).await);
    assert!(snapshots.len() > 5, "{} snapshots", snapshots.len());
    store.shutdown().await.unwrap();
    check(&log.await.unwrap(), snapshots);
}

fn long_history_store() -> mainspring::Builder<String> {
    Store::builder().history_changes(1 << 20).history_bytes(u64::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_exact_under_load() {
    for seed in 1..=8 {
        round(long_history_store().spawn(), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_exact_with_a_journal() {
    for seed in 1..=4 {
        round(long_history_store().journal(MemoryJournal::new()).spawn(), seed).await;
    }
}

/// The walk has many slices if there are more keys than a slice of each shard.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshot_of_a_large_store_is_complete() {
    let store = long_history_store().spawn();
    for chunk in 0..40 {
        let many = (0..1_000).map(|n| (format!("k{}", chunk * 1_000 + n), "start"));
        store.set_many(many).await.unwrap();
    }
    let writer = store.clone();
    let writer = tokio::spawn(async move {
        let mut random = Random::new(7);
        for _ in 0..4_000 {
            let key = format!("k{}", random.below(41_000));
            let write =
                if random.below(2) == 0 { Write::remove(key) } else { Write::set(key, "new") };
            drop(send(&writer, write).await);
        }
    });
    let subscription = snapshot(&store, Filter::All).await;
    writer.await.unwrap();
    let mut all = store.subscribe().after(0).await.unwrap();
    store.shutdown().await.unwrap();
    let (log, _) = collect_changes(&mut all).await;
    check(&log, vec![subscription]);
}

/// A reader that is slow between the entries of its snapshot.
#[tokio::test]
async fn snapshot_with_a_slow_reader_is_exact() {
    let store = long_history_store().spawn();
    let mut random = Random::new(3);
    for _ in 0..3_000 {
        drop(send(&store, write(&mut random)).await);
    }
    let mut subscription = store.subscribe().from_snapshot().await.unwrap();
    let mut copy = Replica::default();
    let end = loop {
        match subscription.recv().await.unwrap() {
            Event::SnapshotEnd { revision } => break revision,
            event => drop(copy.apply_event(event)),
        }
        for _ in 0..random.below(6) {
            drop(send(&store, write(&mut random)).await);
        }
        if random.below(150) == 0 {
            store.clear().await.unwrap();
        }
    };
    let mut all = store.subscribe().after(0).await.unwrap();
    store.shutdown().await.unwrap();
    let (log, _) = collect_changes(&mut all).await;
    let (after, _) = collect_changes(&mut subscription).await;
    check(&log, vec![DeliveredSnapshot { filter: Filter::All, end, copy, after }]);
}

/// The deadline passes while the change that removes it is being appended.
#[tokio::test(start_paused = true)]
async fn key_whose_deadline_moves_in_time_is_in_the_snapshot() {
    let (journal, append) = (MemoryJournal::new(), Duration::from_millis(50));
    let store = Store::<String>::builder()
        .journal(InterceptedJournal::new(journal, SlowAppends(append)))
        .spawn();
    store.set("k", "v").ttl(Duration::from_secs(1)).await.unwrap();
    let mut subscription = store.subscribe().from_snapshot().await.unwrap();
    sleep(Duration::from_millis(930)).await;
    let saved = store.persist("k").try_send().unwrap();
    sleep(Duration::from_millis(40)).await;
    let mut copy = Replica::default();
    while copy.apply_event(subscription.recv().await.unwrap()).is_none() {}
    assert_eq!(saved.await, Ok(2));
    while subscription.resume_token().unwrap().revision < 2 {
        copy.apply_event(subscription.recv().await.unwrap());
    }
    assert_eq!(copy.entries.get("k"), store.get("k").await.unwrap().as_ref());
    assert!(copy.entries.contains_key("k"));
}

/// The log continues with the expiry of a key, so the snapshot before it must have that key.
#[tokio::test(start_paused = true)]
async fn compaction_with_an_overdue_key_is_recovered() {
    let journal = MemoryJournal::new();
    let store = Store::<String>::builder().journal(journal.clone()).spawn();
    let ttl = Duration::from_nanos(10_000_001);
    store.set("k", "v").ttl(ttl).await.unwrap();
    store.set("live", "v").await.unwrap();
    advance(ttl).await;
    store.compact().await.unwrap();
    sleep(Duration::from_millis(100)).await;
    store.set("later", "v").await.unwrap();
    store.shutdown().await.unwrap();

    let again = Store::<String>::builder().journal(journal.survivor()).spawn();
    again.ready().await.unwrap();
    assert_eq!(again.keys("").await.unwrap().items, ["later", "live"]);
    assert_eq!(again.revision(), store.revision());
}
