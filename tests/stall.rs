//! Stalled subscribers: they slow down no writer, and lose no change that the history has.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::StreamExt;
use mainspring::{Error, Event, Store, Subscription, Write};
use tokio::time::{Instant, advance, sleep, timeout};

const WRITES: u64 = 100_000;

/// Write a number of times to 100 keys, with many writes per command.
async fn write(store: &Store<u64>, from: u64, count: u64) {
    for first in (from..from + count).step_by(500) {
        let many = (first..first + 500).map(|n| (format!("k{}", n % 100), n));
        assert!(store.set_many(many).await.unwrap().iter().all(Result::is_ok));
    }
}

fn holding(changes: usize) -> Store<u64> {
    Store::builder().history_changes(changes).history_bytes(u64::MAX).spawn()
}

async fn stalled(store: &Store<u64>) -> Vec<Subscription<u64>> {
    let mut all = Vec::new();
    for n in 0..20 {
        all.push(store.subscribe().await.unwrap());
        all.push(store.subscribe().prefix(format!("k{n}")).await.unwrap());
        all.push(store.subscribe().key(format!("k{n}")).await.unwrap());
    }
    all
}

/// The time of some single writes.
async fn round(store: &Store<u64>) -> Duration {
    let start = std::time::Instant::now();
    for n in 0..100 {
        store.set(format!("k{}", n % 100), n).await.unwrap();
    }
    start.elapsed()
}

/// Sixty stalled subscribers, compared with none: the best of many alternating rounds of each, so that noise
/// affects both alike.
#[tokio::test]
async fn stalled_subscribers_do_not_slow_writers() {
    let (alone, watched) = (holding(4_096), holding(4_096));
    let mut first = watched.subscribe().await.unwrap();
    let subscribers = stalled(&watched).await;
    write(&watched, 0, WRITES).await; // they are far behind now
    write(&alone, 0, WRITES).await;
    let (mut with, mut without) = (Duration::MAX, Duration::MAX);
    for _ in 0..200 {
        with = with.min(round(&watched).await);
        without = without.min(round(&alone).await);
    }
    let ratio = with.as_secs_f64() / without.as_secs_f64();
    assert!(ratio < 2.0, "60 subscribers that stand still make writes {ratio:.1} times slower");
    assert!(first.recv().await.is_err());
    drop(subscribers);
}

#[tokio::test]
async fn stalled_subscribers_catch_up_from_a_long_history() {
    let store = holding(WRITES as usize);
    let mut subscribers = stalled(&store).await;
    write(&store, 0, WRITES).await;
    for (n, subscription) in subscribers.iter_mut().enumerate() {
        let (index, kind) = (n as u64 / 3, n % 3);
        let prefix = format!("k{index}");
        let mine = |n: &u64| match kind {
            0 => true,
            1 => format!("k{}", n % 100).starts_with(&prefix),
            _ => n % 100 == index,
        };
        if kind == 0 && index > 2 {
            continue; // all subscribers are alike
        }
        let mut expected = (0..WRITES).filter(mine);
        let mut told_of = 0;
        while let Ok(event) = timeout(Duration::from_millis(20), subscription.recv()).await {
            if let Event::Change(change) = event.unwrap() {
                let n = expected.next().expect("no more events than changes");
                assert_eq!((change.revision, change.elements()), (n + 1, &[n][..]));
                told_of += 1;
            }
            if told_of == WRITES {
                break;
            }
        }
        assert_eq!(expected.next(), None, "subscriber {n} got {told_of}");
    }
    assert!(store.stats().lagged > 0);
}

