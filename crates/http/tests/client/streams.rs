//! Subscriptions whose streams are cut, garbled or refused: no change is missing, none is told twice, and what cannot go
//! on ends with its reason.

use std::time::Duration;

use futures_util::StreamExt;
use mainspring::{Error, Event, Subscription};
use mainspring_http::Client;

use crate::liar::{Liar, STORE, Say, answer, change, problem, stream};

async fn revisions(told: &mut Subscription<String>, n: usize) -> Vec<u64> {
    let mut revisions = Vec::new();
    for _ in 0..n {
        match told.recv().await {
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
fn resumed(liar: &Liar) -> Vec<String> {
    let id = |request: &String| {
        let id = request.lines().find_map(|line| line.strip_prefix("last-event-id: "));
        id.unwrap_or("none").to_owned()
    };
    liar.requests()[1..].iter().map(id).collect()
}

#[tokio::test]
async fn a_stream_that_is_cut_anywhere_goes_on() {
    let all = changes(1..=3);
    let whole = stream(Some(0), &all).len() - all.len();
    for cut in (0..all.len()).step_by(7) {
        let first = stream(Some(0), &all)[..whole + cut].to_vec();
        let told_before = all[..].as_bytes()[..cut].windows(2).filter(|end| end == b"\n\n").count();
        let rest = stream(Some(told_before as u64), &changes(told_before as u64 + 1..=3));
        let liar = Liar::new([Say::Bytes(first), Say::Stay(rest)]).await;
        let mut told = liar.client().subscribe().after(0).await.unwrap();
        assert_eq!(revisions(&mut told, 3).await, [1, 2, 3], "cut at {cut}");
        assert_eq!(resumed(&liar), [format!("{STORE}-{told_before}")], "cut at {cut}");
        assert_eq!(told.resume_token().unwrap().to_string(), format!("{STORE}-3"));
    }
}

#[tokio::test]
async fn bytes_that_come_one_by_one_are_whole_events() {
    let pieces = stream(Some(0), &changes(1..=2)).into_iter().map(|byte| vec![byte]).collect();
    let liar = Liar::new([Say::Pieces(pieces)]).await;
    // The head alone takes most of a second.
    let client = liar.client_within(Duration::from_secs(30), 1);
    let mut told = client.subscribe().after(0).await.unwrap();
    for revision in 1..=2 {
        let Event::Change(change) = told.recv().await.unwrap() else { panic!() };
        assert_eq!(change.revision, revision);
        assert_eq!(change.elements(), ["é\u{1F600}"]);
    }
}

#[tokio::test]
async fn what_was_told_is_not_told_again() {
    // A server, or a proxy, that begins too early.
    let liar = Liar::new([
        Say::Bytes(stream(Some(0), &changes([1, 2, 2, 1, 3]))),
        Say::Stay(stream(Some(0), &changes(1..=5))),
    ])
    .await;
    let mut told = liar.client().subscribe().after(0).await.unwrap();
    assert_eq!(revisions(&mut told, 5).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let liar = Liar::new([
        Say::Bytes(stream(Some(7), &changes([8]))),
        Say::Nothing,
        Say::Bytes(answer("502 Bad Gateway", "text/html", "")),
        Say::Bytes(problem("503 Service Unavailable", "recovering")),
        Say::Bytes(stream(
            Some(8),
            "event: end\ndata: {\"code\":\"shutting_down\",\"message\":\"m\"}\n\n",
        )),
        Say::Stay(stream(Some(8), &changes([9]))),
    ])
    .await;
    let mut told = liar.client().subscribe().await.unwrap();
    assert_eq!(told.resume_token().unwrap().to_string(), format!("{STORE}-7"));
    assert_eq!(revisions(&mut told, 2).await, [8, 9]);
    assert_eq!(resumed(&liar), [(); 5].map(|()| format!("{STORE}-8")));
}

#[tokio::test]
async fn a_silent_connection_is_made_again_and_a_heartbeat_is_no_silence() {
    let liar = Liar::new([
        Say::Stay(stream(Some(0), &changes([1]))),
        Say::Stay(stream(Some(1), &changes([2]))),
    ])
    .await;
    let mut told = liar.client().subscribe().await.unwrap();
    assert_eq!(revisions(&mut told, 2).await, [1, 2]);

    // A heartbeat each 2 ms, for longer than a silence may be.
    let mut pieces = vec![stream(Some(0), "")];
    pieces.extend((0..400).map(|_| b":\n\n".to_vec()));
    pieces.push(changes([1]).into_bytes());
    let liar = Liar::new([Say::Pieces(pieces)]).await;
    let mut told = liar.client().subscribe().await.unwrap();
    assert_eq!(revisions(&mut told, 1).await, [1]);
    assert_eq!(liar.requests().len(), 1);
}

#[tokio::test]
async fn what_cannot_go_on_ends_with_its_reason() {
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
        let liar = Liar::new([Say::Bytes(stream(Some(0), &end))]).await;
        let mut told = liar.client().subscribe().await.unwrap();
        assert_eq!(revisions(&mut told, 1).await, [1]);
        assert_eq!(told.recv().await, Err(error.clone()));
        assert_eq!(told.recv().await, Err(error), "as often as it is asked");
        assert!(told.next().await.is_none());
    }
    let refusals = [
        (problem("409 Conflict", "wrong_store"), Error::WrongStore),
        (problem("401 Unauthorized", "unauthorized"), Error::Unauthorized),
        (answer("403 Forbidden", "text/plain", ""), Error::Forbidden),
        (
            crate::liar::json(
                "400 Bad Request",
                r#"{"code":"invalid_request","message":"m","asked":1,"head":0}"#,
            ),
            Error::AheadOfHead { asked: 1, head: 0 },
        ),
    ];
    for (refusal, error) in refusals {
        let first = Say::Bytes(stream(Some(0), &changes([1])));
        let liar = Liar::new([first, Say::Bytes(refusal)]).await;
        let mut told = liar.client().subscribe().await.unwrap();
        assert_eq!(revisions(&mut told, 1).await, [1]);
        assert_eq!(told.recv().await, Err(error));
        assert_eq!(liar.requests().len(), 2);
    }
}

#[tokio::test]
async fn another_store_at_the_same_address_is_told() {
    let other = String::from_utf8(stream(Some(1), &changes([2]))).unwrap();
    let other = other.replace(STORE, "fedcba9876543210").into_bytes();
    let liar = Liar::new([Say::Bytes(stream(Some(0), &changes([1]))), Say::Stay(other)]).await;
    let mut told = liar.client().subscribe().await.unwrap();
    assert_eq!(revisions(&mut told, 1).await, [1]);
    assert_eq!(told.recv().await, Err(Error::WrongStore));
}

#[tokio::test]
async fn a_snapshot_that_is_cut_is_not_complete() {
    let entry = "event: snapshot_end\ndata: {\"revision\":4}\n";
    let liar = Liar::new([Say::Bytes(stream(None, entry))]).await;
    let mut told = liar.client().subscribe().from_snapshot().await.unwrap();
    assert_eq!(told.resume_token(), None);
    let error = told.recv().await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable(why) if why.contains("subscribe again")),
        "{error:?}"
    );

    let mark = format!("id: {STORE}-4\n{entry}\n");
    let liar =
        Liar::new([Say::Bytes(stream(None, &mark)), Say::Stay(stream(Some(4), &changes([5])))])
            .await;
    let mut told = liar.client().subscribe().prefix("a&b").from_snapshot().await.unwrap();
    assert_eq!(told.recv().await, Ok(Event::SnapshotEnd { revision: 4 }));
    assert_eq!(revisions(&mut told, 1).await, [5]);
    assert_eq!(resumed(&liar), [format!("{STORE}-4")]);
    assert!(liar.requests().iter().all(|request| request.starts_with("GET /watch?prefix=a%26b&")));
}

#[tokio::test]
async fn garbage_ends_a_stream_and_does_no_harm() {
    for garbage in [
        "event: change\ndata: {}\n\n".as_bytes(),
        b"event: change\ndata: <html>\n\n",
        b"event: end\ndata: ?\n\n",
        b"id: x\nevent: change\ndata: {}\n\n",
        b"event: batch\ndata: {\"revision\":1,\"changes\":[{}]}\n\n",
        b"event: change\ndata: \xff\xfe\n\n",
    ] {
        let bytes = [&stream(Some(0), "\u{feff}")[..], garbage].concat();
        let liar = Liar::new([Say::Bytes(bytes)]).await;
        let mut told = liar.client().subscribe().await.unwrap();
        let error = told.recv().await.unwrap_err();
        assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        assert_eq!(liar.requests().len(), 1);
    }
    // What is only new is left out.
    let later = format!("event: later\ndata: ?\n\nretry: 1\n\nunknown\n\n{}", changes([1]));
    let liar = Liar::new([Say::Stay(stream(Some(0), &later))]).await;
    assert_eq!(revisions(&mut liar.client().subscribe().await.unwrap(), 1).await, [1]);
}

#[tokio::test]
async fn an_event_without_an_end_is_not_collected_for_ever() {
    let mut pieces = vec![stream(Some(0), "data: ")];
    pieces.extend((0..200).map(|_| vec![b'x'; 1024]));
    let liar = Liar::new([Say::Pieces(pieces)]).await;
    let store = Client::<String>::builder(&liar.url).max_event_bytes(100 << 10).connect().unwrap();
    let mut told = store.subscribe().await.unwrap();
    let error = told.recv().await.unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn receiving_is_cancel_safe() {
    let pieces = stream(Some(0), &changes(1..=40)).chunks(50).map(<[u8]>::to_vec).collect();
    let rest = Say::Stay(stream(Some(40), &changes(41..=42)));
    let liar = Liar::new([Say::Pieces(pieces), rest]).await;
    let mut told = liar.client().subscribe().await.unwrap();
    let mut next = 1;
    while next <= 42 {
        // Dropped again and again, also while it waits to reconnect.
        match tokio::time::timeout(Duration::from_millis(1), told.recv()).await {
            Ok(Ok(Event::Change(change))) => {
                assert_eq!(change.revision, next);
                next += 1;
            }
            Ok(other) => panic!("{other:?}"),
            Err(_) => {}
        }
    }
}
