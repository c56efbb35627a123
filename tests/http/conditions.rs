//! ETags and the conditions of reads and writes.

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
