//! Auto traits of the types of a client: `Send`, `Sync`, `Unpin`, and `Clone` and `Debug`.

use std::fmt::Debug;
use std::future::IntoFuture;

use mainspring::{
    Backend, Entry, Error, Pending, PendingPut, PendingSubscribe, Reader, Result, Store, wire,
};
use mainspring_http::Client;
use mainspring_http::client::{Backup, ClientBuilder, Remote};

/// An element type with only the required traits: no `Debug`, no `Eq`, no `Default`, no serde.
#[derive(Clone)]
struct Bare;

/// An element type without `Clone`.
struct Rigid;

/// An element type without `Unpin`.
#[derive(Clone)]
struct Pinned(#[allow(dead_code, reason = "a marker")] std::marker::PhantomPinned);

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unpin<T: Unpin>() {}
fn clone<T: Clone>() {}
fn debug<T: Debug>() {}
fn forever<T: 'static>() {}
fn send_value<T: Send>(_: T) {}

macro_rules! all {
    (@ [$($bound:ident)+] $type:ty) => { $($bound::<$type>();)+ };
    ($bounds:tt $($type:ty),+ $(,)?) => { $(all!(@ $bounds $type);)+ };
}

/// The types of a store in a server.
#[allow(dead_code, reason = "only needs to compile")]
fn client(store: &Client<String>) {
    fn backend<T, B: Backend<T>>() {}
    backend::<String, Remote>();
    backend::<wire::Json, Remote>();
    all!([send sync unpin clone debug forever]
        Client<Bare>, Client<Rigid>, Client<Pinned>, Reader<Bare, Remote>, Remote, ClientBuilder<Bare>,
    );
    all!([send sync unpin debug]
        Pending<'static, Bare, Option<Entry<Bare>>, Remote>, PendingSubscribe<'static, Bare, Remote>,
        PendingPut<'static, Bare, u64, Remote>,
    );
    all!([send unpin debug forever] Backup);
    send_value(store.backup());
    send_value(store.set("k", "v").into_future());
    send_value(store.subscribe().into_future());
    send_value(store.modify("k", |_| {}));
    send_value(store.stats());
    send_value(store.id());
    send_value(store.ready());
    let store = store.clone();
    send_value(async move {
        let _ = store.set("k", "v").if_absent().await;
        let _ = store.push_many("k", ["v"]).await;
        let mut events = store.subscribe().from_snapshot().await?;
        events.recv().await.map(drop)
    });
}

/// Code that is generic over the backend works with a local store and with a client.
#[tokio::test]
async fn generic_code_works_with_a_store_and_a_client() {
    async fn count<B: Backend<u64>>(store: &Store<u64, B>) -> Result<u64> {
        store.set("k", 1).await
    }
    async fn look<B: Backend<u64>>(reader: &Reader<u64, B>) -> Result<Option<Entry<u64>>> {
        reader.get("k").await
    }
    let store = Store::builder().spawn();
    assert_eq!(count(&store).await, Ok(1));
    assert_eq!(look(&store).await.unwrap().unwrap().revision, 1);
    let client = Client::builder("http://127.0.0.1:1").tries(1).connect().unwrap();
    assert!(matches!(count(&client).await, Err(Error::Unreachable(_))));
    assert!(matches!(look(&client).await, Err(Error::Unreachable(_))));
    let owned: Store<u64, Remote> = client.clone().into();
    assert!(matches!(count(&owned).await, Err(Error::Unreachable(_))));
    assert!(format!("{client:?}").starts_with("Client"), "{client:?}");
}
