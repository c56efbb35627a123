//! Server-sent events: places to resume, batches, signs of life, the end.

use std::time::Duration;

use mainspring::wire::Json;
use mainspring::{Store, Write};
use mainspring_http::server;

use super::{Server, answer, assert_refused};

/// A stream that is read event by event.
struct Stream {
    response: reqwest::Response,
    read: String,
}

/// An event, with nothing where a field is absent.
#[derive(Debug, Clone, Default, PartialEq)]
struct Told {
    event: String,
    id: String,
    data: String,
    comment: String,
}

impl Stream {
    async fn open(server: &Server, query: &str, last: Option<&str>) -> Self {
        let mut request = server.request("GET", &format!("/watch{query}"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200, "{query}");
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["mainspring-store"], server.store.id().to_string());
        Self { response, read: String::new() }
    }

    /// The next block; `None` at the end.
    async fn block(&mut self) -> Option<Told> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let mut told = Told::default();
                for line in block.lines() {
                    let (name, value) = line.split_once(':').unwrap();
                    let field = match name {
                        "event" => &mut told.event,
                        "id" => &mut told.id,
                        "data" => &mut told.data,
                        "" => &mut told.comment,
                        other => panic!("{other} is no field"),
                    };
                    field.push_str(value.strip_prefix(' ').unwrap_or(value));
                    if name.is_empty() {
                        field.push('.');
                    }
                }
                self.read = rest.to_owned();
                return Some(told);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event that says something.
    async fn next(&mut self) -> Told {
        loop {
            let told = self.block().await.expect("another event");
            if !told.event.is_empty() {
                return told;
            }
        }
    }
}

impl Told {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

#[tokio::test]
async fn a_watch_is_resumed_after_the_last_event_that_was_read() {
    let server = Server::start().await;
    let mut first = Stream::open(&server, "", None).await;
    let began = first.block().await.unwrap();
    assert_eq!(began.id, format!("{}-0", server.store.id()));
    assert_eq!(first.response.headers()["mainspring-resume"], began.id);
    for n in 1..=5 {
        server.store.set("k", Json::text(&n.to_string())).await.unwrap();
    }
    let told = first.next().await;
    assert_eq!((&*told.event, &told.json()["value"]), ("change", &"1".into()));
    drop(first);

    let rest = async |query: &str, last: Option<&str>| {
        let mut stream = Stream::open(&server, query, last).await;
        let mut values = Vec::new();
        while values.last() != Some(&serde_json::json!("5")) {
            values.push(stream.next().await.json()["value"].clone());
        }
        values.len()
    };
    assert_eq!(rest("", Some(&told.id)).await, 4);
    assert_eq!(rest("?from=now", Some(&told.id)).await, 4, "Last-Event-ID wins");
    assert_eq!(rest("?from=3", None).await, 2);
    assert_eq!(rest("?from=0&prefix=k", None).await, 5);
    assert_eq!(rest(&format!("?from={}&key=k", told.id), None).await, 4);
    assert_eq!(rest("?from=snapshot", None).await, 1);
}

#[tokio::test]
async fn a_snapshot_has_no_place_to_resume_before_its_end() {
    let server = Server::start().await;
    for key in ["a", "b", "c"] {
        server.ask("PUT", &format!("/api/v1/{key}"), r#"{"value":1}"#).await;
    }
    let mut stream = Stream::open(&server, "?from=snapshot", None).await;
    assert!(!stream.response.headers().contains_key("mainspring-resume"));
    let mut keys = Vec::new();
    for _ in 0..3 {
        let told = stream.next().await;
        assert_eq!((&*told.event, &*told.id), ("entry", ""));
        keys.push(told.json()["key"].as_str().unwrap().to_owned());
    }
    keys.sort();
    assert_eq!(keys, ["a", "b", "c"]);
    let end = stream.next().await;
    assert_eq!((&*end.event, &*end.data), ("snapshot_end", r#"{"revision":3}"#));
    assert_eq!(end.id, format!("{}-3", server.store.id()));
}

#[tokio::test]
async fn a_batch_is_one_event() {
    let server = Server::start().await;
    let mut stream = Stream::open(&server, "", None).await;
    stream.block().await.unwrap();
    let body = r#"[{"command":"set","key":"a","value":1},{"command":"push","key":"b","value":"x"},
        {"command":"remove","key":"a"}]"#;
    assert_eq!(server.ask("POST", "/batch", body).await.status, 200);
    let told = stream.next().await;
    assert_eq!((&*told.event, told.json()["changes"].as_array().unwrap().len()), ("batch", 3));
    assert_eq!(
        (&told.json()["revision"], told.id),
        (&3.into(), format!("{}-3", server.store.id()))
    );

    let inside = server.ask("GET", "/watch?from=2", "").await;
    assert_refused(&inside, 400, "invalid_request");
    assert_eq!((&inside.json()["asked"], &inside.json()["before"]), (&2.into(), &0.into()));
}

#[tokio::test]
async fn what_cannot_be_told_is_refused_before_the_stream() {
    let store = Store::<Json>::builder().history_changes(2).spawn();
    let server = Server::of(store, server::ServerOptions::default()).await;
    for n in 0..10_000 {
        server.store.set("k", Json::text(&n.to_string())).await.unwrap();
    }
    let gone = server.ask("GET", "/watch?from=1", "").await;
    assert_refused(&gone, 410, "compacted");
    assert!(gone.json()["oldest"].as_u64().unwrap() > 1, "{gone:?}");
    let foreign = server.request("GET", "/watch").header("last-event-id", "00000000000000ff-9");
    assert_refused(&answer(foreign).await, 409, "wrong_store");
    let ahead = server.ask("GET", "/watch?from=99999", "").await;
    assert_refused(&ahead, 400, "invalid_request");
    assert_eq!((&ahead.json()["asked"], &ahead.json()["head"]), (&99_999.into(), &10_000.into()));
    for query in ["?key=a&prefix=b", "?from=yesterday", "?from=-1", "?key="] {
        assert_refused(
            &server.ask("GET", &format!("/watch{query}"), "").await,
            400,
            "invalid_request",
        );
    }
    let wrong = server.request("GET", "/watch").header("last-event-id", "7");
    assert_refused(&answer(wrong).await, 400, "invalid_request");
}

#[tokio::test]
async fn a_stream_without_news_says_that_it_is_alive() {
    let mut options = server::ServerOptions::default();
    options.heartbeat = Duration::from_millis(20);
    let server = Server::of(Store::<Json>::builder().spawn(), options).await;
    let mut stream = Stream::open(&server, "?key=k", None).await;
    stream.block().await.unwrap();
    for _ in 0..3 {
        let told = stream.block().await.unwrap();
        assert_eq!((told.comment.is_empty(), &*told.event, &*told.id), (false, "", ""), "{told:?}");
    }
}

#[tokio::test]
async fn the_last_event_says_why_it_is_the_last() {
    let server = Server::start().await;
    let mut stream = Stream::open(&server, "", None).await;
    server.store.write(Write::set("k", "v")).await.unwrap();
    assert_eq!(stream.next().await.event, "change");
    server.shutdown.cancel();
    let end = stream.next().await;
    assert_eq!((&*end.event, &end.json()["code"]), ("end", &"shutting_down".into()));
    assert_eq!(stream.block().await, None);
}
