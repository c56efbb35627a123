//! Which types are `Send`, `Sync`, `Unpin`, `Clone` and `Debug`, and under which conditions.
//!
//! Like tokio's `async_send_sync.rs`: these tests only have to compile.

#![allow(dead_code, reason = "the tests only have to compile")]

use std::fmt::Debug;
use std::future::IntoFuture;
use std::marker::PhantomData;

use mainspring::journal::{
    AppendError, CompactionReport, Fault, Journal, JournalError, JournalStats, MemoryJournal,
    Meter, NoJournal, Past, Recovered,
};
use mainspring::{
    Action, BatchError, Builder, Call, Change, ChangeKind, Condition, End, Entry, Error, Event,
    Gate, GateOptions, InvalidResumeToken, Key, Latest, Page, Pending, PendingPut, PendingScan,
    PendingSubscribe, PendingWrite, Popped, Position, Pushed, Reader, Refusal, Reply, ResumeToken,
    Stats, Store, StoreId, Subscription, Timestamp, TrySendError, Ttl, Value, View, Write, Written,
};

/// Meets only the bounds of a store: no `Debug`, no `Eq`, no `Default`, no serde traits.
#[derive(Clone)]
struct Bare;

/// Not even `Clone`.
struct Rigid;

/// Not `Unpin`, and expensive to clone.
#[derive(Clone)]
struct Pinned(std::marker::PhantomPinned);

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn clone<T: Clone>() {}
fn copy<T: Copy>() {}
fn debug<T: Debug>() {}
fn forever<T: 'static>() {}
fn error<T: std::error::Error + Send + Sync + 'static>() {}
fn send_value<T: Send>(_: T) {}
fn sync_value<T: Sync>(_: &T) {}
fn debug_value<T: Debug>(_: &T) {}

macro_rules! all {
    (@ [$($bound:ident)+] $type:ty) => { $($bound::<$type>();)+ };
    ($bounds:tt $($type:ty),+ $(,)?) => { $(all!(@ $bounds $type);)+ };
}

fn handles_are_send_and_sync() {
    all!([send sync unpin clone debug forever]
        Store<Bare>, Reader<Bare>, View<Bare>, Store<Pinned>, Reader<Pinned>, View<Pinned>,
        Store<Rigid>, Reader<Rigid>, View<Rigid>, MemoryJournal<Bare>, MemoryJournal<Rigid>,
    );
    all!([send sync unpin debug forever]
        Subscription<Bare>, Latest<Bare>, Subscription<Pinned>, Latest<Pinned>,
    );
    all!([send debug forever] Builder<Bare>, Builder<Bare, MemoryJournal<Bare>>);
}

fn data_types_are_send_and_sync() {
    all!([send sync unpin clone debug forever]
        Action<u8>, Written<u8>, BatchError, Change<u8>, ChangeKind<u8>, Entry<u8>, Error,
        Event<u8>, Key, Page<u8>, Popped<u8>, Refusal, Value<u8>, Write<u8>, Recovered<u8>,
        AppendError, JournalError,
    );
    all!([send sync unpin copy debug forever]
        Condition, End, Fault, GateOptions, InvalidResumeToken, NoJournal, Position, Pushed,
        ResumeToken, JournalStats, Stats, StoreId, Timestamp, Ttl,
    );
    all!([send sync unpin debug forever] Meter);
    all!([send sync unpin forever] Box<dyn Past<Bare>>, Box<dyn Past<Rigid>>);
    all!([clone] Value<Bare>, Entry<Bare>, Write<Bare>, Change<Bare>, Event<Bare>, Page<Bare>);
    all!([error]
        BatchError, Error, InvalidResumeToken, AppendError, JournalError,
        TrySendError<Pending<'static, Bare, Option<Entry<Bare>>>>,
    );
}

