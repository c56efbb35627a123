//! A store runs on the runtime that it was spawned on. Its handles work on any other runtime, and without
//! one. When the runtime of the store is shut down, they get an error.

use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use mainspring::journal::{AppendError, Journal, JournalError, MemoryJournal, Recover};
use mainspring::{Change, Error, Event, Gate, Refusal, Store, StoreId, Write};
use mainspring_testing::journals::{BlockedOpen, InterceptedJournal, Interceptor};
use tokio::runtime::Runtime;
use tokio::task::yield_now;
use tokio::time::timeout;

/// A runtime that runs tasks only inside of `block_on`.
fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

async fn soon<F: IntoFuture>(future: F) -> F::Output {
    timeout(Duration::from_secs(5), future).await.expect("every caller gets a result")
}

fn names_the_runtime(error: &Error) -> bool {
    matches!(error, Error::Failed(cause) if cause.contains("runtime"))
}

/// A gate that never returns.
struct Hung;

impl Gate<String> for Hung {
    async fn admit(&mut self, _: &Write<String>) -> Result<(), Refusal> {
        std::future::pending().await
    }
}

/// Check that all callers that wait for a store, and later ones, get the error with which it has ended.
fn assert_end_is_reported(journal: Option<&MemoryJournal<String>>, cancel: bool) {
    let (home, away) = (runtime(), runtime());
    let store = home.block_on(async {
        let builder = Store::<String>::builder().queue_capacity(3).gate("hung/", Hung);
        match journal {
            Some(journal) => builder.journal(journal.clone()).spawn(),
            None => builder.spawn(),
        }
    });
    let (mut all, mut key, mut prefix, mut latest) = home.block_on(async {
        store.set("k", "v").await.unwrap();
        let mut prefix = store.subscribe().prefix("p").await.unwrap();
        store.set("k", "w").await.unwrap();
        // This subscription skips a change that does not match and then waits, so it creates its timer on this runtime.
        assert!(timeout(Duration::from_millis(1), prefix.recv()).await.is_err());
        let all = store.subscribe().await.unwrap();
        (all, store.subscribe().key("k").await.unwrap(), prefix, store.latest("k").await.unwrap())
    });
    // From here on the owner does not run, unless an append is in progress.
    let gated = store.set("hung/1", "v").try_send().unwrap();
    if let Some(journal) = journal {
        journal.crash();
        let write = store.set("k", "x").try_send().unwrap();
        home.block_on(async {
            while store.stats().queued > 0 {
                yield_now().await;
            }
        });
        drop(write);
    }
    let set = store.set("k", "x").try_send().unwrap();
    let get = store.get("k").try_send().unwrap();
    let clear = store.clear().try_send().unwrap();
    let over = |error: Error| {
        assert!(if cancel { error == Error::Closed } else { names_the_runtime(&error) }, "{error}");
    };
    let handle = store.clone();
    let waiting = away.spawn(async move { handle.set("k", "waits for room").await });
    let handle = store.clone();
    let closed = away.spawn(async move { handle.closed().await });
    let subscription = away.spawn(async move { key.recv().await });
    let changed = away.spawn(async move { latest.changed().await });
    let handle = store.clone();
    let thread = std::thread::spawn(move || handle.get("k").blocking_send());
    away.block_on(async {
        for _ in 0..10 {
            yield_now().await;
        }
    });
    if cancel {
        store.cancel();
    }
    drop(home);
    away.block_on(async {
        over(soon(waiting).await.unwrap().unwrap_err());
        over(soon(subscription).await.unwrap().unwrap_err());
        over(soon(changed).await.unwrap().unwrap_err());
        over(soon(all.recv()).await.unwrap_err());
        over(soon(prefix.recv()).await.unwrap_err());
        over(soon(set).await.unwrap_err());
        over(soon(get).await.unwrap_err());
        over(soon(clear).await.unwrap_err());
        over(soon(gated).await.unwrap_err());
        over(soon(store.set("k", "late")).await.unwrap_err());
        over(soon(store.set("hung/2", "late")).await.unwrap_err());
        over(soon(store.subscribe()).await.unwrap_err());
        let ends =
            [soon(closed).await.unwrap(), soon(store.closed()).await, soon(store.shutdown()).await];
        for end in ends {
            assert_eq!(end.is_ok(), cancel, "a shutdown that had begun is no failure: {end:?}");
            end.err().into_iter().for_each(over);
        }
        assert_eq!(soon(store.ready()).await, Ok(()), "it was");
    });
    over(thread.join().unwrap().unwrap_err());
    assert!(store.is_closed() && store.view().contains("k"), "views stay readable");
}

#[test]
fn end_of_the_runtime_is_reported_to_all() {
    assert_end_is_reported(None, false);
    assert_end_is_reported(Some(&MemoryJournal::new()), false);
}

#[test]
fn end_of_the_runtime_during_a_shutdown_is_reported_as_closed() {
    assert_end_is_reported(None, true);
    assert_end_is_reported(Some(&MemoryJournal::new()), true);
}

