//! The end of a store: every command gets one result, and no acknowledged write is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use mainspring::journal::MemoryJournal;
use mainspring::{ChangeKind, Error, Event, Store, Write};
use mainspring_testing::collect_changes;
use mainspring_testing::journals::{InterceptedJournal, SlowAppends};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

const SECOND: Duration = Duration::from_secs(1);

/// Callers that send commands until the store is closed.
async fn assert_one_result_under_load(store: Store<String>) {
    let mut all = store.subscribe().after(0).await.unwrap();
    let stream = tokio::spawn(async move { collect_changes(&mut all).await });
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    let text = format!("{caller}.{n}");
                    let key = format!("k{}", n % 5);
                    let answer = if n % 3 == 0 {
                        let batch = store.batch([Write::push(&key, text.as_str())]).await;
                        batch.map(|parts| parts[0].revision).map_err(|failed| failed.error)
                    } else {
                        store.push(&key, text.as_str()).await.map(|pushed| pushed.revision)
                    };
                    match answer {
                        Ok(revision) => acknowledged.push((revision, text)),
                        Err(error) => {
                            assert_eq!(error, Error::Closed);
                            return acknowledged;
                        }
                    }
                }
                unreachable!()
            })
        })
        .collect();
    while store.revision() < 500 {
        sleep(Duration::from_millis(1)).await;
    }
    store.shutdown().await.unwrap();
    let mut acknowledged = BTreeSet::new();
    for caller in callers {
        let caller = timeout(SECOND, caller).await.expect("every caller gets a result");
        acknowledged.extend(caller.unwrap());
    }
    let (changes, end) = stream.await.unwrap();
    assert_eq!(end, Error::Closed);
    let subscription: BTreeSet<_> =
        changes.iter().map(|change| (change.revision, change.elements()[0].clone())).collect();
    assert!(acknowledged.len() > 100);
    // Acknowledged writes were applied, and rejected ones were not.
    assert_eq!(subscription, acknowledged);
    assert_eq!(subscription.len(), changes.len());
    assert_eq!(store.revision(), changes.len() as u64);
}

