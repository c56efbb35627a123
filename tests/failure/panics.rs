//! Panics in code of the user, and what that code may do.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use mainspring::journal::{Fault, MemoryJournal};
use mainspring::{Error, Gate, Refusal, Store, View, Write};
use tokio::join;
use tokio::time::{sleep, timeout};

/// Panics on demand.
#[derive(Debug)]
struct Bomb {
    on_clone: Arc<AtomicBool>,
    on_drop: Arc<AtomicBool>,
}

impl Bomb {
    fn new() -> Self {
        let on_clone = Arc::new(AtomicBool::new(false));
        Self { on_clone, on_drop: Arc::new(AtomicBool::new(false)) }
    }

    fn twin(&self) -> Self {
        Self { on_clone: Arc::clone(&self.on_clone), on_drop: Arc::clone(&self.on_drop) }
    }
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        assert!(!self.on_clone.swap(false, Ordering::SeqCst), "a clone too many");
        self.twin()
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        let armed = self.on_drop.swap(false, Ordering::SeqCst);
        assert!(!armed || std::thread::panicking(), "a drop too many");
    }
}

fn failed(error: &Error, cause: &str) -> bool {
    matches!(error, Error::Failed(why) if why.contains(cause))
}

/// Check that the store has stopped, that all callers get the cause, and that views stay readable.
async fn assert_failed(store: &Store<Bomb>, cause: &str) {
    let closed = timeout(Duration::from_secs(2), store.closed()).await.expect("it ends");
    assert!(failed(&closed.unwrap_err(), cause));
    assert!(store.is_closed());
    assert!(failed(&store.get("calm").await.unwrap_err(), cause));
    assert!(failed(&store.set("new", Bomb::new()).await.unwrap_err(), cause));
    let refused = store.remove("calm").try_send().unwrap_err();
    assert!(failed(refused.error(), cause));
    assert!(failed(&store.shutdown().await.unwrap_err(), cause));
    assert!(store.view().contains("calm"), "views stay readable");
    assert!(store.view().get("calm").is_some());
}

#[tokio::test]
async fn panic_in_clone_fails_the_store() {
    for journaled in [false, true] {
        let builder = Store::<Bomb>::builder();
        let store =
            if journaled { builder.journal(MemoryJournal::new()).spawn() } else { builder.spawn() };
        store.set("calm", Bomb::new()).await.unwrap();
        let mut subscription = store.subscribe().key("none").await.unwrap();
        let mut latest = store.latest("calm").await.unwrap();
        let bomb = Bomb::new();
        bomb.on_clone.store(true, Ordering::SeqCst);
        let (first, bad, last) =
            join!(store.get("calm"), store.set("bad", bomb), store.remove("calm"));
        drop(first);
        assert!(failed(&bad.unwrap_err(), "a clone too many"));
        assert!(failed(&last.unwrap_err(), "a clone too many"), "and every later command");
        assert_failed(&store, "a clone too many").await;
        assert!(failed(&subscription.recv().await.unwrap_err(), "a clone too many"));
        assert!(failed(&latest.changed().await.unwrap_err(), "a clone too many"));
    }
}

#[tokio::test]
async fn panic_in_clone_for_a_reader_fails_the_store() {
    let store = Store::<Bomb>::builder().spawn();
    let bomb = Bomb::new();
    store.set("calm", Bomb::new()).await.unwrap();
    store.set("bad", bomb.twin()).await.unwrap();
    bomb.on_clone.store(true, Ordering::SeqCst);
    assert!(failed(&store.get("bad").await.unwrap_err(), "a clone too many"));
    assert_failed(&store, "a clone too many").await;
    assert!(store.view().get("bad").is_some(), "no lock is held after the panic");
}

#[tokio::test]
async fn panic_in_drop_fails_the_store() {
    let store = Store::<Bomb>::builder().history_changes(1).spawn();
    let bomb = Bomb::new();
    store.set("calm", Bomb::new()).await.unwrap();
    store.set("bad", bomb.twin()).await.unwrap();
    store.set("calm", Bomb::new()).await.unwrap();
    bomb.on_drop.store(true, Ordering::SeqCst);
    assert!(failed(&store.remove("bad").await.unwrap_err(), "a drop too many"));
    assert_failed(&store, "a drop too many").await;
}

#[tokio::test]
async fn panic_in_drop_after_an_append_fails_the_store() {
    let journal = MemoryJournal::new();
    let store = Store::<Bomb>::builder().journal(journal.clone()).spawn();
    store.set("calm", Bomb::new()).await.unwrap();
    let mut changes = store.subscribe().await.unwrap();
    let bomb = Bomb::new();
    bomb.on_drop.store(true, Ordering::SeqCst);
    let (first, second) = join!(store.set("a", bomb), store.set("b", Bomb::new()));
    assert_eq!(first, Ok(2));
    assert!(failed(&second.unwrap_err(), "a drop too many"));
    assert_eq!(journal.head(), 3);
    for revision in 2..=3 {
        let event = changes.recv().await.unwrap();
        assert_eq!(event.revision(), Some(revision), "recorded changes are published");
    }
    assert!(store.view().contains("b"));
    assert_failed(&store, "a drop too many").await;
}

#[tokio::test]
async fn panic_in_drop_behind_a_gate_fails_the_store() {
    struct No;
    impl Gate<Bomb> for No {
        async fn admit(&mut self, _: &Write<Bomb>) -> Result<(), Refusal> {
            Err(Refusal::new("no"))
        }
    }
    let store = Store::<Bomb>::builder().gate("gated/", No).spawn();
    store.set("calm", Bomb::new()).await.unwrap();
    let bomb = Bomb::new();
    bomb.on_drop.store(true, Ordering::SeqCst);
    let (first, second) = join!(
        store.set("gated/a", bomb),
        timeout(Duration::from_secs(2), async { store.set("gated/b", Bomb::new()).await })
    );
    assert!(first.is_err());
    assert!(second.expect("every caller gets a result").is_err());
    assert_failed(&store, "a drop too many").await;
}

