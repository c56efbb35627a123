//! Server-sent events: positions to resume from, batches, heartbeats, the end.

use std::time::Duration;

use mainspring::wire::Json;
use mainspring::{Store, Write};
use mainspring_http::server;

use super::{Server, assert_error, execute};

/// A stream that is read event by event.
struct Stream {
    response: reqwest::Response,
    read: String,
}

/// A server-sent event. Absent fields are empty.
#[derive(Debug, Clone, Default, PartialEq)]
struct SentEvent {
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

    /// Reads the next block; `None` at the end.
    async fn block(&mut self) -> Option<SentEvent> {
        loop {
            if let Some((block, rest)) = self.read.split_once("\n\n") {
                let mut event = SentEvent::default();
                for line in block.lines() {
                    let (name, value) = line.split_once(':').unwrap();
                    let field = match name {
                        "event" => &mut event.event,
                        "id" => &mut event.id,
                        "data" => &mut event.data,
                        "" => &mut event.comment,
                        other => panic!("unknown field {other}"),
                    };
                    field.push_str(value.strip_prefix(' ').unwrap_or(value));
                    if name.is_empty() {
                        field.push('.');
                    }
                }
                self.read = rest.to_owned();
                return Some(event);
            }
            let chunk = self.response.chunk().await.unwrap()?;
            self.read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Reads the next event that has a name.
    async fn next(&mut self) -> SentEvent {
        loop {
            let event = self.block().await.expect("the stream has ended");
            if !event.event.is_empty() {
                return event;
            }
        }
    }
}

impl SentEvent {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.data).unwrap()
    }
}

#[tokio::test]
async fn watch_resumes_after_the_last_event() {
    let server = Server::start().await;
    let mut first = Stream::open(&server, "", None).await;
    let began = first.block().await.unwrap();
    assert_eq!(began.id, format!("{}-0", server.store.id()));
    assert_eq!(first.response.headers()["mainspring-resume"], began.id);
    for n in 1..=5 {
        server.store.set("k", Json::text(&n.to_string())).await.unwrap();
    }
    let event = first.next().await;
    assert_eq!((&*event.event, &event.json()["value"]), ("change", &"1".into()));
    drop(first);

    let rest = async |query: &str, last: Option<&str>| {
        let mut stream = Stream::open(&server, query, last).await;
        let mut values = Vec::new();
        while values.last() != Some(&serde_json::json!("5")) {
            values.push(stream.next().await.json()["value"].clone());
        }
        values.len()
    };
    assert_eq!(rest("", Some(&event.id)).await, 4);
    assert_eq!(rest("?from=now", Some(&event.id)).await, 4, "Last-Event-ID takes precedence");
    assert_eq!(rest("?from=3", None).await, 2);
    assert_eq!(rest("?from=0&prefix=k", None).await, 5);
    assert_eq!(rest(&format!("?from={}&key=k", event.id), None).await, 4);
    assert_eq!(rest("?from=snapshot", None).await, 1);
}

#[tokio::test]
async fn snapshot_has_no_resume_position_before_its_end() {
    let server = Server::start().await;
    for key in ["a", "b", "c"] {
        server.send("PUT", &format!("/api/v1/{key}"), r#"{"value":1}"#).await;
    }
    let mut stream = Stream::open(&server, "?from=snapshot", None).await;
    assert!(!stream.response.headers().contains_key("mainspring-resume"));
    let mut keys = Vec::new();
    for _ in 0..3 {
        let event = stream.next().await;
        assert_eq!((&*event.event, &*event.id), ("entry", ""));
        keys.push(event.json()["key"].as_str().unwrap().to_owned());
    }
    keys.sort();
    assert_eq!(keys, ["a", "b", "c"]);
    let end = stream.next().await;
    assert_eq!((&*end.event, &*end.data), ("snapshot_end", r#"{"revision":3}"#));
    assert_eq!(end.id, format!("{}-3", server.store.id()));
}

#[tokio::test]
async fn batch_is_one_event() {
    let server = Server::start().await;
    let mut stream = Stream::open(&server, "", None).await;
    stream.block().await.unwrap();
    let body = r#"[{"command":"set","key":"a","value":1},{"command":"push","key":"b","value":"x"},
        {"command":"remove","key":"a"}]"#;
    assert_eq!(server.send("POST", "/batch", body).await.status, 200);
    let event = stream.next().await;
    assert_eq!((&*event.event, event.json()["changes"].as_array().unwrap().len()), ("batch", 3));
    assert_eq!(
        (&event.json()["revision"], event.id),
        (&3.into(), format!("{}-3", server.store.id()))
    );

    let inside = server.send("GET", "/watch?from=2", "").await;
    assert_error(&inside, 400, "invalid_request");
    assert_eq!((&inside.json()["asked"], &inside.json()["before"]), (&2.into(), &0.into()));
}

#[tokio::test]
async fn invalid_start_is_rejected_before_the_stream() {
    let store = Store::<Json>::builder().history_changes(2).spawn();
    let server = Server::with_options(store, server::ServerOptions::default()).await;
    for n in 0..10_000 {
        server.store.set("k", Json::text(&n.to_string())).await.unwrap();
    }
    let gone = server.send("GET", "/watch?from=1", "").await;
    assert_error(&gone, 410, "compacted");
    assert!(gone.json()["oldest"].as_u64().unwrap() > 1, "{gone:?}");
    let foreign = server.request("GET", "/watch").header("last-event-id", "00000000000000ff-9");
    assert_error(&execute(foreign).await, 409, "wrong_store");
    let ahead = server.send("GET", "/watch?from=99999", "").await;
    assert_error(&ahead, 400, "invalid_request");
    assert_eq!((&ahead.json()["asked"], &ahead.json()["head"]), (&99_999.into(), &10_000.into()));
    for query in ["?key=a&prefix=b", "?from=yesterday", "?from=-1", "?key="] {
        assert_error(
            &server.send("GET", &format!("/watch{query}"), "").await,
            400,
            "invalid_request",
        );
    }
    let wrong = server.request("GET", "/watch").header("last-event-id", "7");
    assert_error(&execute(wrong).await, 400, "invalid_request");
}

#[tokio::test]
async fn quiet_stream_has_heartbeats() {
    let mut options = server::ServerOptions::default();
    options.heartbeat = Duration::from_millis(20);
    let server = Server::with_options(Store::<Json>::builder().spawn(), options).await;
    let mut stream = Stream::open(&server, "?key=k", None).await;
    stream.block().await.unwrap();
    for _ in 0..3 {
        let event = stream.block().await.unwrap();
        assert_eq!(
            (event.comment.is_empty(), &*event.event, &*event.id),
            (false, "", ""),
            "{event:?}"
        );
    }
}

#[tokio::test]
async fn last_event_has_the_reason() {
    let server = Server::start().await;
    let mut stream = Stream::open(&server, "", None).await;
    server.store.write(Write::set("k", "v")).await.unwrap();
    assert_eq!(stream.next().await.event, "change");
    server.shutdown.cancel();
    let end = stream.next().await;
    assert_eq!((&*end.event, &end.json()["code"]), ("end", &"shutting_down".into()));
    assert_eq!(stream.block().await, None);
}
