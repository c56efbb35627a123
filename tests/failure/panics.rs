//! What panics in the caller's own code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mainspring::journal::{Fault, MemoryJournal};
use mainspring::{Error, Gate, Refusal, Store, Write};
use tokio::join;
use tokio::time::timeout;

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

/// The store has stopped, all are told why, and what was there can still be read.
async fn has_failed(store: &Store<Bomb>, cause: &str) {
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
async fn in_a_clone() {
    for journaled in [false, true] {
        let builder = Store::<Bomb>::builder();
        let store =
            if journaled { builder.journal(MemoryJournal::new()).spawn() } else { builder.spawn() };
        store.set("calm", Bomb::new()).await.unwrap();
        let mut told = store.subscribe().key("none").await.unwrap();
        let mut latest = store.latest("calm").await.unwrap();
        let bomb = Bomb::new();
        bomb.on_clone.store(true, Ordering::SeqCst);
        let (first, bad, last) =
            join!(store.get("calm"), store.set("bad", bomb), store.remove("calm"));
        drop(first);
        assert!(failed(&bad.unwrap_err(), "a clone too many"));
        assert!(failed(&last.unwrap_err(), "a clone too many"), "and everybody after it");
        has_failed(&store, "a clone too many").await;
        assert!(failed(&told.recv().await.unwrap_err(), "a clone too many"));
        assert!(failed(&latest.changed().await.unwrap_err(), "a clone too many"));
    }
}

#[tokio::test]
async fn in_a_clone_for_a_reader() {
    let store = Store::<Bomb>::builder().spawn();
    let bomb = Bomb::new();
    store.set("calm", Bomb::new()).await.unwrap();
    store.set("bad", bomb.twin()).await.unwrap();
    bomb.on_clone.store(true, Ordering::SeqCst);
    assert!(failed(&store.get("bad").await.unwrap_err(), "a clone too many"));
    has_failed(&store, "a clone too many").await;
    assert!(store.view().get("bad").is_some(), "no lock was left locked");
}

#[tokio::test]
async fn in_a_drop() {
    let store = Store::<Bomb>::builder().history_changes(1).spawn();
    let bomb = Bomb::new();
    store.set("calm", Bomb::new()).await.unwrap();
    store.set("bad", bomb.twin()).await.unwrap();
    store.set("calm", Bomb::new()).await.unwrap();
    bomb.on_drop.store(true, Ordering::SeqCst);
    assert!(failed(&store.remove("bad").await.unwrap_err(), "a drop too many"));
    has_failed(&store, "a drop too many").await;
}

#[tokio::test]
async fn in_a_drop_behind_a_gate() {
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
    assert!(second.expect("nobody is left waiting").is_err());
    has_failed(&store, "a drop too many").await;
}

#[tokio::test]
async fn in_a_weigher() {
    let weigh = |text: &String| if text == "bad" { panic!("no scales") } else { text.len() };
    let store = Store::<String>::builder().weigher(weigh).max_bytes(100).spawn();
    let refused = |error| matches!(error, Error::Refused(_));
    assert!(refused(store.set("k", "bad").await.unwrap_err()));
    assert!(refused(store.push("l", "bad").await.unwrap_err()));
    let failed = store.batch([Write::set("k", "v"), Write::set("k", "bad")]).await.unwrap_err();
    assert!(failed.index == 1 && refused(failed.error));
    let many = store.set_many([("a", "bad"), ("b", "v")]).await.unwrap();
    assert!(refused(many[0].clone().unwrap_err()) && many[1] == Ok(1));
    assert_eq!(store.set("k", "v").await, Ok(2), "the store goes on");
}

#[tokio::test]
async fn in_a_journal() {
    let journal = MemoryJournal::new();
    let store = Store::<Bomb>::builder().journal(journal.clone()).spawn();
    store.set("calm", Bomb::new()).await.unwrap();
    journal.inject(Fault::Panic);
    let (one, two) = join!(store.set("a", Bomb::new()), store.set("b", Bomb::new()));
    assert!(failed(&one.unwrap_err(), "told to panic"));
    assert!(failed(&two.unwrap_err(), "told to panic"));
    has_failed(&store, "told to panic").await;
}
