//! Futures dropped at every point where they wait: the store stays consistent.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use mainspring::journal::MemoryJournal;
use mainspring::{Entry, Error, Event, Key, Store, Subscription, Value, Write};
use mainspring_testing::{Random, Replica, collect_changes};
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

/// Poll a future a number of times, yielding in between, and drop it if it is not ready by then.
async fn poll_and_drop<F: IntoFuture>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future.into_future());
    for poll in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return Some(output);
        }
        if poll + 1 < polls {
            yield_now().await;
        }
    }
    None
}

async fn entries(store: &Store<String>) -> Vec<(Key, Entry<String>)> {
    store.scan("").await.unwrap().items
}

/// Check that the store still works, and equals the replay of its changes.
async fn is_sound(store: &Store<String>, all: &mut Subscription<String>) {
    let revision = timeout(Duration::from_secs(5), store.set("sound", "v")).await;
    let revision = revision.expect("it answers").unwrap();
    let mut copy = Replica::default();
    while all.resume_token().unwrap().revision < revision {
        copy.apply_event(all.recv().await.unwrap());
    }
    assert_eq!(copy.entries.into_iter().collect::<Vec<_>>(), entries(store).await);
}

fn stores() -> [Store<String>; 3] {
    let small = Store::builder().queue_capacity(1).spawn();
    let journaled = Store::builder().journal(MemoryJournal::new()).spawn();
    [Store::builder().spawn(), small, journaled]
}

