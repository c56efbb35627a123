//! Commands with faulty responses: the error states whether the write may have been applied, and no write is sent twice.

use std::time::{Duration, Instant};

use mainspring::{BatchError, Error, Write};
use mainspring_http::Client;

use crate::faulty_server::{Behavior, FaultyServer, STORE, TIME, json, problem, response};

fn done(revision: u64) -> Vec<u8> {
    json("200 OK", &format!(r#"{{"message":"ok","revision":{revision},"updated_at":"{TIME}"}}"#))
}

fn is_unreachable<A: std::fmt::Debug>(result: &Result<A, Error>) -> bool {
    matches!(result, Err(Error::Unreachable(_)))
}

/// Faults after which the outcome of a request is unknown.
fn faults() -> Vec<Behavior> {
    let complete = done(7);
    vec![
        Behavior::Close,
        Behavior::Hang,
        Behavior::Send(complete[..10].to_vec()),
        Behavior::Send(complete[..complete.len() - 3].to_vec()),
        Behavior::SendAndHang(complete[..complete.len() - 3].to_vec()),
        Behavior::Send(b"\x00\xff\xfe garbage\r\n\r\n".to_vec()),
        Behavior::Send(b"HTTP/1.1 999999 ?\r\n\r\n".to_vec()),
        Behavior::Send(response("502 Bad Gateway", "text/html", "<html>bad gateway</html>")),
        Behavior::Send(response("503 Service Unavailable", "text/html", "<html>")),
        Behavior::Send(response("504 Gateway Timeout", "text/html", "")),
    ]
}

#[tokio::test]
async fn write_whose_response_is_lost_is_unknown_and_sent_once() {
    let mut behaviors = faults();
    behaviors.push(Behavior::Send(json("200 OK", "<html>")));
    behaviors.push(Behavior::Send(json("200 OK", "{}")));
    behaviors.push(Behavior::Send(json("200 OK", r#"{"revision":"x"}"#)));
    behaviors.push(Behavior::Send(problem("500 Internal Server Error", "outcome_unknown")));
    for behavior in behaviors {
        let server = FaultyServer::new([behavior.clone()]).await;
        let result = server.client_with(3).set("k", "v").await;
        assert_eq!(result, Err(Error::Unknown), "{behavior:?}");
        assert_eq!(server.requests().len(), 1, "{behavior:?}");
    }
}

#[tokio::test]
async fn every_kind_of_write_is_sent_once() {
    let server = FaultyServer::new([Behavior::Close]).await;
    let store = server.client_with(3);
    assert_eq!(store.push("k", "v").await, Err(Error::Unknown));
    assert_eq!(store.pop("k").await, Err(Error::Unknown));
    assert_eq!(store.remove("k").await, Err(Error::Unknown));
    assert_eq!(store.persist("k").await, Err(Error::Unknown));
    assert_eq!(store.set_many([("k", "v")]).await, Err(Error::Unknown));
    assert_eq!(store.clear().await, Err(Error::Unknown));
    let batch = store.batch([Write::set("k", "v")]).await;
    assert_eq!(batch, Err(BatchError { index: 0, error: Error::Unknown }));
    assert_eq!(server.requests().len(), 7);
}

#[tokio::test]
async fn pop_whose_response_has_no_element_is_unknown() {
    let server = FaultyServer::new([Behavior::Send(done(7))]).await;
    let store = server.client();
    assert_eq!(store.pop("k").await, Err(Error::Unknown));
    assert_eq!(store.write(Write::pop("k")).await, Err(Error::Unknown));
    assert_eq!(store.remove("k").await, Ok(7));
}

#[tokio::test]
async fn read_whose_response_is_lost_is_retried() {
    let list = json("200 OK", r#"{"elements":["a"],"length":1,"revision":1}"#);
    for behavior in faults() {
        let server = FaultyServer::new([behavior.clone()]).await;
        let result = server.client_with(2).get("k").await;
        assert!(is_unreachable(&result), "{behavior:?}: {result:?}");
        assert_eq!(server.requests().len(), 2, "{behavior:?}");

        let server = FaultyServer::new([behavior.clone(), Behavior::Send(list.clone())]).await;
        assert_eq!(server.client_with(2).range("k", 0, 9).await, Ok(Some(vec!["a".to_owned()])));
    }
}

#[tokio::test]
async fn read_whose_response_cannot_be_decoded_is_rejected() {
    for body in ["", "<html>", "[]", "{}", r#"{"elements":[1],"length":1,"revision":1}"#] {
        let server = FaultyServer::new([Behavior::Send(json("200 OK", body))]).await;
        let store = server.client_with(3);
        for result in [store.get("k").await.map(drop), store.range("k", 0, 1).await.map(drop)] {
            assert!(matches!(result, Err(Error::Rejected(_))), "{body}: {result:?}");
        }
        assert!(matches!(store.stats().await, Err(Error::Rejected(_))));
        assert!(matches!(store.subscribe().await, Err(Error::Rejected(_))));
        assert_eq!(server.requests().len(), 4, "no retries");
    }
}

#[tokio::test]
async fn error_of_another_server_is_not_an_absent_key() {
    for status in ["404 Not Found", "400 Bad Request", "302 Found", "418 I'm a teapot"] {
        let server =
            FaultyServer::new([Behavior::Send(response(status, "text/html", "<html>"))]).await;
        let store = server.client();
        assert!(matches!(store.get("k").await, Err(Error::Rejected(_))), "{status}");
        assert!(matches!(store.contains("k").await, Err(Error::Rejected(_))), "{status}");
        assert!(matches!(store.set("k", "v").await, Err(Error::Rejected(_))), "{status}");
    }
    let server = FaultyServer::new([Behavior::Send(problem("404 Not Found", "not_found"))]).await;
    assert!(matches!(server.client().contains("k").await, Err(Error::Rejected(_))));
    for (status, error) in
        [("401 Unauthorized", Error::Unauthorized), ("403 Forbidden", Error::Forbidden)]
    {
        let server =
            FaultyServer::new([Behavior::Send(response(status, "text/plain", "no"))]).await;
        assert_eq!(server.client().get("k").await, Err(error.clone()));
        assert_eq!(server.client().set("k", "v").await, Err(error));
    }
}

#[tokio::test]
async fn busy_server_is_retried_after_its_retry_after() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n";
    let body = r#"{"code":"busy","message":"m"}"#;
    let busy = format!("{busy}content-length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let server = FaultyServer::new([Behavior::Send(busy), Behavior::Send(done(3))]).await;
    let start = Instant::now();
    assert_eq!(server.client_with(3).set("k", "v").await, Ok(3));
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.requests().len(), 2);

    let recovering = Behavior::Send(problem("503 Service Unavailable", "recovering"));
    let server = FaultyServer::new([recovering]).await;
    assert_eq!(server.client_with(2).set("k", "v").await, Err(Error::Recovering));
    assert_eq!(server.requests().len(), 2);

    let closing = Behavior::Send(problem("503 Service Unavailable", "shutting_down"));
    let server = FaultyServer::new([closing]).await;
    assert_eq!(server.client_with(3).set("k", "v").await, Err(Error::Closed));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn write_to_an_unreachable_server_is_not_unknown() {
    let server = FaultyServer::new([Behavior::Close]).await;
    let url = server.url.clone();
    drop(server);
    tokio::task::yield_now().await;
    let store = Client::<String>::builder(&url).tries(2).connect().unwrap();
    let failed = store.set("k", "v").await;
    assert!(is_unreachable(&failed), "{failed:?}");
    assert!(failed.unwrap_err().to_string().contains(&url));
    assert!(is_unreachable(&store.get("k").await));
    assert!(store.subscribe().await.is_err());
}

#[tokio::test]
async fn errors_and_debug_output_hide_the_password_of_the_url() {
    let server = FaultyServer::new([Behavior::Close]).await;
    let url = server.url.replace("http://", "http://ada:secret@");
    let store = Client::<String>::builder(&url).tries(1).connect().unwrap();
    let error = store.get("k").await.unwrap_err();
    assert!(!format!("{error:?} {store:?}").contains("secret"), "{error:?} {store:?}");
    assert!(format!("{store:?}").contains(&server.url), "{store:?}");
    assert!(server.requests()[0].contains("authorization: Basic"), "{:?}", server.requests());
}

#[tokio::test]
async fn invalid_commands_are_not_sent() {
    let server = FaultyServer::new([Behavior::Close]).await;
    let store = server.client();
    for key in [".", ".."] {
        assert!(matches!(store.get(key).await, Err(Error::Rejected(_))));
        assert!(matches!(store.set(key, "v").await, Err(Error::Rejected(_))));
    }
    assert_eq!(store.get("").await, Err(Error::InvalidKey { length: 0 }));
    assert_eq!(store.set("k", "v").ttl(Duration::ZERO).await, Err(Error::InvalidTtl));
    let many = store.set_many([("", "v")]).await;
    assert_eq!(many, Ok(vec![Err(Error::InvalidKey { length: 0 })]));
    let batch = store.batch([Write::set("k", "v"), Write::remove("")]).await;
    assert_eq!(batch, Err(BatchError { index: 1, error: Error::InvalidKey { length: 0 } }));
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn requests_have_the_documented_form() {
    let server = FaultyServer::new([Behavior::Send(done(1))]).await;
    let store = server.client();
    store.set("a/b", "v").ttl(Duration::from_secs(90)).if_absent().await.unwrap();
    store.update("k", "v").if_revision(7).await.unwrap();
    store.push_front("k", "é").if_present().await.unwrap();
    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("PUT /api/v1/a%2Fb HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("if-none-match: *"), "{head}");
    assert_eq!(body, r#"{"value":"v","ttl":"1m30s"}"#);
    assert!(requests[1].starts_with("PATCH /api/v1/k HTTP/1.1\r\n"));
    assert!(requests[1].contains("if-match: \"7\""));
    assert!(requests[2].starts_with("POST /api/v1/k/push?end=front HTTP/1.1\r\n"));
    assert!(requests[2].contains("if-match: *") && requests[2].ends_with(r#"{"value":"é"}"#));
}

#[tokio::test]
async fn ready_waits_for_a_recovered_store() {
    let stats = json("200 OK", &format!(r#"{{"id":"{STORE}","entries":3,"new":[]}}"#));
    let server = FaultyServer::new([
        Behavior::Close,
        Behavior::Send(problem("503 Service Unavailable", "recovering")),
        Behavior::Send(response("502 Bad Gateway", "text/html", "")),
        Behavior::Send(stats),
    ])
    .await;
    let store = server.client();
    store.ready().await.unwrap();
    assert_eq!(store.id().await.unwrap().to_string(), STORE);
    assert_eq!(store.stats().await.unwrap().entries, 3);

    let server =
        FaultyServer::new([Behavior::Send(response("404 Not Found", "text/html", ""))]).await;
    assert!(matches!(server.client().ready().await, Err(Error::Rejected(_))));
}

/// A redirect leads to another address, which may be another server.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = FaultyServer::new([Behavior::Send(done(7))]).await;
    let moved = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}/api/v1/k\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url
    );
    let server =
        FaultyServer::new([Behavior::Send(moved.clone().into()), Behavior::Send(moved.into())])
            .await;
    let store = server.client_with(1);
    assert!(matches!(store.set("k", "v").await, Err(Error::Rejected(_))));
    assert!(matches!(store.get("k").await, Err(Error::Rejected(_))));
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}
