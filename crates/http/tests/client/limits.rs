//! Limits of the server for bodies and connections, and limits of the client for responses.

use std::net::Ipv4Addr;

use mainspring::journal::CompactionReport;
use mainspring::{Error, Event, Store, Write};
use mainspring_http::{Client, server};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::faulty_server::{Behavior, FaultyServer, TIME, json, problem};

/// Starts a server with these limits, which ends with the test.
async fn serve(set: impl FnOnce(&mut server::Limits)) -> String {
    serve_store(Store::builder().spawn(), set).await
}

async fn serve_store(store: Store<String>, set: impl FnOnce(&mut server::Limits)) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut options = server::ServerOptions::default();
    set(&mut options.limits);
    tokio::spawn(server::serve(listener, store, options, CancellationToken::new()));
    url
}

#[tokio::test]
async fn many_writes_are_split_into_several_requests() {
    for max_body_bytes in [1 << 20, 300 << 10] {
        let store = Client::<String>::connect(
            &serve(|limits| limits.max_body_bytes = max_body_bytes).await,
        )
        .unwrap();
        let value = "x".repeat(100_000);
        let done = store.set_many((0..30).map(|n| (format!("k{n}"), value.clone()))).await.unwrap();
        let revisions: Vec<u64> = done.into_iter().map(Result::unwrap).collect();
        assert_eq!(revisions, (1..=30).collect::<Vec<_>>(), "in their order");
        let pushed = store.push_many("list", vec![value.clone(); 30]).await.unwrap();
        assert_eq!(pushed.last().unwrap().as_ref().unwrap().length, 30);
    }
}

#[tokio::test]
async fn only_the_write_that_is_too_large_is_rejected() {
    let store = Client::<String>::connect(&serve(|_| {}).await).unwrap();
    let large = "x".repeat(5 << 20);
    let done =
        store.set_many([("a", "v".into()), ("b", large.clone()), ("c", "v".into())]).await.unwrap();
    assert_eq!((&done[0], &done[2]), (&Ok(1), &Ok(2)));
    let too_large = Error::RequestTooLarge { limit: Some(1 << 20) };
    assert_eq!(done[1], Err(too_large.clone()));
    let alone = store.set_many([("b", large.clone())]).await.unwrap();
    assert_eq!(alone, [Err(too_large.clone())]);
    assert_eq!(store.set("b", large).await, Err(too_large.clone()));
    assert!(
        too_large.to_string().contains("1048576 bytes")
            && too_large.to_string().contains("max_body_bytes")
    );
}

