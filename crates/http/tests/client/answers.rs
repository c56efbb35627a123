//! Commands whose answers are bad: the error says what may have happened, and no write is sent twice.

use std::time::{Duration, Instant};

use mainspring::{BatchError, Error, Write};
use mainspring_http::Client;

use crate::liar::{Liar, STORE, Say, TIME, answer, json, problem};

fn done(revision: u64) -> Vec<u8> {
    json("200 OK", &format!(r#"{{"message":"ok","revision":{revision},"updated_at":"{TIME}"}}"#))
}

fn unreachable<A: std::fmt::Debug>(answer: &Result<A, Error>) -> bool {
    matches!(answer, Err(Error::Unreachable(_)))
}

/// Everything that leaves open what became of the request.
fn losses() -> Vec<Say> {
    let whole = done(7);
    vec![
        Say::Nothing,
        Say::Hang,
        Say::Bytes(whole[..10].to_vec()),
        Say::Bytes(whole[..whole.len() - 3].to_vec()),
        Say::Stay(whole[..whole.len() - 3].to_vec()),
        Say::Bytes(b"\x00\xff\xfe garbage\r\n\r\n".to_vec()),
        Say::Bytes(b"HTTP/1.1 999999 ?\r\n\r\n".to_vec()),
        Say::Bytes(answer("502 Bad Gateway", "text/html", "<html>bad gateway</html>")),
        Say::Bytes(answer("503 Service Unavailable", "text/html", "<html>")),
        Say::Bytes(answer("504 Gateway Timeout", "text/html", "")),
    ]
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_unknown_and_sent_once() {
    let mut says = losses();
    says.push(Say::Bytes(json("200 OK", "<html>")));
    says.push(Say::Bytes(json("200 OK", "{}")));
    says.push(Say::Bytes(json("200 OK", r#"{"revision":"x"}"#)));
    says.push(Say::Bytes(problem("500 Internal Server Error", "outcome_unknown")));
    for say in says {
        let liar = Liar::new([say.clone()]).await;
        let answer = liar.client_with(3).set("k", "v").await;
        assert_eq!(answer, Err(Error::Unknown), "{say:?}");
        assert_eq!(liar.requests().len(), 1, "{say:?}");
    }
}

#[tokio::test]
async fn every_kind_of_write_is_sent_once() {
    let liar = Liar::new([Say::Nothing]).await;
    let store = liar.client_with(3);
    assert_eq!(store.push("k", "v").await, Err(Error::Unknown));
    assert_eq!(store.pop("k").await, Err(Error::Unknown));
    assert_eq!(store.remove("k").await, Err(Error::Unknown));
    assert_eq!(store.persist("k").await, Err(Error::Unknown));
    assert_eq!(store.set_many([("k", "v")]).await, Err(Error::Unknown));
    assert_eq!(store.clear().await, Err(Error::Unknown));
    let batch = store.batch([Write::set("k", "v")]).await;
    assert_eq!(batch, Err(BatchError { index: 0, error: Error::Unknown }));
    assert_eq!(liar.requests().len(), 7);
}

#[tokio::test]
async fn a_pop_that_answers_no_element_is_unknown() {
    let liar = Liar::new([Say::Bytes(done(7))]).await;
    let store = liar.client();
    assert_eq!(store.pop("k").await, Err(Error::Unknown));
    assert_eq!(store.write(Write::pop("k")).await, Err(Error::Unknown));
    assert_eq!(store.remove("k").await, Ok(7));
}

#[tokio::test]
async fn a_read_without_an_answer_is_tried_again() {
    let list = json("200 OK", r#"{"elements":["a"],"length":1,"revision":1}"#);
    for say in losses() {
        let liar = Liar::new([say.clone()]).await;
        let answer = liar.client_with(2).get("k").await;
        assert!(unreachable(&answer), "{say:?}: {answer:?}");
        assert_eq!(liar.requests().len(), 2, "{say:?}");

        let liar = Liar::new([say.clone(), Say::Bytes(list.clone())]).await;
        assert_eq!(liar.client_with(2).range("k", 0, 9).await, Ok(Some(vec!["a".to_owned()])));
    }
}

#[tokio::test]
async fn a_read_whose_answer_makes_no_sense_says_so() {
    for body in ["", "<html>", "[]", "{}", r#"{"elements":[1],"length":1,"revision":1}"#] {
        let liar = Liar::new([Say::Bytes(json("200 OK", body))]).await;
        let store = liar.client_with(3);
        for answer in [store.get("k").await.map(drop), store.range("k", 0, 1).await.map(drop)] {
            assert!(matches!(answer, Err(Error::Rejected(_))), "{body}: {answer:?}");
        }
        assert!(matches!(store.stats().await, Err(Error::Rejected(_))));
        assert!(matches!(store.subscribe().await, Err(Error::Rejected(_))));
        assert_eq!(liar.requests().len(), 4, "it would be the same again");
    }
}

#[tokio::test]
async fn a_server_that_is_something_else_is_no_absent_key() {
    for status in ["404 Not Found", "400 Bad Request", "302 Found", "418 I'm a teapot"] {
        let liar = Liar::new([Say::Bytes(answer(status, "text/html", "<html>"))]).await;
        let store = liar.client();
        assert!(matches!(store.get("k").await, Err(Error::Rejected(_))), "{status}");
        assert!(matches!(store.contains("k").await, Err(Error::Rejected(_))), "{status}");
        assert!(matches!(store.set("k", "v").await, Err(Error::Rejected(_))), "{status}");
    }
    let liar = Liar::new([Say::Bytes(problem("404 Not Found", "not_found"))]).await;
    assert!(matches!(liar.client().contains("k").await, Err(Error::Rejected(_))));
    for (status, error) in
        [("401 Unauthorized", Error::Unauthorized), ("403 Forbidden", Error::Forbidden)]
    {
        let liar = Liar::new([Say::Bytes(answer(status, "text/plain", "no"))]).await;
        assert_eq!(liar.client().get("k").await, Err(error.clone()));
        assert_eq!(liar.client().set("k", "v").await, Err(error));
    }
}

#[tokio::test]
async fn a_busy_server_is_asked_again_when_it_says() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n";
    let body = r#"{"code":"busy","message":"m"}"#;
    let busy = format!("{busy}content-length: {}\r\n\r\n{body}", body.len()).into_bytes();
    let liar = Liar::new([Say::Bytes(busy), Say::Bytes(done(3))]).await;
    let start = Instant::now();
    assert_eq!(liar.client_with(3).set("k", "v").await, Ok(3));
    assert!(start.elapsed() >= Duration::from_secs(1));
    assert_eq!(liar.requests().len(), 2);

    let recovering = Say::Bytes(problem("503 Service Unavailable", "recovering"));
    let liar = Liar::new([recovering]).await;
    assert_eq!(liar.client_with(2).set("k", "v").await, Err(Error::Recovering));
    assert_eq!(liar.requests().len(), 2);

    let closing = Say::Bytes(problem("503 Service Unavailable", "shutting_down"));
    let liar = Liar::new([closing]).await;
    assert_eq!(liar.client_with(3).set("k", "v").await, Err(Error::Closed));
    assert_eq!(liar.requests().len(), 1);
}

#[tokio::test]
async fn nobody_there_is_no_unknown() {
    let liar = Liar::new([Say::Nothing]).await;
    let url = liar.url.clone();
    drop(liar);
    tokio::task::yield_now().await;
    let store = Client::<String>::builder(&url).tries(2).connect().unwrap();
    let failed = store.set("k", "v").await;
    assert!(unreachable(&failed), "{failed:?}");
    assert!(failed.unwrap_err().to_string().contains(&url));
    assert!(unreachable(&store.get("k").await));
    assert!(store.subscribe().await.is_err());
}

#[tokio::test]
async fn nothing_of_a_password_is_told() {
    let liar = Liar::new([Say::Nothing]).await;
    let url = liar.url.replace("http://", "http://ada:secret@");
    let store = Client::<String>::builder(&url).tries(1).connect().unwrap();
    let error = store.get("k").await.unwrap_err();
    assert!(!format!("{error:?} {store:?}").contains("secret"), "{error:?} {store:?}");
    assert!(format!("{store:?}").contains(&liar.url), "{store:?}");
    assert!(liar.requests()[0].contains("authorization: Basic"), "{:?}", liar.requests());
}

#[tokio::test]
async fn what_cannot_be_sent_is_not_sent() {
    let liar = Liar::new([Say::Nothing]).await;
    let store = liar.client();
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
    assert_eq!(liar.requests(), [""; 0]);
}

#[tokio::test]
async fn requests_are_what_the_interface_wants() {
    let liar = Liar::new([Say::Bytes(done(1))]).await;
    let store = liar.client();
    store.set("a/b", "v").ttl(Duration::from_secs(90)).if_absent().await.unwrap();
    store.update("k", "v").if_revision(7).await.unwrap();
    store.push_front("k", "é").if_present().await.unwrap();
    let requests = liar.requests();
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
async fn ready_waits_until_there_is_a_store() {
    let stats = json("200 OK", &format!(r#"{{"id":"{STORE}","entries":3,"new":[]}}"#));
    let liar = Liar::new([
        Say::Nothing,
        Say::Bytes(problem("503 Service Unavailable", "recovering")),
        Say::Bytes(answer("502 Bad Gateway", "text/html", "")),
        Say::Bytes(stats),
    ])
    .await;
    let store = liar.client();
    store.ready().await.unwrap();
    assert_eq!(store.id().await.unwrap().to_string(), STORE);
    assert_eq!(store.stats().await.unwrap().entries, 3);

    let liar = Liar::new([Say::Bytes(answer("404 Not Found", "text/html", ""))]).await;
    assert!(matches!(liar.client().ready().await, Err(Error::Rejected(_))));
}

/// Where it leads is another address, and who answers there was never asked for.
#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Liar::new([Say::Bytes(done(7))]).await;
    let moved = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: {}/api/v1/k\r\ncontent-length: 0\r\n\r\n",
        elsewhere.url
    );
    let liar = Liar::new([Say::Bytes(moved.clone().into()), Say::Bytes(moved.into())]).await;
    let store = liar.client_with(1);
    assert!(matches!(store.set("k", "v").await, Err(Error::Rejected(_))));
    assert!(matches!(store.get("k").await, Err(Error::Rejected(_))));
    assert_eq!(elsewhere.requests(), Vec::<String>::new());
}