/// Every command: before it is sent, as a future, and after it was sent.
fn pending_commands_and_their_futures_are_send() {
    macro_rules! answers {
        ($($answer:ty),+ $(,)?) => {$(
            all!([send unpin debug]
                Pending<'static, Bare, $answer>, PendingWrite<'static, Bare, $answer>,
                PendingPut<'static, Bare, $answer>, Call<'static, Bare, $answer>,
                Reply<'static, Bare, $answer>, TrySendError<Pending<'static, Bare, $answer>>,
                TrySendError<PendingPut<'static, Bare, $answer>>,
            );
        )+};
    }
    answers! {
        Option<Entry<Bare>>, bool, Option<usize>, Option<Bare>, Option<Vec<Bare>>, usize, u64, CompactionReport,
        Subscription<Bare>, Page<Key>, Page<(Key, Entry<Bare>)>, Written<Bare>, Vec<Written<Bare>>, Pushed,
        Popped<Bare>, Vec<mainspring::Result<u64>>, Vec<mainspring::Result<Pushed>>,
    }
    all!([send unpin debug]
        PendingScan<'static, Bare, Key>, PendingScan<'static, Bare, (Key, Entry<Bare>)>,
        PendingSubscribe<'static, Bare>,
    );
    all!([sync]
        PendingWrite<'static, Bare, Popped<Bare>>, PendingPut<'static, Bare, u64>,
        Pending<'static, Bare, Option<Entry<Bare>>>, PendingSubscribe<'static, Bare>,
    );
}

/// The futures of the `async fn`s, which have no names.
fn futures_of_async_methods_are_send(
    store: &Store<Bare>,
    subscription: &mut Subscription<Bare>,
    latest: &mut Latest<Bare>,
) {
    send_value(store.modify("k", |_| {}));
    send_value(store.latest("k"));
    send_value(store.ready());
    send_value(store.closed());
    send_value(store.shutdown());
    send_value(store.set("k", Bare).into_future());
    let recv = subscription.recv();
    sync_value(&recv);
    send_value(recv);
    send_value(latest.changed());
    // In a spawned task, their usual place.
    let store = store.clone();
    send_value(async move {
        let _ = store.set("k", Bare).if_absent().await;
        let _ = store.push_many("k", [Bare]).await;
        let _ = store.scan("").await;
        let mut subscription = store.subscribe().from_snapshot().await?;
        subscription.recv().await.map(drop)
    });
}

/// Streams, so that combinators can take them.
fn subscriptions_are_streams() {
    fn stream<S: futures_util::Stream<Item = I>, I>() {}
    stream::<Subscription<Bare>, Result<Event<Bare>, Error>>();
    stream::<Latest<Bare>, Result<Option<Entry<Bare>>, Error>>();
}

/// The types need no bounds on `T` to be named; `T: Clone` is needed only to store it.
struct Service<T> {
    store: Store<T>,
    reader: Option<Reader<T>>,
    subscription: Option<Subscription<T>>,
    latest: Option<Latest<T>>,
    _any: PhantomData<T>,
}

impl<T> Clone for Service<T> {
    fn clone(&self) -> Self {
        let (store, reader) = (self.store.clone(), self.reader.clone());
        Self { store, reader, subscription: None, latest: None, _any: PhantomData }
    }
}

/// A gate and a journal may be `!Sync`, and their futures need only be `Send`.
struct Solo(std::cell::Cell<u8>);

impl Gate<Bare> for Solo {
    async fn admit(&mut self, _: &Write<Bare>) -> Result<(), Refusal> {
        self.0.set(1);
        Ok(())
    }
}

fn gate_and_journal_can_be_not_sync() {
    fn gate<T, G: Gate<T>>() {}
    fn journal<T, J: Journal<T>>() {}
    gate::<Bare, Solo>();
    journal::<Bare, MemoryJournal<Bare>>();
    journal::<Bare, NoJournal>();
}

#[tokio::test]
async fn debug_does_not_require_debug_of_elements() {
    let store = Store::<Bare>::builder().spawn();
    store.set("k", Bare).await.unwrap();
    let subscription = store.subscribe().await.unwrap();
    let latest = store.latest("k").await.unwrap();
    let texts = [
        format!("{store:?}"),
        format!("{:?}", store.reader()),
        format!("{:?}", store.view()),
        format!("{subscription:?}"),
        format!("{latest:?}"),
        format!("{:?}", store.set("k", Bare)),
        format!("{:?}", store.set("k", Bare).into_future()),
        format!("{:?}", store.get("k").try_send().unwrap()),
        format!("{:?}", Store::<Bare>::builder()),
        format!("{:?}", MemoryJournal::<Bare>::new()),
    ];
    let names = [
        "Store",
        "Reader",
        "View",
        "Subscription",
        "Latest",
        "PendingPut",
        "Call",
        "Reply",
        "Builder",
        "MemoryJournal",
    ];
    for (text, name) in texts.iter().zip(names) {
        assert!(text.starts_with(name), "{text}");
    }
    assert!(texts[0].contains("revision: 1"), "{}", texts[0]);
    debug_value(&store.stats());
}