#[tokio::test]
async fn panic_in_a_weigher_rejects_the_write() {
    let weigh = |text: &String| if text == "bad" { panic!("no scales") } else { text.len() };
    let store = Store::<String>::builder().weigher(weigh).max_bytes(100).spawn();
    let refused = |error| matches!(error, Error::Refused(_));
    assert!(refused(store.set("k", "bad").await.unwrap_err()));
    assert!(refused(store.push("l", "bad").await.unwrap_err()));
    let failed = store.batch([Write::set("k", "v"), Write::set("k", "bad")]).await.unwrap_err();
    assert!(failed.index == 1 && refused(failed.error));
    let many = store.set_many([("a", "bad"), ("b", "v")]).await.unwrap();
    assert!(refused(many[0].clone().unwrap_err()) && many[1] == Ok(1));
    assert_eq!(store.set("k", "v").await, Ok(2), "the store continues");
}

#[tokio::test]
async fn panic_in_a_journal_fails_the_store() {
    let journal = MemoryJournal::new();
    let store = Store::<Bomb>::builder().journal(journal.clone()).spawn();
    store.set("calm", Bomb::new()).await.unwrap();
    journal.inject(Fault::Panic);
    let (one, two) = join!(store.set("a", Bomb::new()), store.set("b", Bomb::new()));
    assert!(failed(&one.unwrap_err(), "injected panic"));
    assert!(failed(&two.unwrap_err(), "injected panic"));
    assert_failed(&store, "injected panic").await;
}

/// Panics when it is cloned, if it is bad; its drop is slow.
struct Heavy {
    bad: bool,
}

impl Clone for Heavy {
    fn clone(&self) -> Self {
        assert!(!self.bad, "too heavy to be cloned");
        Self { bad: false }
    }
}

impl Drop for Heavy {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The reply of a blocked thread is dropped well before the cause is known.
#[test]
fn blocked_thread_gets_the_cause() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let store = runtime.block_on(async { Store::<Heavy>::builder().spawn() });
    let handle = store.clone();
    let thread = std::thread::spawn(move || handle.set("k", Heavy { bad: true }).blocking_send());
    while store.stats().queued == 0 {
        std::thread::yield_now();
    }
    let more: Vec<_> =
        (0..10).map(|_| store.set("k", Heavy { bad: false }).try_send().unwrap()).collect();
    runtime.block_on(async {
        assert!(failed(&store.closed().await.unwrap_err(), "too heavy"));
        for reply in more {
            assert!(failed(&reply.await.unwrap_err(), "too heavy"));
        }
    });
    assert!(failed(&thread.join().unwrap().unwrap_err(), "too heavy"));
}

/// Reads its own key in the store when it is dropped.
#[derive(Clone)]
struct Curious {
    view: Arc<OnceLock<View<Curious>>>,
    looks: Arc<AtomicUsize>,
}

impl Drop for Curious {
    fn drop(&mut self) {
        if let Some(view) = self.view.get() {
            let _ = (view.contains("k"), view.len("k"), view.entries());
            self.looks.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn drop_everywhere(store: Store<Curious>, value: Curious) {
    assert!(value.view.set(store.view()).is_ok());
    let soon = Duration::from_millis(1);
    store.set("k", value.clone()).await.unwrap();
    store.set("k", value.clone()).await.unwrap();
    store.update("k", value.clone()).await.unwrap();
    store.remove("k").await.unwrap();
    store.set("k", vec![value.clone(), value.clone(), value.clone()]).await.unwrap();
    drop(store.pop("k").await.unwrap());
    drop(store.pop("k").try_send().unwrap());
    store.batch([Write::set("k", value.clone()), Write::remove("k")]).await.unwrap();
    // Expired by the timer, by a write, and in a clear.
    store.set("k", value.clone()).ttl(soon).await.unwrap();
    while store.stats().expired < 1 {
        sleep(soon).await;
    }
    store.set("k", value.clone()).ttl(soon).await.unwrap();
    std::thread::sleep(2 * soon);
    store.set("k", value.clone()).ttl(soon).await.unwrap();
    std::thread::sleep(2 * soon);
    store.clear().await.unwrap();
    // By a write that is processed before the timer, which is coarser.
    for _ in 0..10 {
        store.set("k", value.clone()).ttl(Duration::from_nanos(1)).await.unwrap();
    }
    store.set("k", value.clone()).await.unwrap();
    assert_eq!(store.clear().await, Ok(1));
    store.set("k", value.clone()).if_absent().await.unwrap();
    store.set("k", value.clone()).if_absent().await.unwrap_err();
    store.shutdown().await.unwrap();
}

/// A lock held while a value is dropped would deadlock.
#[test]
fn drop_of_a_value_can_read_the_store() {
    for journaled in [false, true] {
        let (done, is_done) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_time().build().unwrap();
            let looks = Arc::new(AtomicUsize::new(0));
            let value = Curious { view: Arc::default(), looks: Arc::clone(&looks) };
            runtime.block_on(async {
                let builder = Store::<Curious>::builder().history_changes(1);
                let store = if journaled {
                    builder.journal(MemoryJournal::new()).spawn()
                } else {
                    builder.spawn()
                };
                drop_everywhere(store, value).await;
            });
            done.send(looks.load(Ordering::SeqCst)).unwrap();
        });
        let looks =
            is_done.recv_timeout(Duration::from_secs(10)).expect("no lock is held during the drop");
        assert!(looks >= 10, "{looks}");
    }
}