#[tokio::test]
async fn writes_after_a_lost_response_are_not_sent() {
    let large = || "x".repeat(400 << 10);
    let first = json("200 OK", &format!(r#"[{{"revision":1,"updated_at":"{TIME}"}}]"#));
    let writes = || ["a", "b", "c"].map(|key| Write::set(key, large()));
    let faulty = FaultyServer::new([Behavior::Send(first.clone()), Behavior::Close]).await;
    let done = faulty.client_with(3).write_many(writes()).await.unwrap();
    assert_eq!(done[0].as_ref().unwrap().revision, 1);
    assert_eq!(done[1], Err(Error::Unknown));
    assert!(matches!(done[2], Err(Error::Unreachable(_))), "{:?}", done[2]);
    assert_eq!(faulty.requests().len(), 2);

    let closing = problem("503 Service Unavailable", "shutting_down");
    let faulty = FaultyServer::new([Behavior::Send(first), Behavior::Send(closing.clone())]).await;
    let done = faulty.client_with(3).write_many(writes()).await.unwrap();
    assert_eq!(done[1..], [Err(Error::Closed), Err(Error::Closed)]);
    let faulty = FaultyServer::new([Behavior::Send(closing)]).await;
    assert_eq!(faulty.client().write_many(writes()).await, Err(Error::Closed), "for all writes");
}

#[tokio::test]
async fn compaction_may_take_longer_than_the_timeout() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    let mut pieces = vec![head.to_vec()];
    // Twice the timeout of the client.
    pieces.extend((0..500).map(|_| vec![b' ']));
    pieces.push(br#"{"revision":7,"bytes_before":900,"bytes_after":100}"#.to_vec());
    let faulty = FaultyServer::new([Behavior::SendInPieces(pieces)]).await;
    assert!(faulty.client().clear().await.is_err());
    assert_eq!(faulty.client().compact().await, Ok(CompactionReport::new(7, 900, 100)));
}

#[tokio::test]
async fn compaction_whose_response_is_lost_is_unknown_and_not_repeated() {
    let faulty = FaultyServer::new([Behavior::Close]).await;
    assert_eq!(faulty.client_with(3).compact().await, Err(Error::Unknown));
    assert_eq!(faulty.requests().len(), 1);
    let failed = problem("500 Internal Server Error", "compaction_failed");
    let faulty = FaultyServer::new([Behavior::Send(failed)]).await;
    let failed = faulty.client_with(3).compact().await;
    assert!(matches!(failed, Err(Error::CompactionFailed(_))), "{failed:?}");
    assert_eq!(faulty.requests().len(), 1);
}

#[tokio::test]
async fn response_beyond_the_limit_is_an_error() {
    let endless = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let mut pieces = vec![endless.to_vec()];
    pieces.extend((0..200).map(|_| vec![b' '; 1_000]));
    let faulty = FaultyServer::new([Behavior::SendInPieces(pieces)]).await;
    let client =
        Client::<String>::builder(&faulty.url).max_answer_bytes(100_000).connect().unwrap();
    let error = client.get("k").await.unwrap_err();
    assert!(matches!(&error, Error::Rejected(why) if why.contains("100000 bytes")), "{error:?}");
    assert_eq!(client.set("k", "v").await, Err(Error::Unknown), "it may have been applied");
    assert_eq!(faulty.requests().len(), 2, "no retries");
}

#[tokio::test(flavor = "multi_thread")]
async fn write_without_a_connection_is_not_unknown() {
    let url = serve(|limits| limits.max_connections = 1).await;
    let first = Client::<String>::connect(&url).unwrap();
    first.set("k", "v").await.unwrap();
    for n in 0..100 {
        let other = Client::<String>::builder(&url).tries(1).connect().unwrap();
        let rejected = if n % 2 == 0 {
            other.set("k", "w").await
        } else {
            other.set("k", "w".repeat(500_000)).await
        };
        assert!(matches!(rejected, Err(Error::Busy | Error::Unreachable(_))), "{n}: {rejected:?}");
    }
    assert_eq!(first.get("k").await.unwrap().unwrap().revision, 1);
}

/// The entries of a snapshot, sorted by key.
async fn snapshot(client: &Client<String>) -> Result<Vec<(String, usize)>, Error> {
    let mut events = client.subscribe().from_snapshot().await?;
    let mut entries = Vec::new();
    loop {
        match events.recv().await? {
            Event::Entry { key, entry } => {
                entries.push((key.to_string(), entry.value.elements().len()));
            }
            Event::SnapshotEnd { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    entries.sort();
    Ok(entries)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_can_be_written_can_be_read() {
    // The writes exceed the history and the size of a request.
    let store = Store::<String>::builder().history_bytes(1_000).spawn();
    let client = Client::<String>::connect(&serve_store(store.clone(), |_| {}).await).unwrap();
    let mut watch = client.subscribe().await.unwrap();
    let mut embedded = store.subscribe().await.unwrap();
    let element = "é".repeat(25_000);
    let batch = (0..100).map(|n| Write::set(format!("batch/{n}"), element.clone()));
    store.batch(batch).await.unwrap();
    store.set("list", vec![element.clone(); 100]).await.unwrap();
    for events in [&mut watch, &mut embedded] {
        let event = events.recv().await.unwrap();
        assert!(matches!(&event, Event::Batch { changes, .. } if changes.len() == 100));
        let event = events.recv().await.unwrap();
        assert!(matches!(&event, Event::Change(change) if &*change.key == "list"));
    }

    assert_eq!(client.get("list").await.unwrap().unwrap().value.elements().len(), 100);
    assert_eq!(client.range("list", 0, usize::MAX).await.unwrap().unwrap().len(), 100);
    let mut read = Vec::new();
    let mut page = client.scan("").limit(10_000).await.unwrap();
    loop {
        read.extend(
            page.items
                .drain(..)
                .map(|(key, entry)| (key.to_string(), entry.value.elements().len())),
        );
        let Some(next) = page.next else { break };
        page = client.scan("").after(next).limit(10_000).await.unwrap();
    }
    assert_eq!(read.len(), 101);
    assert_eq!(snapshot(&client).await.unwrap(), read);
}

#[tokio::test(flavor = "multi_thread")]
async fn client_has_no_limit_by_default() {
    let store = Store::<String>::builder().spawn();
    let client = Client::<String>::connect(&serve_store(store.clone(), |_| {}).await).unwrap();
    // More than the limit of earlier versions.
    let length = (64 << 20) + 1;
    store.set("k", "x".repeat(length)).await.unwrap();
    assert_eq!(client.get("k").await.unwrap().unwrap().item().map(String::len), Some(length));
}

#[tokio::test(flavor = "multi_thread")]
async fn entry_beyond_the_limit_of_a_client_is_named_and_others_are_read() {
    let store = Store::<String>::builder().spawn();
    let url = serve_store(store.clone(), |_| {}).await;
    for n in 0..50 {
        store.set(format!("{}/{n:02}", ["a", "z"][n % 2]), "x".repeat(5_000)).await.unwrap();
    }
    store.set("k \"1\"", vec!["y".repeat(1_000); 300]).await.unwrap();
    let client = Client::<String>::builder(&url)
        .max_answer_bytes(100_000)
        .max_event_bytes(100_000)
        .connect()
        .unwrap();
    let assert_named = |error: &Error, setting: &str| {
        assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        let text = error.to_string();
        for part in ["\"k \\\"1\\\"\"", "100000", "30", setting] {
            assert!(text.contains(part), "{part}: {text}");
        }
    };
    assert_named(&client.get("k \"1\"").await.unwrap_err(), "max_answer_bytes");
    assert_named(&client.range("k \"1\"", 0, usize::MAX).await.unwrap_err(), "max_answer_bytes");
    assert_eq!(client.range("k \"1\"", 7, 2).await.unwrap().unwrap().len(), 2);

    // A page that exceeds the limit is replaced by shorter ones before and after the entry.
    let (mut before, mut next) = (0, None);
    let error = loop {
        let page = client.scan("").limit(10_000);
        let page = match next {
            Some(after) => page.after(after),
            None => page,
        };
        match page.await {
            Ok(page) => (before, next) = (before + page.items.len(), page.next),
            Err(error) => break error,
        }
    };
    assert_eq!(before, 25);
    assert_named(&error, "max_answer_bytes");
    let page = client.scan("").after("k \"1\"").limit(10).await.unwrap();
    assert_eq!(page.items.len(), 10);

    assert_named(&snapshot(&client).await.unwrap_err(), "max_event_bytes");
    let mut events = client.subscribe().prefix("z/").from_snapshot().await.unwrap();
    while !matches!(events.recv().await.unwrap(), Event::SnapshotEnd { .. }) {}
    // It does not affect a reader without the limit.
    assert_eq!(snapshot(&Client::connect(&url).unwrap()).await.unwrap().len(), 51);

    let mut watch = client.subscribe().await.unwrap();
    store.batch((0..30).map(|n| Write::set(format!("b/{n}"), "x".repeat(5_000)))).await.unwrap();
    let error = watch.recv().await.unwrap_err().to_string();
    assert!(error.contains("\"b/0\"") && error.contains("max_event_bytes"), "{error}");
}