#[tokio::test(start_paused = true)]
async fn dropped_write_has_no_effect_before_it_is_queued_and_one_after() {
    for polls in 0..4 {
        for store in stores() {
            store.ready().await.unwrap();
            let mut all = store.subscribe().after(0).await.unwrap();
            store.set("list", vec!["x".to_owned(), "y".to_owned()]).await.unwrap();
            let before = store.revision();
            let mut done = 0;
            done += u64::from(poll_and_drop(store.set("k", "v"), polls).await.is_some());
            done += u64::from(poll_and_drop(store.push("list", "z"), polls).await.is_some());
            done += u64::from(poll_and_drop(store.pop("list"), polls).await.is_some());
            let both = [Write::set("a", "1"), Write::set("b", "2")];
            let batch = poll_and_drop(store.batch(both), polls).await.is_some();
            done += 2 * u64::from(batch);
            let many = store.set_many([("m", "1"), ("n", "2")]);
            done += 2 * u64::from(poll_and_drop(many, polls).await.is_some());
            done += u64::from(
                poll_and_drop(store.update("sound", "w"), polls).await.is_some_and(|u| u.is_ok()),
            );
            drop(poll_and_drop(store.get("k"), polls).await);
            drop(poll_and_drop(store.scan(""), polls).await);
            is_sound(&store, &mut all).await;
            let changes = store.revision() - before - 1;
            assert!(changes >= done && (polls > 0 || changes == 0), "{polls} polls: {changes}");
            let ab = (store.contains("a").await.unwrap(), store.contains("b").await.unwrap());
            assert_eq!(ab.0, ab.1, "a batch is atomic");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_future_stops_waiting_for_room() {
    let store = Store::<String>::builder().queue_capacity(1).spawn();
    let mut all = store.subscribe().after(0).await.unwrap();
    let first = store.set("first", "v").try_send().unwrap();
    {
        let mut waiting: Vec<_> =
            (0..20).map(|n| Box::pin(store.set(format!("k{n}"), "v").into_future())).collect();
        let mut cx = Context::from_waker(Waker::noop());
        assert!(waiting.iter_mut().all(|call| call.as_mut().poll(&mut cx).is_pending()));
        waiting.truncate(10);
        drop(waiting.remove(0));
        drop(waiting);
    }
    assert_eq!(first.await, Ok(1));
    is_sound(&store, &mut all).await;
    assert_eq!(store.keys("k").await.unwrap().items.len(), 0, "no command was queued");
    assert_eq!(store.stats().queued, 0);
    // Room that was freed for a dropped future goes to the next sender.
    let filler = store.set("first", "v").try_send().unwrap();
    let mut gone = Box::pin(store.set("gone", "v").into_future());
    assert!(gone.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let next = tokio::spawn({
        let store = store.clone();
        async move { store.set("next", "v").await }
    });
    yield_now().await;
    filler.await.unwrap();
    drop(gone);
    timeout(Duration::from_secs(1), next).await.expect("it has room").unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropped_modify_has_one_effect_or_none() {
    for polls in 0..8 {
        for store in stores() {
            store.set("n", "0").await.unwrap();
            let mut all = store.subscribe().after(0).await.unwrap();
            let add = |value: &mut Value<String>| {
                let Value::Item(text) = value else { panic!() };
                *text = (text.parse::<u32>().unwrap() + 1).to_string();
            };
            let done = poll_and_drop(store.modify("n", add), polls).await;
            is_sound(&store, &mut all).await;
            let now = store.get("n").await.unwrap().unwrap();
            let n: u64 = now.item().unwrap().parse().unwrap();
            assert!(n <= 1 && (done.is_none() || n == 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_subscription_is_removed() {
    for polls in 0..4 {
        for store in stores() {
            store.ready().await.unwrap();
            for _ in 0..100 {
                drop(poll_and_drop(store.subscribe(), polls).await);
                drop(poll_and_drop(store.subscribe().key("k").from_snapshot(), polls).await);
                drop(poll_and_drop(store.subscribe().prefix("k").from_snapshot(), polls).await);
                drop(poll_and_drop(store.latest("k"), polls).await);
            }
            store.set("k", "v").await.unwrap();
            assert_eq!(store.stats().subscribers, 0);
            let mut subscription = store.subscribe().await.unwrap();
            assert_eq!(store.stats().subscribers, 1);
            store.set("k", "v").await.unwrap();
            assert_eq!(subscription.recv().await.unwrap().revision(), Some(2));
        }
    }
}

/// Each `recv` is dropped after a random number of polls, and called again.
#[tokio::test(start_paused = true)]
async fn dropped_recv_loses_no_event() {
    for store in stores() {
        let mut random = Random::new(11);
        let mut all = store.subscribe().after(0).await.unwrap();
        for n in 0..300 {
            store.set(format!("k{n}"), "v").await.unwrap();
        }
        let mut key = store.subscribe().key("k7").await.unwrap();
        let mut snapshot = store.subscribe().from_snapshot().await.unwrap();
        let mut copy = Replica::default();
        let (mut seen, mut mine) = (Vec::new(), Vec::new());
        for n in 0..2_000 {
            if n % 2 == 0 {
                let key = format!("k{}", random.below(20));
                store.set(key, n.to_string()).await.unwrap();
            }
            if let Some(event) = poll_and_drop(all.recv(), random.below(4)).await {
                seen.push(event.unwrap().revision().unwrap());
            }
            if let Some(Ok(Event::Change(change))) =
                poll_and_drop(key.recv(), random.below(4)).await
            {
                mine.push(change.revision);
            }
            if let Some(event) = poll_and_drop(snapshot.recv(), random.below(4)).await {
                copy.apply_event(event.unwrap());
            }
        }
        let state = entries(&store).await;
        assert_eq!(state.len(), 100);
        let expected = store.scan("").limit(1_000).await.unwrap().items;
        store.shutdown().await.unwrap();
        let (rest, end) = collect_changes(&mut all).await;
        seen.extend(rest.iter().map(|change| change.revision));
        assert_eq!((seen, end), ((1..=1_300).collect(), Error::Closed));
        mine.extend(collect_changes(&mut key).await.0.iter().map(|change| change.revision));
        while let Ok(event) = snapshot.recv().await {
            copy.apply_event(event);
        }
        assert_eq!(copy.entries.into_iter().collect::<Vec<_>>(), expected);
        assert!(mine.is_sorted() && mine.windows(2).all(|two| two[0] < two[1]));
        assert_eq!(
            mine.last(),
            expected.iter().find(|(key, _)| key == "k7").map(|(_, e)| &e.revision)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_changed_loses_no_change() {
    let store = Store::<String>::builder().spawn();
    let mut latest = store.latest("k").await.unwrap();
    let mut random = Random::new(5);
    for n in 0..500 {
        drop(poll_and_drop(latest.changed(), random.below(3)).await);
        store.set("k", n.to_string()).await.unwrap();
        drop(poll_and_drop(store.set("j", "v"), random.below(3)).await);
        let entry =
            timeout(Duration::from_secs(1), latest.changed()).await.expect("it is delivered");
        assert_eq!(entry.unwrap().unwrap().item().unwrap(), &n.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_shutdown_continues_and_can_be_awaited_again() {
    let store = Store::<String>::builder().journal(MemoryJournal::new()).spawn();
    drop(poll_and_drop(store.ready(), 1).await);
    drop(poll_and_drop(store.closed(), 2).await);
    store.set("k", "v").await.unwrap();
    drop(poll_and_drop(store.shutdown(), 1).await);
    sleep(Duration::from_millis(1)).await;
    assert_eq!(timeout(Duration::from_secs(1), store.closed()).await, Ok(Ok(())), "it continues");
    assert_eq!(store.ready().await, Ok(()));
}

/// The command of a dropped reply was sent and takes effect.
#[tokio::test(start_paused = true)]
async fn dropped_reply_does_not_cancel_its_command() {
    for store in stores() {
        store.ready().await.unwrap();
        let mut all = store.subscribe().after(0).await.unwrap();
        for n in 0..30 {
            if let Ok(reply) = store.push("list", n.to_string()).try_send() {
                drop(reply);
            }
            yield_now().await;
        }
        is_sound(&store, &mut all).await;
        assert!(store.len("list").await.unwrap().unwrap() >= 15);
    }
}