#[test]
fn end_of_the_runtime_before_recovery_is_reported() {
    let (home, away) = (runtime(), runtime());
    let _in_it = home.enter();
    let store = Store::<String>::builder()
        .journal(InterceptedJournal::new(MemoryJournal::new(), BlockedOpen::default()))
        .spawn();
    drop(_in_it);
    let handle = store.clone();
    let ready = away.spawn(async move { handle.ready().await });
    away.block_on(yield_now());
    home.block_on(yield_now());
    drop(home);
    away.block_on(async {
        assert!(names_the_runtime(&soon(ready).await.unwrap().unwrap_err()));
        assert!(names_the_runtime(&soon(store.ready()).await.unwrap_err()));
        assert!(names_the_runtime(&soon(store.get("k")).await.unwrap_err()));
    });
}

#[test]
fn thread_without_a_runtime_can_subscribe() {
    let home = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let in_it = home.enter();
    let store = Store::<String>::builder().spawn();
    drop(in_it);
    store.set("k", "v").blocking_send().unwrap();
    let mut all = store.subscribe().blocking_send().unwrap();
    let mut key = store.subscribe().key("k").blocking_send().unwrap();
    let mut snapshot = store.subscribe().prefix("k").from_snapshot().blocking_send().unwrap();
    let mut latest = home.block_on(store.latest("k")).unwrap();
    store.set("k", "w").blocking_send().unwrap();
    // They are read on another runtime.
    home.block_on(async {
        assert_eq!(soon(all.recv()).await.unwrap().revision(), Some(2));
        assert_eq!(soon(key.recv()).await.unwrap().revision(), Some(2));
        assert!(matches!(soon(snapshot.recv()).await.unwrap(), Event::Entry { .. }));
        assert_eq!(soon(latest.changed()).await.unwrap().unwrap().revision, 2);
    });
}

#[test]
fn subscription_is_read_on_a_runtime_without_timers() {
    let home = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .unwrap();
    let in_it = home.enter();
    let store = Store::<String>::builder().spawn();
    drop(in_it);
    let mut changes = store.subscribe().blocking_send().unwrap();
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let event = bare.block_on(async {
        let mut recv = std::pin::pin!(changes.recv());
        let is_waiting =
            std::future::poll_fn(|cx| Poll::Ready(recv.as_mut().poll(cx).is_pending()));
        assert!(is_waiting.await);
        std::thread::spawn(move || store.set("k", "v").blocking_send().unwrap());
        recv.await
    });
    assert_eq!(event.unwrap().revision(), Some(1));
}

/// A journal that one owner at a time can open, and that takes a moment to be released. Panics at the key "panic".
struct Lock {
    locked: Arc<AtomicBool>,
    acquired: bool,
}

impl Drop for Lock {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(30));
        if self.acquired {
            self.locked.store(false, Ordering::SeqCst);
        }
    }
}

impl<J: Journal<String>> Interceptor<String, J> for Lock {
    async fn open(
        &mut self,
        journal: &mut J,
        recover: Recover<'_, String>,
    ) -> Result<StoreId, JournalError> {
        self.acquired = !self.locked.swap(true, Ordering::SeqCst);
        if self.acquired { journal.open(recover).await } else { Err(JournalError::new("locked")) }
    }

    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        let panics = changes.iter().any(|change| *change.key == *"panic");
        assert!(!panics, "the journal panics");
        journal.append(after, changes).await
    }
}

/// There are three ways to end. After each, the next owner can open the journal.
#[test]
fn journal_is_dropped_before_the_end_is_published() {
    let home = || {
        let mut home = tokio::runtime::Builder::new_multi_thread();
        home.worker_threads(1).enable_time().build().unwrap()
    };
    let (journal, locked) = (MemoryJournal::new(), Arc::new(AtomicBool::new(false)));
    let open = |home: &Runtime| {
        let _in_it = home.enter();
        let lock = Lock { locked: Arc::clone(&locked), acquired: false };
        let journal = InterceptedJournal::new(journal.clone(), lock);
        let store = Store::<String>::builder().journal(journal).spawn();
        store.get("k").blocking_send().expect("the journal can be opened");
        store
    };
    let (first, away) = (home(), runtime());
    let store = open(&first);
    away.block_on(soon(store.shutdown())).unwrap();
    let store = open(&first);
    assert!(store.set("panic", "v").blocking_send().is_err());
    away.block_on(soon(store.closed())).unwrap_err();
    let store = open(&first);
    first.shutdown_background();
    away.block_on(soon(store.closed())).unwrap_err();
    let last = home();
    let store = open(&last);
    away.block_on(soon(store.shutdown())).unwrap();
}

/// A thread that drives a runtime must not block. The call panics before the command is sent.
#[tokio::test]
async fn blocking_send_in_a_task_panics_without_effect() {
    let store = Store::<String>::builder().spawn();
    let handle = store.clone();
    let task = tokio::spawn(async move { handle.set("k", "v").blocking_send() });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(store.get("k").await, Ok(None));
    assert_eq!(store.stats().commands, 1, "only the get");
}
