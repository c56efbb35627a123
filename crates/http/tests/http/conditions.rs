//! ETags and the conditions of reads and writes.

use mainspring::wire::Json;
use mainspring::{Gate, Refusal, Store, Write};
use mainspring_http::server;

use super::{Server, answer, assert_refused};

#[tokio::test]
async fn a_read_of_what_is_known_has_no_body() {
    let server = Server::start().await;
    server.ask("PUT", "/api/v1/k", r#"{"value":"x"}"#).await;
    let read = server.ask("GET", "/api/v1/k", "").await;
    let etag = read.header("etag").to_owned();
    assert_eq!(etag, format!("\"{}-1\"", server.store.id()));

    for known in [etag.clone(), "*".into(), format!("W/{etag}"), format!("\"other\", {etag}")] {
        let request = server.request("GET", "/api/v1/k").header("if-none-match", &known);
        let told = answer(request).await;
        assert_eq!(
            (told.status.as_u16(), told.text(), told.header("etag")),
            (304, "", &*etag),
            "{known}"
        );
    }
    server.ask("PATCH", "/api/v1/k", r#"{"value":"y"}"#).await;
    let told = answer(server.request("GET", "/api/v1/k").header("if-none-match", &etag)).await;
    assert_eq!((told.status.as_u16(), &told.json()["value"]), (200, &"y".into()));
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let server = Server::start().await;
    server.ask("PUT", "/api/v1/k", r#"{"value":["x"]}"#).await;
    for path in ["/api/v1/k", "/api/v1/k/range", "/v1/k", "/keys", "/stats", "/api/v1/absent"] {
        let (get, head) = (server.ask("GET", path, "").await, server.ask("HEAD", path, "").await);
        assert_eq!((head.status, head.text()), (get.status, ""), "{path}");
        for name in ["content-type", "etag", "content-length"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn a_write_is_done_only_if_its_condition_holds() {
    let server = Server::start().await;
    let put = async |name: &'static str, value: String| {
        let request = server.request("PUT", "/api/v1/k").body(r#"{"value":"x"}"#);
        answer(request.header(name, value)).await
    };
    let missing = put("if-match", "*".into()).await;
    assert_refused(&missing, 412, "revision_mismatch");
    assert!(missing.json()["current"].is_null() && missing.text().contains("\"current\":null"));
    assert_eq!(put("if-none-match", "*".into()).await.json()["revision"], 1);
    let present = put("if-none-match", "*".into()).await;
    assert_refused(&present, 412, "revision_mismatch");
    assert_eq!(present.json()["current"], 1);

    let etag = server.ask("GET", "/api/v1/k", "").await.header("etag").to_owned();
    assert_eq!(put("if-match", etag.clone()).await.json()["revision"], 2);
    assert_refused(&put("if-match", etag).await, 412, "revision_mismatch");
    assert_eq!(put("if-match", "\"2\"".into()).await.json()["revision"], 3);
    assert_eq!(put("if-match", "*".into()).await.json()["revision"], 4);
    // The same revision of another store is another entry.
    let foreign = put("if-match", "\"00000000000000ff-4\"".into()).await;
    assert_refused(&foreign, 412, "revision_mismatch");
    for wrong in ["4", "\"x\"", "\"1\", \"4\"", "", "W/\"4\""] {
        assert_refused(&put("if-match", wrong.into()).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a_push_to_a_list_that_has_to_be_there_takes_conditions_too() {
    let server = Server::start().await;
    let push = async |header: Option<(&'static str, &str)>, body: &'static str| {
        let request = server.request("PATCH", "/api/v1/k/push").body(body);
        answer(
            header.into_iter().fold(request, |request, (name, value)| request.header(name, value)),
        )
        .await
    };
    let plain = r#"{"value":"x"}"#;
    // Absent comes before the condition.
    for header in
        [None, Some(("if-none-match", "*")), Some(("if-match", "*")), Some(("if-match", "\"1\""))]
    {
        assert_refused(&push(header, plain).await, 404, "item_not_found");
    }
    assert_refused(&push(None, r#"{"value":"x","if_absent":true}"#).await, 404, "item_not_found");
    assert!(server.store.get("k").await.unwrap().is_none());
    server.store.set("k", vec!["a".into()]).await.unwrap();
    assert_refused(&push(Some(("if-none-match", "*")), plain).await, 412, "revision_mismatch");
    assert_refused(&push(Some(("if-match", "\"7\"")), plain).await, 412, "revision_mismatch");
    assert_eq!(push(Some(("if-match", "\"1\"")), plain).await.json()["revision"], 2);
    let conditional = push(None, r#"{"value":"x","if_revision":2}"#).await;
    assert_eq!(conditional.json()["revision"], 3, "{conditional:?}");
}

/// Says yes.
struct Open;

impl Gate<Json> for Open {
    async fn admit(&mut self, _: &Write<Json>) -> Result<(), Refusal> {
        Ok(())
    }
}

#[tokio::test]
async fn a_gated_list_is_pushed_to_as_any_other() {
    let store = Store::<Json>::builder().gate("g/", Open).spawn();
    store.set("g/k", vec!["a".into()]).await.unwrap();
    let server = Server::of(store, server::ServerOptions::default()).await;
    let pushed = server.ask("PATCH", "/api/v1/g%2Fk/push", r#"{"value":"b"}"#).await;
    assert_eq!((pushed.status.as_u16(), &pushed.json()["revision"]), (200, &2.into()));
    let absent = server.ask("PATCH", "/api/v1/g%2Fnone/push", r#"{"value":"b"}"#).await;
    assert_refused(&absent, 404, "item_not_found");
}

#[tokio::test]
async fn a_condition_that_would_not_be_heeded_is_refused() {
    let server = Server::start().await;
    server.ask("PUT", "/api/v1/k", r#"{"value":"x"}"#).await;
    for (name, value) in [("if-match", "\"9\""), ("if-match", "*"), ("if-none-match", "*")] {
        let batch = server.request("POST", "/batch").header(name, value);
        let batch = answer(batch.body(r#"[{"command":"remove","key":"k"}]"#)).await;
        assert_refused(&batch, 400, "invalid_request");
        let flush = answer(server.request("DELETE", "/flush").header(name, value)).await;
        assert_eq!(
            (flush.status.as_u16(), flush.header("content-type")),
            (400, "text/plain; charset=utf-8")
        );
        assert!(flush.text().contains(name), "{}", flush.text());
    }
    assert_eq!(server.store.revision(), 1);
}

#[tokio::test]
async fn only_none_takes_a_deadline_away() {
    let server = Server::start().await;
    server.ask("PUT", "/api/v1/k", r#"{"value":"x","ttl":"1h"}"#).await;
    for method in ["POST", "PATCH"] {
        let refused = server.ask(method, "/api/v1/k/ttl", r#"{"ttl":null}"#).await;
        assert_refused(&refused, 400, "invalid_ttl");
    }
    let batch = r#"[{"command":"expire","key":"k","ttl":null}]"#;
    assert_refused(&server.ask("POST", "/batch", batch).await, 400, "invalid_ttl");
    assert_eq!(server.store.revision(), 1);
    // Elsewhere it is as good as nothing.
    let set = server.ask("PATCH", "/api/v1/k", r#"{"value":"y","ttl":null}"#).await;
    assert_eq!(set.json()["revision"], 2, "{set:?}");
    assert!(server.store.get("k").await.unwrap().unwrap().expires_at.is_some());
    server.ask("POST", "/api/v1/k/ttl", r#"{"ttl":"none"}"#).await;
    assert!(server.store.get("k").await.unwrap().unwrap().expires_at.is_none());
}

#[tokio::test]
async fn a_write_takes_one_condition() {
    let server = Server::start().await;
    let body = r#"{"value":"x","if_absent":true}"#;
    let request = server.request("PUT", "/api/v1/k").header("if-none-match", "*").body(body);
    assert_refused(&answer(request).await, 400, "invalid_request");
    let request = server.request("DELETE", "/api/v1/k").header("if-none-match", "*");
    assert_refused(&answer(request.header("if-match", "*")).await, 400, "invalid_request");
    assert_eq!(server.ask("PUT", "/api/v1/k", body).await.status, 200);
    assert_refused(&server.ask("PUT", "/api/v1/k", body).await, 412, "revision_mismatch");
}
