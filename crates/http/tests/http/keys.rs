//! Keys as one percent-encoded segment of a path.

use super::{Server, assert_error};

#[tokio::test]
async fn key_is_the_decoded_path_segment() {
    let server = Server::start().await;
    for (segment, key) in [
        ("a%2Fb", "a/b"),
        ("gr%C3%BC%C3%9Fe", "grüße"),
        ("gr%c3%bc%c3%9fe", "grüße"),
        ("%00", "\0"),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("%25", "%"),
        ("a%3Fb%23c", "a?b#c"),
        ("docs", "docs"),
        ("swagger", "swagger"),
        ("set", "set"),
        ("push", "push"),
    ] {
        let path = format!("/api/v1/{segment}");
        let put = server.send("PUT", &path, r#"{"value":["x"]}"#).await;
        assert_eq!(put.status, 200, "{segment}: {put:?}");
        assert!(server.store.get(key).await.unwrap().is_some(), "{segment} is not {key:?}");
        assert_eq!(server.send("GET", &path, "").await.json()["key"], key);
        let pushed = server.send("POST", &format!("{path}/push"), r#"{"value":"y"}"#).await;
        assert_eq!(pushed.json()["length"], 2, "{segment}: {pushed:?}");
        let raw = server.send("GET", &format!("/v1/{segment}"), "").await;
        assert_eq!((raw.status.as_u16(), raw.text()), (200, r#"["x","y"]"#));
    }
}

#[tokio::test]
async fn invalid_keys_are_rejected() {
    let server = Server::start().await;
    let long = format!("/api/v1/{}", "k".repeat(1_025));
    for path in ["/api/v1/%FF", "/api/v1/a%C3", "/api/v1/%C3%28/push", &long] {
        for method in ["GET", "PUT", "DELETE", "PATCH", "POST"] {
            let is_push = path.ends_with("/push");
            if is_push == matches!(method, "GET" | "PUT" | "DELETE")
                || (!is_push && method == "POST")
            {
                continue;
            }
            let rejected = server.send(method, path, r#"{"value":"x"}"#).await;
            assert_error(&rejected, 400, "invalid_request");
        }
    }
    let plain = server.send("GET", "/v1/%FF", "").await;
    assert_eq!((plain.status.as_u16(), plain.text()), (400, "the path is not UTF-8\n"));
    for path in ["/keys?prefix=%ff", "/watch?key=a%C3", "/api/v1/k/range?offset=%ff"] {
        assert_error(&server.send("GET", path, "").await, 400, "invalid_request");
    }
    let longest = format!("/api/v1/{}", "k".repeat(1_024));
    assert_eq!(server.send("PUT", &longest, r#"{"value":"x"}"#).await.status, 200);
}
