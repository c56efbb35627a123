//! Lists of bounded length: `trim`, and pushes that trim.

use std::time::Duration;

use mainspring::{ChangeKind, End, Error, Event, Gate, Refusal, Store, Trimmed, Value, Write};

#[tokio::test]
async fn push_keeps_the_last_elements_in_one_batch() {
    let store = Store::<u32>::builder().spawn();
    let mut changes = store.subscribe().await.unwrap();
    for n in 0..5 {
        let pushed = store.push("l", n).keep_last(3).await.unwrap();
        assert_eq!(
            (pushed.revision, pushed.length),
            (2 * (u64::from(n) + 1), 3.min(n as usize + 1))
        );
        assert_eq!(store.get("l").await.unwrap().unwrap().revision, pushed.revision);
        let Event::Batch { changes, revision } = changes.recv().await.unwrap() else { panic!() };
        assert_eq!((changes.len(), revision), (2, pushed.revision), "both are one event");
        let removed = usize::from(n >= 3);
        let trimmed = ChangeKind::Trimmed { end: End::Back, removed, length: pushed.length };
        assert_eq!(changes[1].kind, trimmed);
    }
    assert_eq!(store.range("l", 0, 9).await, Ok(Some(vec![2, 3, 4])));
    let token = changes.resume_token().unwrap();
    assert!(store.subscribe().after(token).await.is_ok(), "it is a position to resume from");
}

#[tokio::test]
async fn push_to_the_front_keeps_the_first_elements() {
    let store = Store::<u32>::builder().spawn();
    for n in 0..5 {
        store.push_front("l", n).keep_first(2).await.unwrap();
    }
    assert_eq!(store.range("l", 0, 9).await, Ok(Some(vec![4, 3])));
}

#[tokio::test]
async fn trimmed_push_keeps_the_options_of_the_push() {
    let store = Store::<u32>::builder().spawn();
    let absent = store.push("l", 1).if_present().keep_last(1).await;
    assert_eq!(absent, Err(Error::ConditionFailed { current: None }));
    assert_eq!(store.contains("l").await, Ok(false), "both are applied, or neither");
    let ttl = Duration::from_secs(60);
    let pushed = store.push("l", 1).if_absent().ttl(ttl).keep_last(1).await.unwrap();
    let entry = store.get("l").await.unwrap().unwrap();
    assert_eq!(entry.expires_at, Some(entry.created_at + ttl));
    let next = store.push("l", 2).if_revision(pushed.revision).keep_last(1).await.unwrap();
    assert_eq!(next.length, 1);
    store.set("item", 1).await.unwrap();
    assert_eq!(store.push("item", 1).keep_last(1).await, Err(Error::WrongKind));
    let sent = store.push("l", 3).keep_last(1).try_send().unwrap();
    assert_eq!(sent.await.unwrap().length, 1);
}

#[tokio::test]
async fn gate_admits_a_trim_but_no_trimmed_push() {
    struct Shorter(usize);
    impl Gate<u32> for Shorter {
        async fn admit(&mut self, write: &Write<u32>) -> Result<(), Refusal> {
            match write.action() {
                mainspring::Action::Trim { keep, .. } if *keep < self.0 => Err("too short".into()),
                _ => Ok(()),
            }
        }
    }
    let store = Store::<u32>::builder().gate("gated/", Shorter(2)).spawn();
    store.set("gated/l", vec![1, 2, 3]).await.unwrap();
    let trimmed = store.trim("gated/l", 2).await.unwrap();
    assert_eq!(trimmed, Trimmed { revision: 2, length: 2, removed: 1 });
    let refused = store.trim("gated/l", 1).await;
    assert_eq!(refused, Err(Error::Refused(Refusal::new("too short"))));
    let pushed = store.push("gated/l", 4).keep_last(2).await;
    assert!(matches!(pushed, Err(Error::Refused(_))), "{pushed:?}");
    assert_eq!(store.range("gated/l", 0, 9).await, Ok(Some(vec![2, 3])));
}

#[tokio::test]
async fn elements_that_cannot_be_weighed_are_removed() {
    let armed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_armed = std::sync::Arc::clone(&armed);
    let weigh = move |n: &u32| {
        assert!(*n != 7 || !is_armed.load(std::sync::atomic::Ordering::SeqCst), "no scales");
        10
    };
    let store = Store::<u32>::builder().weigher(weigh).max_bytes(100).spawn();
    store.set("l", vec![1, 7, 2, 3]).await.unwrap();
    assert_eq!(store.stats().bytes, 41);
    armed.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(store.trim("l", 1).await.unwrap().removed, 3);
    assert_eq!(store.get("l").await.unwrap().unwrap().value, Value::List(vec![3]));
    store.contains("l").await.unwrap(); // the counters are those of the previous turn
    assert_eq!(
        store.stats().bytes,
        21,
        "only the bytes of elements that cannot be weighed are not freed"
    );
}
