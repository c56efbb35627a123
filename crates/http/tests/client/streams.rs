//! Subscriptions with interrupted, garbled or rejected streams: no change is missed or delivered twice, and a stream that
//! cannot resume ends with the reason.

use std::time::Duration;

use futures_util::StreamExt;
use mainspring::{Error, Event, Subscription};
use mainspring_http::Client;

use crate::faulty_server::{Behavior, FaultyServer, STORE, change, problem, response, stream};

async fn revisions(events: &mut Subscription<String>, n: usize) -> Vec<u64> {
    let mut revisions = Vec::new();
    for _ in 0..n {
        match events.recv().await {
            Ok(Event::Change(change)) => revisions.push(change.revision),
            other => panic!("after {revisions:?}: {other:?}"),
        }
    }
    revisions
}

fn changes(revisions: impl IntoIterator<Item = u64>) -> String {
    revisions.into_iter().map(|revision| change(revision, "é\u{1F600}")).collect()
}

/// The Last-Event-ID of each request but the first.
fn resumed(server: &FaultyServer) -> Vec<String> {
    let id = |request: &String| {
        let id = request.lines().find_map(|line| line.strip_prefix("last-event-id: "));
        id.unwrap_or("none").to_owned()
    };
    server.requests()[1..].iter().map(id).collect()
}

#[tokio::test]
async fn interrupted_stream_resumes_after_the_last_event() {
    let all = changes(1..=3);
    let head = stream(Some(0), &all).len() - all.len();
    for cut in (0..all.len()).step_by(7) {
        let first = stream(Some(0), &all)[..head + cut].to_vec();
        let delivered = all[..].as_bytes()[..cut].windows(2).filter(|end| end == b"\n\n").count();
        let rest = stream(Some(delivered as u64), &changes(delivered as u64 + 1..=3));
        let server = FaultyServer::new([Behavior::Send(first), Behavior::SendAndHang(rest)]).await;
        let mut events = server.client().subscribe().after(0).await.unwrap();
        assert_eq!(revisions(&mut events, 3).await, [1, 2, 3], "cut at {cut}");
        assert_eq!(resumed(&server), [format!("{STORE}-{delivered}")], "cut at {cut}");
        assert_eq!(events.resume_token().unwrap().to_string(), format!("{STORE}-3"));
    }
}

#[tokio::test]
async fn single_bytes_are_joined_into_events() {
    let pieces = stream(Some(0), &changes(1..=2)).into_iter().map(|byte| vec![byte]).collect();
    let server = FaultyServer::new([Behavior::SendInPieces(pieces)]).await;
    // The head alone takes almost a second.
    let client = server.client_within(Duration::from_secs(30), 1);
    let mut events = client.subscribe().after(0).await.unwrap();
    for revision in 1..=2 {
        let Event::Change(change) = events.recv().await.unwrap() else { panic!() };
        assert_eq!(change.revision, revision);
        assert_eq!(change.elements(), ["é\u{1F600}"]);
    }
}

