//! More than a server takes: long bodies, and connections; and more than a client takes: long answers.
#![cfg(feature = "server")]

use std::net::Ipv4Addr;

use mainspring::{Client, Error, Store, Write, http};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::liar::{Liar, Say, TIME, json, problem};

/// A server with these limits, which ends with the test.
async fn serve(set: impl FnOnce(&mut http::Limits)) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut options = http::Options::default();
    set(&mut options.limits);
    let store = Store::<String>::builder().spawn();
    tokio::spawn(http::serve(listener, store, options, CancellationToken::new()));
    url
}

#[tokio::test]
async fn many_writes_are_as_many_requests_as_it_takes() {
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
async fn only_the_one_that_is_too_large_is_refused() {
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
async fn what_comes_after_a_lost_answer_is_not_sent() {
    let large = || "x".repeat(400 << 10);
    let first = json("200 OK", &format!(r#"[{{"revision":1,"updated_at":"{TIME}"}}]"#));
    let writes = || ["a", "b", "c"].map(|key| Write::set(key, large()));
    let liar = Liar::new([Say::Bytes(first.clone()), Say::Nothing]).await;
    let done = liar.client_with(3).write_many(writes()).await.unwrap();
    assert_eq!(done[0].as_ref().unwrap().revision, 1);
    assert_eq!(done[1], Err(Error::Unknown));
    assert!(matches!(done[2], Err(Error::Unreachable(_))), "{:?}", done[2]);
    assert_eq!(liar.requests().len(), 2);

    let closing = problem("503 Service Unavailable", "shutting_down");
    let liar = Liar::new([Say::Bytes(first), Say::Bytes(closing.clone())]).await;
    let done = liar.client_with(3).write_many(writes()).await.unwrap();
    assert_eq!(done[1..], [Err(Error::Closed), Err(Error::Closed)]);
    let liar = Liar::new([Say::Bytes(closing)]).await;
    assert_eq!(liar.client().write_many(writes()).await, Err(Error::Closed), "of all of them");
}

#[tokio::test]
async fn an_answer_has_a_limit() {
    let endless = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n";
    let mut pieces = vec![endless.to_vec()];
    pieces.extend((0..200).map(|_| vec![b' '; 1_000]));
    let liar = Liar::new([Say::Pieces(pieces)]).await;
    let client = Client::<String>::at(&liar.url).max_answer_bytes(100_000).connect().unwrap();
    let error = client.get("k").await.unwrap_err();
    assert!(matches!(&error, Error::Rejected(why) if why.contains("100000 bytes")), "{error:?}");
    assert_eq!(client.set("k", "v").await, Err(Error::Unknown), "it may have been done");
    assert_eq!(liar.requests().len(), 2, "it would be as long again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_gets_no_connection_is_not_unknown() {
    let url = serve(|limits| limits.max_connections = 1).await;
    let held = Client::<String>::connect(&url).unwrap();
    held.set("k", "v").await.unwrap();
    for n in 0..100 {
        let other = Client::<String>::at(&url).tries(1).connect().unwrap();
        let refused = if n % 2 == 0 {
            other.set("k", "w").await
        } else {
            other.set("k", "w".repeat(500_000)).await
        };
        assert!(matches!(refused, Err(Error::Busy | Error::Unreachable(_))), "{n}: {refused:?}");
    }
    assert_eq!(held.get("k").await.unwrap().unwrap().revision, 1);
}
