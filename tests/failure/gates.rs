//! Gates that reject, hang and panic.

use std::future::IntoFuture;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mainspring::journal::{Fault, MemoryJournal};
use mainspring::{Action, Error, Event, Gate, GateOptions, Key, Refusal, Store, Value, Write};
use mainspring_testing::send;
use tokio::join;
use tokio::time::{Instant, sleep, timeout};

/// Rejects `no`, panics at `panic`, never returns for `hang`, takes a second for `slow`, and records
/// the writes that it has seen.
#[derive(Clone, Default)]
struct Rule {
    seen: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Rule {
    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Gate<String> for Rule {
    async fn admit(&mut self, write: &Write<String>) -> Result<(), Refusal> {
        let Action::Set(Value::Item(text)) = write.action() else { return Ok(()) };
        self.seen.lock().unwrap().push(text.clone());
        match text.as_str() {
            "no" => Err(Refusal::new("because")),
            "panic" => panic!("the rule broke"),
            "hang" => std::future::pending().await,
            "slow" => {
                sleep(Duration::from_secs(1)).await;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn refused(reason: &str) -> Error {
    Error::Refused(Refusal::new(reason))
}

#[tokio::test(start_paused = true)]
async fn rejection_reaches_only_its_caller() {
    let store = Store::<String>::builder().gate("g/", Rule::default()).spawn();
    let mut subscription = store.subscribe().await.unwrap();
    let (yes, no, also, other) = join!(
        store.set("g/1", "yes"),
        store.set("g/2", "no"),
        store.set("g/3", "yes"),
        store.set("h/4", "no"),
    );
    assert_eq!(no, Err(refused("because")));
    assert!(yes.is_ok() && also.is_ok() && other.is_ok());
    let broken = store.set("g/1", "panic").await.unwrap_err();
    assert!(broken.to_string().contains("the rule broke"), "{broken}");
    assert!(store.set("g/1", "yes").await.is_ok(), "the gate continues");
    let mut keys = Vec::new();
    for _ in 0..4 {
        let Event::Change(change) = subscription.recv().await.unwrap() else { panic!() };
        keys.push(change.key);
    }
    assert!(!keys.contains(&Key::from("g/2")));
}

#[tokio::test(start_paused = true)]
async fn hung_gate_delays_no_other_key() {
    let options = GateOptions::default().timeout(Duration::from_secs(2));
    let store = Store::<String>::builder()
        .gate_with("hung/", Rule::default(), options)
        .gate("fine/", Rule::default())
        .spawn();
    let start = Instant::now();
    let hung = store.set("hung/1", "hang").try_send().unwrap();
    assert!(store.set("k", "v").await.is_ok());
    assert!(store.set("fine/1", "v").await.is_ok());
    assert!(store.get("hung/1").await.unwrap().is_none(), "reads pass");
    assert_eq!(start.elapsed(), Duration::ZERO);
    let late = hung.await.unwrap_err();
    assert_eq!(late, refused("the gate did not answer in time"));
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(store.set("hung/1", "yes").await.is_ok(), "the next write is admitted");
}

#[tokio::test(start_paused = true)]
async fn timeout_includes_time_in_the_queue() {
    let options = GateOptions::default().timeout(Duration::from_millis(2_500)).queue(8);
    let store = Store::<String>::builder().gate_with("g/", Rule::default(), options).spawn();
    let writes = (0..4).map(|n| store.set(format!("g/{n}"), "slow").try_send().unwrap());
    let answers = join_all(writes.collect::<Vec<_>>()).await;
    let fine: Vec<_> = answers.iter().map(Result::is_ok).collect();
    assert_eq!(fine, [true, true, false, false], "a second each, and two and a half in all");
}

#[tokio::test(start_paused = true)]
async fn queue_of_a_gate_is_bounded() {
    let options = GateOptions::default().queue(1);
    let rule = Rule::default();
    let store = Store::<String>::builder().gate_with("g/", rule.clone(), options).spawn();
    let first = store.set("g/1", "slow").try_send().unwrap();
    let busy = store.set("g/2", "yes").try_send().unwrap_err();
    assert_eq!(*busy.error(), Error::Busy);
    assert!(store.set("k", "v").try_send().is_ok(), "the store's own queue has room");
    let (first, second) = join!(first, busy.into_command());
    assert!(first.unwrap() < second.unwrap());
    assert_eq!(rule.seen(), ["slow", "yes"]);
}

#[tokio::test(start_paused = true)]
async fn gated_writes_take_no_conditions_and_no_batch() {
    let rule = Rule::default();
    let store = Store::<String>::builder().gate("g/", rule.clone()).spawn();
    store.set("g/k", "v").await.unwrap();
    for write in [
        Write::set("g/k", "w").if_absent(),
        Write::set("g/k", "w").if_present(),
        Write::update("g/k", "w").if_revision(1),
        Write::remove("g/none").if_present(),
        Write::set(format!("g/{}", "x".repeat(2_000)), "w").if_absent(),
    ] {
        assert!(
            matches!(send(&store, write).await, Err(Error::Refused(_))),
            "the gate is checked first"
        );
    }
    assert!(matches!(store.modify("g/k", |_| {}).await, Err(Error::Refused(_))));
    let failed = store.batch([Write::set("k", "v"), Write::set("g/k", "w")]).await.unwrap_err();
    assert!(failed.index == 1 && matches!(failed.error, Error::Refused(_)));
    let many = store.set_many([("g/k", "w"), ("k", "v")]).await.unwrap();
    assert!(matches!(many[0], Err(Error::Refused(_))) && many[1].is_ok());
    assert_eq!(rule.seen(), ["v"]);
    assert_eq!(
        store.update("g/none", "w").await,
        Err(Error::NotFound),
        "the owner is checked next"
    );
    assert!(matches!(store.set("g/", "w").ttl(Duration::ZERO).await, Err(Error::InvalidTtl)));
    assert_eq!(store.clear().await, Ok(2), "a clear passes no gate");
}

#[tokio::test(start_paused = true)]
async fn longest_prefix_applies() {
    let (outer, inner) = (Rule::default(), Rule::default());
    let store =
        Store::<String>::builder().gate("a/", outer.clone()).gate("a/b/", inner.clone()).spawn();
    store.set("a/1", "outer").await.unwrap();
    store.set("a/b/1", "inner").await.unwrap();
    store.set("a", "none").await.unwrap();
    assert_eq!((outer.seen(), inner.seen()), (vec!["outer".into()], vec!["inner".into()]));
}

#[tokio::test(start_paused = true)]
async fn gated_writes_keep_their_order() {
    let store = Store::<String>::builder().gate("g/", Rule::default()).spawn();
    let writes = (0..60).map(|n| store.push("g/list", n.to_string()).try_send().unwrap());
    let pushed = join_all(writes.collect::<Vec<_>>()).await;
    let revisions: Vec<_> = pushed.into_iter().map(|pushed| pushed.unwrap().revision).collect();
    assert!(revisions.is_sorted());
    let list = store.range("g/list", 0, 100).await.unwrap().unwrap();
    assert_eq!(list, (0..60).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn shutdown_finishes_the_queue_of_a_gate() {
    let store = Store::<String>::builder().gate("g/", Rule::default()).spawn();
    let writes: Vec<_> =
        (0..3).map(|n| store.set(format!("g/{n}"), "slow").try_send().unwrap()).collect();
    let hung = store.set("g/3", "hang").try_send().unwrap();
    let start = Instant::now();
    let (answers, hung, end) = join!(join_all(writes), hung, store.shutdown());
    assert!(answers.iter().all(Result::is_ok) && end.is_ok());
    assert!(hung.is_err());
    assert!(start.elapsed() <= Duration::from_millis(5_010), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn write_of_a_dropped_caller_does_not_reach_the_gate() {
    let rule = Rule::default();
    let store = Store::<String>::builder().gate("g/", rule.clone()).spawn();
    let first = store.set("g/1", "slow").try_send().unwrap();
    drop(store.set("g/2", "left").try_send().unwrap());
    first.await.unwrap();
    store.set("g/3", "yes").await.unwrap();
    assert_eq!(rule.seen(), ["slow", "yes"]);
    assert_eq!(store.keys("g/").await.unwrap().items, ["g/1", "g/3"]);
}

#[tokio::test(start_paused = true)]
async fn limits_apply_behind_a_gate() {
    let store = Store::<String>::builder().max_entries(1).gate("g/", Rule::default()).spawn();
    store.set("g/1", "yes").await.unwrap();
    let full = Error::OverLimit { what: "entries", limit: 1 };
    assert_eq!(store.set("g/2", "yes").await, Err(full));
    assert_eq!(store.set("g/2", "no").await, Err(refused("because")), "the gate is checked first");
}

/// Panics before it returns a future, or while the future is dropped, and admits all other writes.
struct Broken;

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("broken in its drop");
    }
}

impl Gate<String> for Broken {
    fn admit(&mut self, write: &Write<String>) -> impl Future<Output = Result<(), Refusal>> + Send {
        let Action::Set(Value::Item(text)) = write.action() else { panic!("broken at once") };
        let guard = (text == "hang").then(|| PanicsInDrop);
        async move {
            if guard.is_some() {
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn panic_anywhere_in_a_gate_rejects_one_write() {
    let options = GateOptions::default().timeout(Duration::from_secs(1));
    let store = Store::<String>::builder().gate_with("g/", Broken, options).spawn();
    let soon = Duration::from_secs(10);
    for _ in 0..2 {
        let pushed = timeout(soon, store.push("g/1", "v").into_future()).await.expect("answered");
        let refused = pushed.unwrap_err();
        assert_eq!(refused, refused_by_panic("broken at once"));
        assert!(store.set("g/1", "yes").await.is_ok(), "the gate continues");
        let hung = timeout(soon, store.set("g/1", "hang").into_future()).await.expect("answered");
        assert_eq!(hung, Err(refused_by_panic("broken in its drop")));
        assert!(store.set("g/1", "yes").await.is_ok(), "the gate continues");
    }
    assert_eq!(store.shutdown().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn panic_of_a_gate_aborted_by_a_shutdown_is_ignored() {
    let store = Store::<String>::builder()
        .gate("g/", Broken)
        .shutdown_deadline(Duration::from_secs(1))
        .spawn();
    let hung = store.set("g/1", "hang").try_send().unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await; // the gate has received the write
    assert_eq!(store.shutdown().await, Ok(()));
    assert_eq!(hung.await, Err(Error::Closed));
}

fn refused_by_panic(message: &str) -> Error {
    refused(&format!("the gate panicked: {message}"))
}

#[tokio::test(start_paused = true)]
async fn write_past_its_timeout_does_not_reach_the_gate() {
    let options = GateOptions::default().timeout(Duration::from_secs(2));
    let rule = Rule::default();
    let store = Store::<String>::builder().gate_with("g/", rule.clone(), options).spawn();
    let start = Instant::now();
    let hung = store.set("g/1", "hang").try_send().unwrap();
    let late: Vec<_> =
        (0..10).map(|n| store.set(format!("g/{n}"), "late").try_send().unwrap()).collect();
    let late_refusal = Err(refused("the gate did not answer in time"));
    assert_eq!(hung.await, late_refusal);
    assert!(join_all(late).await.iter().all(|answer| *answer == late_refusal));
    assert_eq!((rule.seen(), start.elapsed()), (vec!["hang".into()], Duration::from_secs(2)));
    assert!(store.set("g/1", "yes").await.is_ok());
    assert_eq!(rule.seen(), ["hang", "yes"]);
}

#[tokio::test(start_paused = true)]
async fn failed_store_passes_no_write_to_its_gates() {
    let (rule, journal) = (Rule::default(), MemoryJournal::new());
    let store =
        Store::<String>::builder().gate("g/", rule.clone()).journal(journal.clone()).spawn();
    let first = store.set("g/1", "slow").try_send().unwrap();
    let queued: Vec<_> =
        (2..6).map(|n| store.set(format!("g/{n}"), "queued").try_send().unwrap()).collect();
    sleep(Duration::from_millis(500)).await;
    journal.inject(Fault::Panic);
    let failed = store.set("k", "v").await.unwrap_err();
    assert!(matches!(failed, Error::Failed(_)));
    assert_eq!(first.await, Err(failed.clone()));
    assert!(join_all(queued).await.iter().all(|answer| *answer == Err(failed.clone())));
    assert_eq!(store.set("g/7", "late").await, Err(failed));
    sleep(Duration::from_secs(10)).await;
    assert_eq!(rule.seen(), ["slow"]);
}