#[tokio::test]
async fn repeated_events_are_delivered_once() {
    // A server, or a proxy, that begins too early.
    let server = FaultyServer::new([
        Behavior::Send(stream(Some(0), &changes([1, 2, 2, 1, 3]))),
        Behavior::SendAndHang(stream(Some(0), &changes(1..=5))),
    ])
    .await;
    let mut events = server.client().subscribe().after(0).await.unwrap();
    assert_eq!(revisions(&mut events, 5).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn subscription_waits_for_an_unavailable_server() {
    let server = FaultyServer::new([
        Behavior::Send(stream(Some(7), &changes([8]))),
        Behavior::Close,
        Behavior::Send(response("502 Bad Gateway", "text/html", "")),
        Behavior::Send(problem("503 Service Unavailable", "recovering")),
        Behavior::Send(stream(
            Some(8),
            "event: end\ndata: {\"code\":\"shutting_down\",\"message\":\"m\"}\n\n",
        )),
        Behavior::SendAndHang(stream(Some(8), &changes([9]))),
    ])
    .await;
    let mut events = server.client().subscribe().await.unwrap();
    assert_eq!(events.resume_token().unwrap().to_string(), format!("{STORE}-7"));
    assert_eq!(revisions(&mut events, 2).await, [8, 9]);
    assert_eq!(resumed(&server), [(); 5].map(|()| format!("{STORE}-8")));
}

#[tokio::test]
async fn silent_connection_is_replaced_but_a_heartbeat_keeps_it() {
    let server = FaultyServer::new([
        Behavior::SendAndHang(stream(Some(0), &changes([1]))),
        Behavior::SendAndHang(stream(Some(1), &changes([2]))),
    ])
    .await;
    let mut events = server.client().subscribe().await.unwrap();
    assert_eq!(revisions(&mut events, 2).await, [1, 2]);

    // A heartbeat every 2 ms, for longer than the allowed silence.
    let mut pieces = vec![stream(Some(0), "")];
    pieces.extend((0..400).map(|_| b":\n\n".to_vec()));
    pieces.push(changes([1]).into_bytes());
    let server = FaultyServer::new([Behavior::SendInPieces(pieces)]).await;
    let mut events = server.client().subscribe().await.unwrap();
    assert_eq!(revisions(&mut events, 1).await, [1]);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn stream_that_cannot_resume_ends_with_the_reason() {
    let ends = [
        (r#"{"code":"compacted","message":"m","oldest":9}"#, Error::Compacted { oldest: 9 }),
        (
            r#"{"code":"invalid_request","message":"m","asked":3,"before":1}"#,
            Error::InsideBatch { asked: 3, before: 1 },
        ),
        (r#"{"code":"forbidden","message":"m"}"#, Error::Forbidden),
    ];
    for (end, error) in ends {
        let end = format!("{}event: end\ndata: {end}\n\n", changes([1]));
        let server = FaultyServer::new([Behavior::Send(stream(Some(0), &end))]).await;
        let mut events = server.client().subscribe().await.unwrap();
        assert_eq!(revisions(&mut events, 1).await, [1]);
        assert_eq!(events.recv().await, Err(error.clone()));
        assert_eq!(events.recv().await, Err(error), "the error is repeated");
        assert!(events.next().await.is_none());
    }
    let rejections = [
        (problem("409 Conflict", "wrong_store"), Error::WrongStore),
        (problem("401 Unauthorized", "unauthorized"), Error::Unauthorized),
        (response("403 Forbidden", "text/plain", ""), Error::Forbidden),
        (
            crate::faulty_server::json(
                "400 Bad Request",
                r#"{"code":"invalid_request","message":"m","asked":1,"head":0}"#,
            ),
            Error::AheadOfHead { asked: 1, head: 0 },
        ),
    ];
    for (rejection, error) in rejections {
        let first = Behavior::Send(stream(Some(0), &changes([1])));
        let server = FaultyServer::new([first, Behavior::Send(rejection)]).await;
        let mut events = server.client().subscribe().await.unwrap();
        assert_eq!(revisions(&mut events, 1).await, [1]);
        assert_eq!(events.recv().await, Err(error));
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn another_store_at_the_same_address_ends_the_subscription() {
    let other = String::from_utf8(stream(Some(1), &changes([2]))).unwrap();
    let other = other.replace(STORE, "fedcba9876543210").into_bytes();
    let server = FaultyServer::new([
        Behavior::Send(stream(Some(0), &changes([1]))),
        Behavior::SendAndHang(other),
    ])
    .await;
    let mut events = server.client().subscribe().await.unwrap();
    assert_eq!(revisions(&mut events, 1).await, [1]);
    assert_eq!(events.recv().await, Err(Error::WrongStore));
}

#[tokio::test]
async fn interrupted_snapshot_is_an_error() {
    let entry = "event: snapshot_end\ndata: {\"revision\":4}\n";
    let server = FaultyServer::new([Behavior::Send(stream(None, entry))]).await;
    let mut events = server.client().subscribe().from_snapshot().await.unwrap();
    assert_eq!(events.resume_token(), None);
    let error = events.recv().await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable(why) if why.contains("subscribe again")),
        "{error:?}"
    );

    let mark = format!("id: {STORE}-4\n{entry}\n");
    let server = FaultyServer::new([
        Behavior::Send(stream(None, &mark)),
        Behavior::SendAndHang(stream(Some(4), &changes([5]))),
    ])
    .await;
    let mut events = server.client().subscribe().prefix("a&b").from_snapshot().await.unwrap();
    assert_eq!(events.recv().await, Ok(Event::SnapshotEnd { revision: 4 }));
    assert_eq!(revisions(&mut events, 1).await, [5]);
    assert_eq!(resumed(&server), [format!("{STORE}-4")]);
    assert!(
        server.requests().iter().all(|request| request.starts_with("GET /watch?prefix=a%26b&"))
    );
}

#[tokio::test]
async fn garbage_ends_a_subscription() {
    for garbage in [
        "event: change\ndata: {}\n\n".as_bytes(),
        b"event: change\ndata: <html>\n\n",
        b"event: end\ndata: ?\n\n",
        b"id: x\nevent: change\ndata: {}\n\n",
        b"event: batch\ndata: {\"revision\":1,\"changes\":[{}]}\n\n",
        b"event: change\ndata: \xff\xfe\n\n",
    ] {
        let bytes = [&stream(Some(0), "\u{feff}")[..], garbage].concat();
        let server = FaultyServer::new([Behavior::Send(bytes)]).await;
        let mut events = server.client().subscribe().await.unwrap();
        let error = events.recv().await.unwrap_err();
        assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        assert_eq!(server.requests().len(), 1);
    }
    // Unknown events and fields are ignored.
    let later = format!("event: later\ndata: ?\n\nretry: 1\n\nunknown\n\n{}", changes([1]));
    let server = FaultyServer::new([Behavior::SendAndHang(stream(Some(0), &later))]).await;
    assert_eq!(revisions(&mut server.client().subscribe().await.unwrap(), 1).await, [1]);
}

#[tokio::test]
async fn event_without_an_end_is_limited() {
    let mut pieces = vec![stream(Some(0), "data: ")];
    pieces.extend((0..200).map(|_| vec![b'x'; 1024]));
    let server = FaultyServer::new([Behavior::SendInPieces(pieces)]).await;
    let store =
        Client::<String>::builder(&server.url).max_event_bytes(100 << 10).connect().unwrap();
    let mut events = store.subscribe().await.unwrap();
    let error = events.recv().await.unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn receiving_is_cancel_safe() {
    let pieces = stream(Some(0), &changes(1..=40)).chunks(50).map(<[u8]>::to_vec).collect();
    let rest = Behavior::SendAndHang(stream(Some(40), &changes(41..=42)));
    let server = FaultyServer::new([Behavior::SendInPieces(pieces), rest]).await;
    let mut events = server.client().subscribe().await.unwrap();
    let mut next = 1;
    while next <= 42 {
        // The future is dropped again and again, also while the subscription reconnects.
        match tokio::time::timeout(Duration::from_millis(1), events.recv()).await {
            Ok(Ok(Event::Change(change))) => {
                assert_eq!(change.revision, next);
                next += 1;
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => {}
        }
    }
}