#[tokio::test]
async fn stalled_subscribers_of_a_short_history_end_with_its_oldest_revision() {
    let store = holding(1_000);
    let mut subscribers = stalled(&store).await;
    let mut stream = store.subscribe().await.unwrap();
    let mut other = store.subscribe().key("none").await.unwrap();
    write(&store, 0, WRITES).await;
    let oldest = store.stats().history_floor;
    assert!((WRITES - 1_500..=WRITES - 1_000).contains(&oldest), "{oldest}");
    let compacted = Error::Compacted { oldest };
    for (n, subscription) in subscribers.iter_mut().enumerate() {
        // The turns in the subscription's own queue are delivered, in order, before the gap.
        let mut last = 0;
        let end = loop {
            match subscription.recv().await {
                Ok(event) => {
                    let revision = event.revision().unwrap();
                    assert!(revision > last && revision < oldest);
                    last = revision;
                }
                Err(error) => break error,
            }
        };
        assert_eq!(end, compacted, "subscriber {n}");
        assert_eq!(subscription.recv().await, Err(compacted.clone()), "every time");
    }
    assert!(matches!(stream.next().await, Some(Err(Error::Compacted { .. }))));
    assert!(stream.next().await.is_none());
    // A subscription can resume after the oldest revision, but not before it.
    let mut subscription = store.subscribe().after(oldest).await.unwrap();
    assert_eq!(subscription.recv().await.unwrap().revision(), Some(oldest + 1));
    let early = store.subscribe().after(oldest - 1).await.err();
    assert_eq!(early, Some(compacted));
    // A subscription without matching changes has missed nothing.
    store.set("none", 1).await.unwrap();
    assert_eq!(other.recv().await.unwrap().revision(), Some(WRITES + 1));
}

