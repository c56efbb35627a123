//! Subscriptions that read the journal, and their failures.

use std::time::Duration;

use mainspring::journal::{Compaction, Journal, JournalError, MemoryJournal, Snapshot};
use mainspring::{Error, Store, Subscription};
use mainspring_testing::collect_changes;
use mainspring_testing::journals::{InterceptedJournal, Interceptor};
use tokio::time::{sleep, timeout};

use crate::journals::{everything, over};

/// A store with a history of two changes.
fn store_with_a_short_history(journal: &MemoryJournal<String>) -> Store<String> {
    Store::builder().history_changes(2).journal(journal.clone()).spawn()
}

async fn write(store: &Store<String>, times: usize) {
    for n in 0..times {
        store.set(format!("k{}", n % 7), n.to_string()).await.unwrap();
    }
}

async fn next(subscription: &mut Subscription<String>) -> Result<u64, Error> {
    subscription.recv().await.map(|event| event.revision().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn unreadable_past_ends_a_subscription() {
    let journal = MemoryJournal::new();
    let store = store_with_a_short_history(&journal);
    write(&store, 20).await;
    let mut subscription = store.subscribe().after(0).await.unwrap();
    let mut later = store.subscribe().after(10).await.unwrap();
    let mut near = store.subscribe().after(18).await.unwrap();
    journal.fail_reads(1);
    let failed = Error::JournalFailed("injected read failure".into());
    assert_eq!(next(&mut subscription).await, Err(failed.clone()));
    assert_eq!(next(&mut subscription).await, Err(failed), "every time");
    assert_eq!((next(&mut later).await, next(&mut near).await), (Ok(11), Ok(19)));
    assert_eq!(store.health(), Ok(()), "the owner is not affected");
}

#[tokio::test(start_paused = true)]
async fn compaction_ends_the_past() {
    let journal = MemoryJournal::new();
    let store = store_with_a_short_history(&journal);
    write(&store, 20).await;
    let mut behind = store.subscribe().after(0).await.unwrap();
    store.compact().await.unwrap();
    sleep(Duration::from_millis(1)).await;
    write(&store, 10).await;
    let compacted = Error::Compacted { oldest: 20 };
    assert_eq!(store.subscribe().after(19).await.err(), Some(compacted.clone()));
    assert_eq!(next(&mut behind).await, Err(compacted));
    let mut subscription = store.subscribe().after(20).await.unwrap();
    for revision in 21..=30 {
        assert_eq!(next(&mut subscription).await, Ok(revision));
    }
    // Changes in the history are delivered although the journal has lost them.
    store.compact().await.unwrap();
    sleep(Duration::from_millis(1)).await;
    let mut subscription = store.subscribe().after(28).await.unwrap();
    assert_eq!((next(&mut subscription).await, next(&mut subscription).await), (Ok(29), Ok(30)));
    let oldest = store.subscribe().after(27).await.err();
    assert_eq!(oldest, Some(Error::Compacted { oldest: 28 }));
}

#[tokio::test(start_paused = true)]
async fn past_outlives_the_store() {
    let journal = MemoryJournal::new();
    let store = store_with_a_short_history(&journal);
    let mut all = store.subscribe().await.unwrap();
    let mut key = store.subscribe().key("k0").await.unwrap();
    write(&store, 1_000).await;
    store.shutdown().await.unwrap();
    let (subscription, end) = collect_changes(&mut all).await;
    assert!(
        subscription.iter().eq(journal.changes().iter()),
        "the same changes from the journal and the history"
    );
    assert_eq!(end, Error::Closed);
    let (subscription, end) = collect_changes(&mut key).await;
    assert!(subscription.iter().eq(journal.changes().iter().filter(|change| change.key == *"k0")));
    assert_eq!(end, Error::Closed);
}

/// After a restart, the past is complete, however few changes the history has.
#[tokio::test(start_paused = true)]
async fn token_from_before_a_restart_can_be_resumed() {
    let journal = MemoryJournal::new();
    let store = store_with_a_short_history(&journal);
    let subscription = store.subscribe().await.unwrap();
    let token = subscription.resume_token().unwrap();
    write(&store, 100).await;
    store.shutdown().await.unwrap();
    let store = store_with_a_short_history(&journal);
    let mut subscription = store.subscribe().after(token).await.unwrap();
    for revision in 1..=100 {
        assert_eq!(next(&mut subscription).await, Ok(revision));
    }
}

/// A journal that does not report the appends of other owners.
struct NoTail;

impl<J: Journal<String>> Interceptor<String, J> for NoTail {
    async fn tail(&mut self, _: &mut J) {
        std::future::pending::<()>().await;
    }
}

/// The log has changes that this store has not applied yet.
#[tokio::test(start_paused = true)]
async fn change_is_not_delivered_before_it_is_published() {
    let journal = MemoryJournal::new();
    let blind = InterceptedJournal::new(journal.clone(), NoTail);
    let (one, two) = (Store::builder().history_changes(2).journal(blind).spawn(), over(&journal));
    write(&one, 10).await;
    write(&two, 10).await;
    assert_eq!((journal.head(), one.revision()), (20, 10));
    let mut subscription = one.subscribe().after(0).await.unwrap();
    for revision in 1..=10 {
        assert_eq!(next(&mut subscription).await, Ok(revision));
    }
    let more = timeout(Duration::from_secs(60), subscription.recv()).await;
    assert!(more.is_err(), "{more:?}");
    assert_eq!(one.set("k", "v").await, Ok(21));
    for revision in 11..=21 {
        assert_eq!(next(&mut subscription).await, Ok(revision));
    }
}

/// The number of changes after which a log is compacted.
const EVERY: u64 = 500;

struct CompactEvery {
    next: u64,
}

impl Interceptor<String, MemoryJournal<String>> for CompactEvery {
    async fn compact(
        &mut self,
        journal: &mut MemoryJournal<String>,
        snapshot: Snapshot<String>,
    ) -> Result<Compaction, JournalError> {
        self.next = journal.head() + EVERY;
        journal.compact(snapshot).await
    }

    fn wants_compaction(&self, journal: &MemoryJournal<String>) -> bool {
        journal.head() >= self.next
    }
}

/// A journal that requests it is compacted automatically, also while writers outrun the history, without losing a
/// change.
#[tokio::test(start_paused = true)]
async fn growing_log_is_compacted() {
    let journal = MemoryJournal::new();
    let compacting = InterceptedJournal::new(journal.clone(), CompactEvery { next: EVERY });
    let store = Store::builder().history_changes(2).journal(compacting).spawn();
    for n in 0..3_000 {
        store.set(format!("k{}", n % 1_000), n.to_string()).await.unwrap();
        if n % 100 == 0 {
            let again = over(&journal.survivor());
            assert_eq!(everything(&again).await, everything(&store).await, "at {n}");
        }
    }
    sleep(Duration::from_millis(50)).await;
    let stats = store.stats().journal;
    assert!((2..=6).contains(&stats.compactions), "{stats:?}");
    assert_eq!((stats.appends, stats.syncs), (3_000, 0));
    assert!(journal.changes().len() <= 1_000, "{}", journal.changes().len());
    assert_eq!(everything(&over(&journal)).await, everything(&store).await);
}
