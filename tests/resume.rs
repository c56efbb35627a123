//! Subscriptions that are read fast and slowly, dropped and resumed by their token, while writers
//! run: together, the events of each are the changes that match its filter, once and in order.

use std::time::Duration;

use mainspring::journal::MemoryJournal;
use mainspring::{Change, ChangeKind, Error, Event, ResumeToken, Store, Subscription, Write};
use mainspring_testing::{Random, collect_changes, send};

#[derive(Debug, Clone, Copy)]
enum Filter {
    All,
    Prefix(&'static str),
    Key(&'static str),
}

impl Filter {
    fn matches(self, change: &Change<u64>) -> bool {
        matches!(change.kind, ChangeKind::Cleared { .. })
            || match self {
                Self::All => true,
                Self::Prefix(prefix) => change.key.starts_with(prefix),
                Self::Key(key) => change.key == key,
            }
    }

    async fn after(
        self,
        store: &Store<u64>,
        token: ResumeToken,
    ) -> Result<Subscription<u64>, Error> {
        let subscribe = store.subscribe().after(token);
        match self {
            Self::All => subscribe.await,
            Self::Prefix(prefix) => subscribe.prefix(prefix).await,
            Self::Key(key) => subscribe.key(key).await,
        }
    }
}

async fn writer(store: Store<u64>, seed: u64) {
    let mut random = Random::new(seed);
    for step in 0..3_000 {
        let key = format!("{}{}", ["a", "b"][random.below(2)], random.below(8));
        match random.below(12) {
            0 => {
                let other = format!("b{}", random.below(8));
                drop(store.batch([Write::set(key, step), Write::set(other, step)]).await);
            }
            1 => drop(store.set_many((0..5).map(|n| (format!("a{n}"), step))).await),
            2 if step % 20 == 0 => drop(store.clear().await),
            3 => {
                let ttl = Duration::from_micros(1 + random.below(3_000) as u64);
                drop(store.set(key, step).ttl(ttl).await);
            }
            4 => drop(store.remove(key).await),
            _ => drop(send(&store, Write::set(key, step)).await),
        }
    }
}

/// Read to the end, with pauses and new subscriptions.
async fn reader(store: Store<u64>, filter: Filter, seed: u64) -> Vec<Change<u64>> {
    let mut random = Random::new(seed);
    let mut token = ResumeToken { store: store.id(), revision: 0 };
    let mut seen = Vec::new();
    let mut subscription = filter.after(&store, token).await.unwrap();
    loop {
        match subscription.recv().await {
            Ok(Event::Change(change)) => seen.push(change),
            Ok(Event::Batch { changes, revision }) => {
                assert!(changes.last().is_some_and(|last| last.revision <= revision));
                seen.extend(changes);
            }
            Ok(Event::Progress { revision }) => assert!(revision > token.revision),
            Err(Error::Closed) => return seen,
            other => panic!("{other:?}"),
        }
        token = subscription.resume_token().unwrap();
        match random.below(400) {
            0 => tokio::time::sleep(Duration::from_millis(random.below(30) as u64)).await,
            1..=4 => match filter.after(&store, token).await {
                Ok(resumed) => subscription = resumed,
                Err(Error::Closed) => {}
                Err(error) => panic!("{token}: {error}"),
            },
            _ => {}
        }
    }
}

async fn round(store: Store<u64>, seed: u64) {
    store.ready().await.unwrap();
    let filters = [
        Filter::All,
        Filter::All,
        Filter::Prefix("a"),
        Filter::Prefix("b1"),
        Filter::Key("a1"),
        Filter::Key("b7"),
        Filter::Key("none"),
    ];
    let readers: Vec<_> = filters
        .iter()
        .zip(seed * 100..)
        .map(|(filter, seed)| (*filter, tokio::spawn(reader(store.clone(), *filter, seed))))
        .collect();
    let writers: Vec<_> =
        (0..3).map(|n| tokio::spawn(writer(store.clone(), seed * 10 + n))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut all = store.subscribe().after(0).await.unwrap();
    store.shutdown().await.unwrap();
    let (log, _) = collect_changes(&mut all).await;
    assert!(log.iter().zip(1..).all(|(change, revision)| change.revision == revision));
    for (filter, reader) in readers {
        let seen = reader.await.unwrap();
        let expected: Vec<_> = log.iter().filter(|change| filter.matches(change)).collect();
        let numbers = |changes: &[&Change<u64>]| -> Vec<u64> {
            changes.iter().map(|change| change.revision).collect()
        };
        assert_eq!(numbers(&seen.iter().collect::<Vec<_>>()), numbers(&expected), "{filter:?}");
        assert!(seen.iter().eq(expected), "{filter:?}");
    }
}

fn long_history_store() -> mainspring::Builder<u64> {
    Store::builder().history_changes(1 << 20).history_bytes(u64::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumed_streams_have_no_gap() {
    for seed in 1..=5 {
        round(long_history_store().spawn(), seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resumed_streams_with_a_journal_have_no_gap() {
    for seed in 6..=8 {
        round(long_history_store().journal(MemoryJournal::new()).spawn(), seed).await;
    }
}

/// A token can be resumed after the store was restarted over its journal.
#[tokio::test(start_paused = true)]
async fn token_is_valid_after_a_restart() {
    let journal = MemoryJournal::new();
    let start = || long_history_store().journal(journal.clone()).spawn();
    let store = start();
    let mut subscription = store.subscribe().await.unwrap();
    store.set("k", 1).await.unwrap();
    store.batch([Write::set("k", 2), Write::set("j", 2)]).await.unwrap();
    store.set("k", 3).await.unwrap();
    subscription.recv().await.unwrap();
    let token = subscription.resume_token().unwrap();
    store.shutdown().await.unwrap();
    let store = start();
    let mut subscription = store.subscribe().after(token).await.unwrap();
    assert!(matches!(subscription.recv().await.unwrap(), Event::Batch { revision: 3, .. }));
    assert_eq!(subscription.recv().await.unwrap().revision(), Some(4));
    let inside = store.subscribe().after(2).await.err();
    assert_eq!(inside, Some(Error::InsideBatch { asked: 2, before: 1 }));
    // The log then begins at its snapshot, and so do the changes that can be delivered.
    store.compact().await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    store.set("k", 5).await.unwrap();
    store.shutdown().await.unwrap();
    let store = start();
    assert_eq!(store.subscribe().after(token).await.err(), Some(Error::Compacted { oldest: 4 }));
    let mut subscription = store.subscribe().after(4).await.unwrap();
    assert_eq!(subscription.recv().await.unwrap().revision(), Some(5));
}
