//! The turn limit of a journal, and reads in pages.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mainspring::journal::{AppendError, Journal, MemoryJournal, TurnLimit};
use mainspring::{Change, Store};
use mainspring_testing::journals::{InterceptedJournal, Interceptor};
use tokio::task::JoinSet;

use crate::journals::over;

/// A journal with a turn limit. Every append takes a millisecond, and its length is recorded.
struct Limit {
    limit: TurnLimit,
    appends: Arc<Mutex<Vec<usize>>>,
}

impl<J: Journal<String>> Interceptor<String, J> for Limit {
    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.appends.lock().unwrap().push(changes.len());
        journal.append(after, changes).await
    }

    fn turn_limit(&self, _: &J) -> TurnLimit {
        self.limit
    }
}

/// The lengths of the appends of 600 writes of 10 bytes that are sent at the same time.
async fn appends(limit: TurnLimit) -> Vec<usize> {
    let appends = Arc::default();
    let limit = Limit { limit, appends: Arc::clone(&appends) };
    let journal = InterceptedJournal::new(MemoryJournal::new(), limit);
    let store = Store::builder().journal(journal).spawn();
    store.ready().await.unwrap();
    let write = |n: usize| {
        let store = store.clone();
        async move { store.set(format!("k{n:04}"), "value").await.unwrap() }
    };
    (0..600).map(write).collect::<JoinSet<u64>>().join_all().await;
    let lengths = appends.lock().unwrap().clone();
    assert_eq!(lengths.iter().sum::<usize>(), 600);
    store.shutdown().await.unwrap();
    lengths
}

#[tokio::test(start_paused = true)]
async fn turn_has_at_most_the_commands_of_the_limit() {
    let unlimited = u64::MAX;
    assert_eq!(appends(TurnLimit { commands: 600, bytes: unlimited }).await, [600]);
    assert_eq!(appends(TurnLimit { commands: usize::MAX, bytes: unlimited }).await, [600]);
    // 256 commands are taken from the queue at once, or more if the limit is higher.
    let some = [100, 100, 56, 100, 100, 56, 88];
    assert_eq!(appends(TurnLimit { commands: 100, bytes: unlimited }).await, some);
    assert_eq!(appends(TurnLimit { commands: 0, bytes: unlimited }).await, [1; 600]);
    assert_eq!(appends(TurnLimit::default()).await, [256, 256, 88]);
}

#[tokio::test(start_paused = true)]
async fn turn_has_about_the_bytes_of_the_limit() {
    assert_eq!(appends(TurnLimit { commands: 600, bytes: 1_000 }).await, [100; 6]);
    assert_eq!(
        appends(TurnLimit { commands: 600, bytes: 5 }).await,
        [1; 600],
        "a turn has at least one command"
    );
}

#[tokio::test(start_paused = true)]
async fn long_log_is_read_in_pages() {
    let journal = MemoryJournal::new();
    let (first, second) = (over(&journal), over(&journal));
    second.ready().await.unwrap();
    // Batches of three, so that the end of a page falls inside one.
    for n in 0..1_500_u32 {
        let write = |part| mainspring::Write::set(format!("{n}/{part}"), "v");
        first.batch((0..3).map(write)).await.unwrap();
    }
    tokio::time::timeout(Duration::from_secs(5), async {
        while second.revision() < 4_500 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the log is read to its end");
    let mut late = MemoryJournal::clone(&journal);
    let page = Journal::read(&mut late, 0).await.unwrap();
    assert_eq!(page.len(), 1_026, "whole batches of three");
    assert!(page.last().is_some_and(|change| !change.continues()), "whole batches");
    late.tail().await; // there is more
    second.set("after", "v").await.unwrap();
    assert_eq!(second.revision(), 4_501);
}