fn long() -> mainspring::Builder<String> {
    Store::builder().history_changes(1 << 22).history_bytes(u64::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_under_load_gets_one_result() {
    for _ in 0..8 {
        assert_one_result_under_load(long().spawn()).await;
        assert_one_result_under_load(long().queue_capacity(4).spawn()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_under_load_gets_one_result_with_a_journal() {
    for _ in 0..8 {
        let journal = MemoryJournal::new();
        assert_one_result_under_load(long().journal(journal.clone()).spawn()).await;
        let store = long().journal(journal.clone()).spawn();
        store.ready().await.unwrap();
        assert_eq!(store.revision(), journal.head());
    }
}

#[tokio::test(start_paused = true)]
async fn queued_commands_are_finished() {
    let store = Store::<String>::builder().spawn();
    let queued: Vec<_> =
        (0..1_000).map(|n| store.set(format!("k{n}"), "v").try_send().unwrap()).collect();
    let read = store.get("k999").try_send().unwrap();
    let page = store.keys("k1").try_send().unwrap();
    store.cancel();
    let answers = join_all(queued).await;
    assert!(answers.iter().zip(1..).all(|(answer, revision)| *answer == Ok(revision)));
    assert!(read.await.unwrap().is_some());
    assert_eq!(page.await.unwrap().items.len(), 100);
    store.closed().await.unwrap();
    assert_eq!(store.set("late", "v").await, Err(Error::Closed));
    assert_eq!(store.get("k1").await, Err(Error::Closed));
    assert_eq!(store.clear().await, Err(Error::Closed));
    assert_eq!(store.batch([]).await.unwrap_err().error, Error::Closed);
    assert_eq!(store.subscribe().await.err(), Some(Error::Closed));
    assert_eq!(store.latest("k1").await.err(), Some(Error::Closed));
    assert_eq!(store.modify("k1", |_| {}).await, Err(Error::Closed));
    assert_eq!(*store.set("late", "v").try_send().unwrap_err().error(), Error::Closed);
    assert!(store.is_closed());
    assert_eq!((store.shutdown().await, store.ready().await), (Ok(()), Ok(())));
}

#[tokio::test(start_paused = true)]
async fn commands_left_at_the_deadline_are_closed() {
    let (journal, append) = (MemoryJournal::new(), SECOND);
    let store = Store::<String>::builder()
        .shutdown_deadline(Duration::from_millis(1_500))
        .journal(InterceptedJournal::new(journal.clone(), SlowAppends(append)))
        .spawn();
    store.ready().await.unwrap();
    let queued: Vec<_> =
        (0..1_024).map(|n| store.set(format!("k{n}"), "v").try_send().unwrap()).collect();
    let start = Instant::now();
    let (answers, end) = tokio::join!(join_all(queued), store.shutdown());
    let took = start.elapsed();
    end.unwrap();
    let done = answers.iter().take_while(|answer| answer.is_ok()).count();
    assert!(answers[done..].iter().all(|answer| *answer == Err(Error::Closed)));
    assert_eq!(done as u64, journal.head(), "rejected writes were not recorded");
    assert!(done > 0);
    assert!(took <= Duration::from_millis(2_600), "one append after it at the most: {took:?}");
}

/// The command of a blocked sender is never queued, so its caller gets the error when the queue closes.
#[tokio::test(start_paused = true)]
async fn blocked_sender_gets_closed_before_the_end() {
    let (journal, append) = (MemoryJournal::new(), SECOND);
    let store = Store::<String>::builder()
        .queue_capacity(2)
        .journal(InterceptedJournal::new(journal.clone(), SlowAppends(append)))
        .spawn();
    store.ready().await.unwrap();
    let start = Instant::now();
    let set = |key: &'static str| {
        let store = store.clone();
        tokio::spawn(async move { (store.set(key, "v").await, start.elapsed()) })
    };
    let first = set("first");
    sleep(SECOND / 2).await; // its append is in progress
    let queued = [set("a"), set("b")];
    sleep(SECOND / 10).await;
    let in_line: Vec<_> = (0..5).map(|_| set("late")).collect();
    sleep(SECOND / 10).await;
    let ending = tokio::spawn({
        let store = store.clone();
        async move { store.shutdown().await }
    });
    assert_eq!(first.await.unwrap(), (Ok(1), SECOND));
    for late in in_line {
        assert_eq!(late.await.unwrap(), (Err(Error::Closed), SECOND), "not after another append");
    }
    for (set, revision) in queued.into_iter().zip(2..) {
        assert_eq!(set.await.unwrap(), (Ok(revision), 2 * SECOND), "queued commands are finished");
    }
    ending.await.unwrap().unwrap();
    assert_eq!(journal.head(), 3);
}

/// Cancelled before the owner has taken the commands, or while it processes them.
async fn each_command_is_a_turn(cancel_after: Duration) {
    let (journal, append) = (MemoryJournal::new(), SECOND);
    let store = Store::<String>::builder()
        .shutdown_deadline(Duration::from_millis(1_500))
        .journal(InterceptedJournal::new(journal, SlowAppends(append)))
        .spawn();
    store.ready().await.unwrap();
    let queued: Vec<_> = (0..20)
        .map(|n| {
            let set = store.set(format!("k{n}"), "v").try_send().unwrap();
            (set, store.clear().try_send().unwrap())
        })
        .collect();
    sleep(cancel_after).await;
    let start = Instant::now();
    store.shutdown().await.unwrap();
    let took = start.elapsed();
    assert!(took <= Duration::from_millis(2_600), "{took:?}");
    let mut open = 0;
    for (set, clear) in queued {
        let (set, clear) = (set.await, clear.await);
        open += usize::from(set.is_ok()) + usize::from(clear.is_ok());
        assert!(set.is_ok() || set == Err(Error::Closed));
        assert!(clear.is_ok() || clear == Err(Error::Closed));
    }
    assert!((1..=15).contains(&open), "{open}");
}

#[tokio::test(start_paused = true)]
async fn deadline_holds_when_each_command_is_a_turn() {
    for seconds in [0, 1, 4] {
        each_command_is_a_turn(seconds * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn append_in_progress_is_finished() {
    let (journal, append) = (MemoryJournal::new(), 60 * SECOND);
    let store = Store::<String>::builder()
        .shutdown_deadline(SECOND)
        .journal(InterceptedJournal::new(journal.clone(), SlowAppends(append)))
        .spawn();
    store.ready().await.unwrap();
    let set = store.set("k", "v").try_send().unwrap();
    sleep(SECOND).await; // the append is in progress
    let (set, end) = tokio::join!(set, store.shutdown());
    assert_eq!((set, end, journal.head()), (Ok(1), Ok(()), 1));
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_the_store() {
    let store = Store::<String>::builder().spawn();
    let reader = store.reader();
    let (clone, view) = (store.clone(), store.view());
    let mut subscription = store.subscribe().await.unwrap();
    let mut latest = store.latest("k").await.unwrap();
    let reply = store.set("k", "v").await;
    drop(store);
    assert_eq!(clone.set("k", "w").await, Ok(2));
    drop(clone);
    assert!(reader.get("k").await.unwrap().is_some(), "a reader keeps the store alive");
    drop(reader);
    let (changes, end) =
        timeout(SECOND, collect_changes(&mut subscription)).await.expect("it ends");
    assert_eq!((reply, changes.len(), end), (Ok(1), 2, Error::Closed));
    assert_eq!(latest.changed().await.unwrap().unwrap().item().unwrap(), "w");
    assert_eq!(latest.changed().await, Err(Error::Closed));
    assert_eq!(view.get("k").unwrap().item().unwrap(), "w", "views outlive the store");
    assert_eq!(latest.get().unwrap().revision, 2);
}

#[tokio::test(start_paused = true)]
async fn subscribers_receive_all_changes_before_the_end() {
    let store = Store::<String>::builder().spawn();
    let mut all = store.subscribe().await.unwrap();
    let mut key = store.subscribe().key("k0").await.unwrap();
    let mut prefix = store.subscribe().prefix("k1").await.unwrap();
    let mut late = store.subscribe().from_snapshot().await.unwrap();
    let mut stream = store.subscribe().await.unwrap();
    // More changes than any queue or channel has room for.
    for n in 0..1_000 {
        store.set(format!("k{}", n % 4), n.to_string()).await.unwrap();
    }
    store.shutdown().await.unwrap();
    let (changes, end) = collect_changes(&mut all).await;
    assert_eq!((changes.len(), end), (1_000, Error::Closed));
    assert!(changes.iter().zip(1..).all(|(change, revision)| change.revision == revision));
    for subscription in [&mut key, &mut prefix] {
        let (changes, end) = collect_changes(subscription).await;
        assert_eq!((changes.len(), end), (250, Error::Closed));
        assert_eq!(subscription.recv().await, Err(Error::Closed), "every time");
    }
    let mut entries = 0;
    loop {
        match late.recv().await.unwrap() {
            Event::Entry { .. } => entries += 1,
            Event::SnapshotEnd { revision } => break assert_eq!((entries, revision), (4, 1_000)),
            Event::Change(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(late.recv().await, Err(Error::Closed));
    let mut count = 0;
    while let Some(event) = stream.next().await {
        event.unwrap();
        count += 1;
    }
    assert_eq!(count, 1_000);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn parent_token_stops_the_store_but_not_vice_versa() {
    let parent = CancellationToken::new();
    let make = || Store::<String>::builder().cancel_with(&parent).spawn();
    let (one, two) = (make(), make());
    one.shutdown().await.unwrap();
    assert!(!parent.is_cancelled() && !two.token().is_cancelled());
    two.set("k", "v").await.unwrap();
    parent.cancel();
    timeout(SECOND, two.closed()).await.expect("it ends").unwrap();
    assert!(two.view().contains("k"));
    assert_eq!(make().closed().await, Ok(()), "a store that is cancelled from the start");
}

#[tokio::test(start_paused = true)]
async fn try_send_to_a_full_queue_returns_the_command() {
    let store = Store::<String>::builder().queue_capacity(2).spawn();
    let one = store.set("a", "1").try_send().unwrap();
    let two = store.push("l", "x").try_send().unwrap();
    let busy = store.set("b", "2").if_absent().ttl(SECOND).try_send().unwrap_err();
    assert_eq!(*busy.error(), Error::Busy);
    let read = store.get("a").try_send().unwrap_err();
    assert_eq!(*read.error(), Error::Busy);
    let again = busy.into_command().try_send().unwrap_err();
    assert_eq!((one.await, two.await.unwrap().length), (Ok(1), 1));
    assert_eq!(again.into_command().await, Ok(3));
    assert!(store.get("b").await.unwrap().unwrap().expires_at.is_some(), "with its options");
    assert_eq!(read.into_command().await.unwrap().unwrap().revision, 1);
    // Awaited commands wait for room instead.
    let many = join_all((0..50).map(|n| store.set(format!("m{n}"), "v").into_future())).await;
    assert!(many.iter().all(Result::is_ok));
}

#[test]
fn threads_can_use_blocking_send() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_time().build().unwrap();
    let store = {
        let _in_it = runtime.enter();
        Store::<String>::builder().queue_capacity(2).spawn()
    };
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = store.clone();
            scope.spawn(move || {
                for n in 0..100 {
                    store.push("l", format!("{thread}.{n}")).blocking_send().unwrap();
                    store.get("l").blocking_send().unwrap().unwrap();
                }
            });
        }
    });
    assert_eq!(store.len("l").blocking_send(), Ok(Some(400)));
    assert_eq!(store.remove("none").blocking_send(), Err(Error::NotFound));
    assert_eq!(store.set("", "v").blocking_send(), Err(Error::InvalidKey { length: 0 }));
    runtime.block_on(store.shutdown()).unwrap();
    assert_eq!(store.get("l").blocking_send(), Err(Error::Closed));
}

#[tokio::test(start_paused = true)]
async fn closed_returns_after_all_effects() {
    let store = Store::<String>::builder().spawn();
    let mut subscription = store.subscribe().await.unwrap();
    store.set("k", "v").ttl(SECOND).await.unwrap();
    let clear = store.clear().try_send().unwrap();
    store.cancel();
    assert_eq!(clear.await, Ok(1));
    let (changes, _) = collect_changes(&mut subscription).await;
    assert_eq!(changes.last().unwrap().kind, ChangeKind::Cleared { count: 1 });
}

#[tokio::test(start_paused = true)]
async fn new_commands_are_rejected_after_the_cancellation() {
    let store = Store::<String>::builder().spawn();
    let before = store.set("before", "v").try_send().unwrap();
    store.cancel();
    assert!(store.is_closed());
    let after = store.set("after", "v").into_future();
    assert_eq!((after.await, before.await), (Err(Error::Closed), Ok(1)));
    assert_eq!(store.closed().await, Ok(()));
    assert_eq!(store.view().get("after"), None);
}

#[tokio::test(start_paused = true)]
async fn try_send_to_a_closed_store_returns_the_command() {
    let value = Arc::new(());
    let store = Store::<Arc<()>>::builder().spawn();
    store.ready().await.unwrap();
    store.cancel();
    let refused = store.set("k", Arc::clone(&value)).if_absent().try_send().unwrap_err();
    assert_eq!(*refused.error(), Error::Closed);
    assert_eq!(Arc::strong_count(&value), 2, "with its value");
    store.closed().await.unwrap();
    let again = refused.into_command().try_send().unwrap_err();
    assert_eq!((again.error(), Arc::strong_count(&value)), (&Error::Closed, 2));
    assert_eq!(again.into_command().await, Err(Error::Closed));
    assert_eq!(Arc::strong_count(&value), 1);
}