/// It has a short queue of its own, and reads the history after that.
#[tokio::test(start_paused = true)]
async fn subscription_to_a_key_reads_the_history_after_its_queue() {
    let store = holding(10_000);
    let mut subscription = store.subscribe().key("k").await.unwrap();
    let mut expected = Vec::new();
    let mut n = 0;
    for round in 0..5 {
        for step in 0..300 {
            let key = if step % 3 == 0 { "k" } else { "other" };
            n += 1;
            assert_eq!(store.set(key, n).await, Ok(n));
            if key == "k" {
                expected.push(n);
            }
        }
        // A batch with one change of the key, when the queue is full.
        store.batch([Write::set("other", 0), Write::set("k", round)]).await.unwrap();
        n += 2;
        expected.push(n);
        let leave = if round == 4 { 0 } else { 30 };
        while expected.len() > leave {
            let event = subscription.recv().await.unwrap();
            if matches!(event, Event::Progress { .. }) {
                continue;
            }
            assert_eq!(event.revision(), Some(expected.remove(0)));
        }
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(start_paused = true)]
async fn subscription_to_a_key_is_not_woken_by_other_keys() {
    let store = holding(4_096);
    let mut subscription = store.subscribe().key("k").await.unwrap();
    let mut latest = store.latest("k").await.unwrap();
    let (first, second) = (Arc::new(Counter::default()), Arc::new(Counter::default()));
    {
        let mut recv = pin!(subscription.recv());
        let mut changed = pin!(latest.changed());
        let (one, two) = (Waker::from(Arc::clone(&first)), Waker::from(Arc::clone(&second)));
        assert!(recv.as_mut().poll(&mut Context::from_waker(&one)).is_pending());
        assert!(changed.as_mut().poll(&mut Context::from_waker(&two)).is_pending());
        for n in 0..1_000 {
            store.set(format!("k{}", n % 9), n).await.unwrap();
            store.batch([Write::set("a", n), Write::push("b", n)]).await.unwrap();
        }
        let wakes = || (first.0.load(Ordering::SeqCst), second.0.load(Ordering::SeqCst));
        assert_eq!(wakes(), (0, 0));
        let revision = store.set("k", 1).await.unwrap();
        assert_eq!(wakes(), (1, 1));
        let subscription = recv.as_mut().poll(&mut Context::from_waker(&one));
        assert!(
            matches!(subscription, Poll::Ready(Ok(Event::Change(change))) if change.revision == revision)
        );
        assert!(changed.as_mut().poll(&mut Context::from_waker(&two)).is_ready());
    }
}

#[tokio::test(start_paused = true)]
async fn progress_follows_many_hidden_changes() {
    let store = holding(4_096);
    let mut subscription = store.subscribe().prefix("mine/").await.unwrap();
    for n in 1..=1_023 {
        store.set("other", n).await.unwrap();
    }
    let soon = Duration::from_millis(1);
    assert!(timeout(soon, subscription.recv()).await.is_err(), "not yet");
    store.set("other", 0).await.unwrap();
    assert_eq!(subscription.recv().await, Ok(Event::Progress { revision: 1_024 }));
    assert_eq!(subscription.resume_token().unwrap().revision, 1_024);
    // Each event resets the count.
    store.set("mine/k", 0).await.unwrap();
    assert_eq!(subscription.recv().await.unwrap().revision(), Some(1_025));
    for n in 0..1_023 {
        store.set("other", n).await.unwrap();
    }
    assert!(timeout(soon, subscription.recv()).await.is_err());
    let many = (0..3_000).map(|n| ("other", n));
    store.set_many(many).await.unwrap();
    let Event::Progress { revision } = subscription.recv().await.unwrap() else { panic!("hidden") };
    assert!((2_049..=5_048).contains(&revision), "as far as it has come: {revision}");
}

#[tokio::test(start_paused = true)]
async fn progress_follows_after_five_seconds() {
    let store = holding(4_096);
    let mut prefix = store.subscribe().prefix("mine/").await.unwrap();
    let mut key = store.subscribe().key("mine/k").await.unwrap();
    let long = Duration::from_secs(60);
    for subscription in [&mut prefix, &mut key] {
        assert!(timeout(long, subscription.recv()).await.is_err(), "no event without a change");
    }
    for round in 1..=3 {
        store.set("other", 0).await.unwrap();
        let start = Instant::now();
        for subscription in [&mut prefix, &mut key] {
            let event = timeout(long, subscription.recv()).await.expect("in time").unwrap();
            assert_eq!(event, Event::Progress { revision: round });
            assert_eq!(subscription.resume_token().unwrap().revision, round);
        }
        assert!(start.elapsed() <= Duration::from_secs(5), "{:?}", start.elapsed());
    }
    // A matching change is delivered at once, and only once.
    store.set("mine/k", 0).await.unwrap();
    for subscription in [&mut prefix, &mut key] {
        assert_eq!(subscription.recv().await.unwrap().revision(), Some(4));
        assert!(timeout(long, subscription.recv()).await.is_err());
    }
    advance(long).await;
    sleep(Duration::from_millis(1)).await;
    store.set("other", 0).await.unwrap();
    store.shutdown().await.unwrap();
    for subscription in [&mut prefix, &mut key] {
        let mut last = subscription.recv().await;
        if last.is_ok() {
            last = subscription.recv().await;
        }
        assert_eq!(last, Err(Error::Closed));
    }
}

#[tokio::test]
async fn subscription_lags_before_its_reply_is_taken() {
    let store = holding(1_000);
    let reply = store.subscribe().try_send().unwrap();
    for n in 0..5 {
        store.set("key", n).await.unwrap();
    }
    assert_eq!(store.stats().max_lag, 5);
    drop(reply);
    assert_eq!(store.stats().max_lag, 0);
}

#[tokio::test]
async fn max_lag_is_that_of_the_slowest_subscription() {
    let store = holding(1_000);
    let set = async |count: u64| {
        for n in 0..count {
            store.set("another", n).await.unwrap();
        }
    };
    assert_eq!(store.stats().max_lag, 0, "there is no subscription");
    set(10).await;
    let mut all = store.subscribe().await.unwrap();
    let mut key = store.subscribe().key("key").await.unwrap();
    let latest = store.latest("key").await.unwrap();
    let _other = store.subscribe().key("other").await.unwrap();
    assert_eq!(store.stats().max_lag, 0, "there was no change since");

    set(490).await;
    store.set("key", 1).await.unwrap(); // 501
    set(99).await;
    assert_eq!(store.stats().max_lag, 590);
    for left in [589, 588] {
        all.recv().await.unwrap();
        assert_eq!(store.stats().max_lag, left);
    }
    drop(all);
    assert_eq!(store.stats().max_lag, 100, "the other has not been subscription of 501");
    assert_eq!(key.recv().await.unwrap().revision(), Some(501));
    assert_eq!(store.stats().max_lag, 0, "the other changes are not of its key");

    let mut resumed = store.subscribe().key("key").after(300).await.unwrap();
    assert_eq!(store.stats().max_lag, 300);
    resumed.recv().await.unwrap();
    assert!(timeout(Duration::from_millis(20), resumed.recv()).await.is_err());
    assert_eq!(store.stats().max_lag, 0);
    for n in 0..100 {
        store.set("key", n).await.unwrap();
    }
    assert_eq!(store.stats().max_lag, 100, "more than its queue holds");
    for _ in 0..100 {
        key.recv().await.unwrap();
        resumed.recv().await.unwrap();
    }
    for subscription in [&mut key, &mut resumed] {
        assert!(timeout(Duration::from_millis(20), subscription.recv()).await.is_err());
    }
    assert_eq!(store.stats().max_lag, 0);
    drop(latest);
}
