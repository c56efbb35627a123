//! Elements of various types, from a store through its journal and its stream to a client.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::path::Path;

use mainspring::journal::FileJournal;
use mainspring::{Entry, Event, Key, Store, Subscription, Write};
use mainspring_http::{Client, server};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Reading {
    Missing,
    Speed(f64),
    At { position: (f64, f64), note: String },
}

/// An element that is `null`, that has integer keys, and that is an enum.
type Readings = Option<BTreeMap<u64, Reading>>;

fn readings() -> Readings {
    let at = Reading::At { position: (-0.0, 5e-324), note: "\0\u{1f}\n\"\u{2028}".to_owned() };
    let speed = Reading::Speed(0.1 + 0.2);
    Some(BTreeMap::from([(0, Reading::Missing), (7, speed), (u64::MAX, at)]))
}

fn open(folder: &Path) -> Store<Readings> {
    Store::builder().journal(FileJournal::open(folder)).spawn()
}

type Entries = HashMap<Key, Entry<Readings>>;

/// A copy of the store, built from the events of a subscription.
async fn copy_up_to(revision: u64, events: &mut Subscription<Readings>) -> Entries {
    let mut copy = Entries::new();
    let mut seen = 0;
    while seen < revision {
        let event: Event<Readings> = events.recv().await.unwrap();
        seen = event.revision().unwrap_or(seen);
        event.apply_to(&mut copy);
    }
    copy
}

#[tokio::test]
async fn elements_of_any_type_reach_the_client_and_the_journal() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("element-types");
    let _ = std::fs::remove_dir_all(&folder);
    let store = open(&folder);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let options = server::ServerOptions::default();
    let server = tokio::spawn(server::serve(listener, store.clone(), options, stop.clone()));
    let client = Client::<Readings>::connect(&url).unwrap();
    let mut changes = client.subscribe().from_snapshot().await.unwrap();

    store.set("some", readings()).await.unwrap();
    store.set("none", None::<BTreeMap<_, _>>).await.unwrap();
    store.set("list", vec![None, readings()]).await.unwrap();
    store.push("list", readings()).await.unwrap();
    store.push("list", None).await.unwrap();
    let batch = [Write::set("a", readings()), Write::set("b", None), Write::update("a", None)];
    let last = store.batch(batch).await.unwrap();
    let revision = last.last().unwrap().revision;

    let copy = copy_up_to(revision, &mut changes).await;
    assert_eq!(copy["some"].item(), Some(&readings()));
    assert_eq!(copy["none"].item(), Some(&None));
    assert_eq!(copy["list"].list(), Some(&[None, readings(), readings(), None][..]));
    let mut snapshot = client.subscribe().from_snapshot().await.unwrap();
    assert_eq!(copy_up_to(revision, &mut snapshot).await, copy);
    for (key, entry) in &copy {
        assert_eq!(client.get(key).await.unwrap().as_ref(), Some(entry));
    }

    stop.cancel();
    server.await.unwrap();
    store.shutdown().await.unwrap();
    let reopened = open(&folder);
    for (key, entry) in &copy {
        assert_eq!(reopened.get(key).await.unwrap().as_ref(), Some(entry));
    }
    reopened.compact().await.unwrap();
    reopened.shutdown().await.unwrap();
    let from_snapshot = open(&folder);
    for (key, entry) in &copy {
        assert_eq!(from_snapshot.get(key).await.unwrap().as_ref(), Some(entry));
    }
    from_snapshot.shutdown().await.unwrap();
}
