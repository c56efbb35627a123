//! ETags and the conditions of reads and writes.

use mainspring::wire::Json;
use mainspring::{Gate, Refusal, Store, Write};
use mainspring_http::server;

use super::{Server, assert_error, execute};

#[tokio::test]
async fn conditional_get_of_a_current_entry_returns_304() {
    let server = Server::start().await;
    server.send("PUT", "/api/v1/k", r#"{"value":"x"}"#).await;
    let read = server.send("GET", "/api/v1/k", "").await;
    let etag = read.header("etag").to_owned();
    assert_eq!(etag, format!("\"{}-1\"", server.store.id()));

    for tags in [etag.clone(), "*".into(), format!("W/{etag}"), format!("\"other\", {etag}")] {
        let request = server.request("GET", "/api/v1/k").header("if-none-match", &tags);
        let response = execute(request).await;
        assert_eq!(
            (response.status.as_u16(), response.text(), response.header("etag")),
            (304, "", &*etag),
            "{tags}"
        );
    }
    server.send("PATCH", "/api/v1/k", r#"{"value":"y"}"#).await;
    let response = execute(server.request("GET", "/api/v1/k").header("if-none-match", &etag)).await;
    assert_eq!((response.status.as_u16(), &response.json()["value"]), (200, &"y".into()));
}

#[tokio::test]
async fn head_has_the_headers_of_get_without_a_body() {
    let server = Server::start().await;
    server.send("PUT", "/api/v1/k", r#"{"value":["x"]}"#).await;
    for path in ["/api/v1/k", "/api/v1/k/range", "/v1/k", "/keys", "/stats", "/api/v1/absent"] {
        let (get, head) = (server.send("GET", path, "").await, server.send("HEAD", path, "").await);
        assert_eq!((head.status, head.text()), (get.status, ""), "{path}");
        for name in ["content-type", "etag", "content-length"] {
            assert_eq!(head.header(name), get.header(name), "{name} of {path}");
        }
    }
}

#[tokio::test]
async fn write_requires_its_condition() {
    let server = Server::start().await;
    let put = async |name: &'static str, value: String| {
        let request = server.request("PUT", "/api/v1/k").body(r#"{"value":"x"}"#);
        execute(request.header(name, value)).await
    };
    let missing = put("if-match", "*".into()).await;
    assert_error(&missing, 412, "revision_mismatch");
    assert!(missing.json()["current"].is_null() && missing.text().contains("\"current\":null"));
    assert_eq!(put("if-none-match", "*".into()).await.json()["revision"], 1);
    let present = put("if-none-match", "*".into()).await;
    assert_error(&present, 412, "revision_mismatch");
    assert_eq!(present.json()["current"], 1);

    let etag = server.send("GET", "/api/v1/k", "").await.header("etag").to_owned();
    assert_eq!(put("if-match", etag.clone()).await.json()["revision"], 2);
    assert_error(&put("if-match", etag).await, 412, "revision_mismatch");
    assert_eq!(put("if-match", "\"2\"".into()).await.json()["revision"], 3);
    assert_eq!(put("if-match", "*".into()).await.json()["revision"], 4);
    // The ETag of another store with the same revision.
    let foreign = put("if-match", "\"00000000000000ff-4\"".into()).await;
    assert_error(&foreign, 412, "revision_mismatch");
    for wrong in ["4", "\"x\"", "\"1\", \"4\"", "", "W/\"4\""] {
        assert_error(&put("if-match", wrong.into()).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn push_to_an_existing_list_supports_conditions() {
    let server = Server::start().await;
    let push = async |header: Option<(&'static str, &str)>, body: &'static str| {
        let request = server.request("PATCH", "/api/v1/k/push").body(body);
        execute(
            header.into_iter().fold(request, |request, (name, value)| request.header(name, value)),
        )
        .await
    };
    let plain = r#"{"value":"x"}"#;
    // An absent key is reported before the condition.
    for header in
        [None, Some(("if-none-match", "*")), Some(("if-match", "*")), Some(("if-match", "\"1\""))]
    {
        assert_error(&push(header, plain).await, 404, "item_not_found");
    }
    assert_error(&push(None, r#"{"value":"x","if_absent":true}"#).await, 404, "item_not_found");
    assert!(server.store.get("k").await.unwrap().is_none());
    server.store.set("k", vec!["a".into()]).await.unwrap();
    assert_error(&push(Some(("if-none-match", "*")), plain).await, 412, "revision_mismatch");
    assert_error(&push(Some(("if-match", "\"7\"")), plain).await, 412, "revision_mismatch");
    assert_eq!(push(Some(("if-match", "\"1\"")), plain).await.json()["revision"], 2);
    let conditional = push(None, r#"{"value":"x","if_revision":2}"#).await;
    assert_eq!(conditional.json()["revision"], 3, "{conditional:?}");
}

/// Admits every write.
struct OpenGate;

impl Gate<Json> for OpenGate {
    async fn admit(&mut self, _: &Write<Json>) -> Result<(), Refusal> {
        Ok(())
    }
}

#[tokio::test]
async fn gated_list_accepts_pushes() {
    let store = Store::<Json>::builder().gate("g/", OpenGate).spawn();
    store.set("g/k", vec!["a".into()]).await.unwrap();
    let server = Server::with_options(store, server::ServerOptions::default()).await;
    let pushed = server.send("PATCH", "/api/v1/g%2Fk/push", r#"{"value":"b"}"#).await;
    assert_eq!((pushed.status.as_u16(), &pushed.json()["revision"]), (200, &2.into()));
    let absent = server.send("PATCH", "/api/v1/g%2Fnone/push", r#"{"value":"b"}"#).await;
    assert_error(&absent, 404, "item_not_found");
}

#[tokio::test]
async fn unsupported_condition_in_a_header_is_rejected() {
    let server = Server::start().await;
    server.send("PUT", "/api/v1/k", r#"{"value":"x"}"#).await;
    for (name, value) in [("if-match", "\"9\""), ("if-match", "*"), ("if-none-match", "*")] {
        let batch = server.request("POST", "/batch").header(name, value);
        let batch = execute(batch.body(r#"[{"command":"remove","key":"k"}]"#)).await;
        assert_error(&batch, 400, "invalid_request");
        let flush = execute(server.request("DELETE", "/flush").header(name, value)).await;
        assert_eq!(
            (flush.status.as_u16(), flush.header("content-type")),
            (400, "text/plain; charset=utf-8")
        );
        assert!(flush.text().contains(name), "{}", flush.text());
    }
    assert_eq!(server.store.revision(), 1);
}

#[tokio::test]
async fn only_none_removes_a_deadline() {
    let server = Server::start().await;
    server.send("PUT", "/api/v1/k", r#"{"value":"x","ttl":"1h"}"#).await;
    for method in ["POST", "PATCH"] {
        let rejected = server.send(method, "/api/v1/k/ttl", r#"{"ttl":null}"#).await;
        assert_error(&rejected, 400, "invalid_ttl");
    }
    let batch = r#"[{"command":"expire","key":"k","ttl":null}]"#;
    assert_error(&server.send("POST", "/batch", batch).await, 400, "invalid_ttl");
    assert_eq!(server.store.revision(), 1);
    // In other commands `null` is the same as an absent `ttl`.
    let set = server.send("PATCH", "/api/v1/k", r#"{"value":"y","ttl":null}"#).await;
    assert_eq!(set.json()["revision"], 2, "{set:?}");
    assert!(server.store.get("k").await.unwrap().unwrap().expires_at.is_some());
    server.send("POST", "/api/v1/k/ttl", r#"{"ttl":"none"}"#).await;
    assert!(server.store.get("k").await.unwrap().unwrap().expires_at.is_none());
}

#[tokio::test]
async fn two_conditions_are_rejected() {
    let server = Server::start().await;
    let body = r#"{"value":"x","if_absent":true}"#;
    let request = server.request("PUT", "/api/v1/k").header("if-none-match", "*").body(body);
    assert_error(&execute(request).await, 400, "invalid_request");
    let request = server.request("DELETE", "/api/v1/k").header("if-none-match", "*");
    assert_error(&execute(request.header("if-match", "*")).await, 400, "invalid_request");
    assert_eq!(server.send("PUT", "/api/v1/k", body).await.status, 200);
    assert_error(&server.send("PUT", "/api/v1/k", body).await, 412, "revision_mismatch");
}
