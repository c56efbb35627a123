//! The server around the routes: compression, CORS, host names, a full queue, the API description.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mainspring::Store;
use mainspring::journal::MemoryJournal;
use mainspring::wire::Json;
use mainspring_http::server;
use mainspring_testing::journals::{BlockedOpen, InterceptedJournal, SlowAppends};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{Server, assert_error, execute};

#[tokio::test]
async fn long_responses_are_compressed_on_request_and_streams_never() {
    let server = Server::start().await;
    let long = format!(r#"{{"value":"{}"}}"#, "abc".repeat(2_000));
    server.send("PUT", "/api/v1/long", long).await;
    server.send("PUT", "/api/v1/short", r#"{"value":"abc"}"#).await;
    let get = |path: &'static str| server.request("GET", path).header("accept-encoding", "gzip");

    let row = execute(get("/api/v1/long")).await;
    assert_eq!(row.header("content-encoding"), "gzip");
    assert!(
        row.body.starts_with(&[0x1f, 0x8b]) && row.body.len() < 1_000,
        "{} bytes",
        row.body.len()
    );
    assert_eq!(row.header("vary"), "accept-encoding");
    let short = execute(get("/api/v1/short")).await;
    assert_eq!((short.header("content-encoding"), short.header("vary")), ("", ""));
    let plain = server.send("GET", "/api/v1/long", "").await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept-encoding"));
    let identity = server.request("GET", "/api/v1/long").header("accept-encoding", "identity");
    let identity = execute(identity).await;
    assert_eq!(identity.headers.get_all("vary").iter().count(), 1, "{identity:?}");

    let mut stream = get("/watch?from=snapshot").send().await.unwrap();
    assert!(stream.headers().get("content-encoding").is_none());
    let first = stream.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: entry"), "{first:?}");
}

#[tokio::test]
async fn other_origins_may_read_only_if_they_are_allowed() {
    let get = |server: &Server| {
        server.request("GET", "/stats").header("origin", "https://app.example.org")
    };
    let name = "access-control-allow-origin";
    let server = Server::start().await;
    assert_eq!(execute(get(&server)).await.header(name), "");
    let preflight =
        server.request("OPTIONS", "/api/v1/k").header("origin", "https://app.example.org");
    assert_error(&execute(preflight).await, 405, "method_not_allowed");

    let mut options = server::ServerOptions::default();
    options.cors_origins = vec!["https://app.example.org".into()];
    let server = Server::with_options(Store::<Json>::builder().spawn(), options).await;
    let response = execute(get(&server)).await;
    assert_eq!(response.header(name), "https://app.example.org");
    assert_eq!(response.header("access-control-expose-headers"), "*");
    let other = server.request("GET", "/stats").header("origin", "https://other.example.org");
    assert_eq!(execute(other).await.header(name), "");
    let preflight =
        server.request("OPTIONS", "/api/v1/k").header("origin", "https://app.example.org");
    let response = execute(preflight.header("access-control-request-method", "PATCH")).await;
    assert_eq!(
        (response.status.as_u16(), response.header("access-control-allow-methods")),
        (200, "*")
    );
}

/// An element type with a value that cannot be serialized.
#[derive(Clone, serde::Deserialize)]
struct Unserializable(String);

impl serde::Serialize for Unserializable {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &*self.0 {
            "odd" => Err(serde::ser::Error::custom("odd")),
            text => to.serialize_str(text),
        }
    }
}

#[tokio::test]
async fn write_whose_result_cannot_be_encoded_is_applied() {
    use tower::ServiceExt as _;

    let store = Store::<Unserializable>::builder().spawn();
    let service = server::router(store.clone());
    let mut revision = 0;
    for (method, path, body) in [
        ("POST", "/api/v1/k/push", r#"{"value":"odd"}"#),
        ("PATCH", "/api/v1/k/push", r#"{"value":"odd"}"#),
        ("PATCH", "/api/v1/k/ttl", r#"{"ttl":"1h"}"#),
        ("POST", "/api/v1/k/pop", ""),
        ("POST", "/api/v1/k/push", r#"{"value":"odd"}"#),
        ("PATCH", "/api/v1/k/pop", ""),
        ("POST", "/batch", r#"[{"command":"pop","key":"k"}]"#),
    ] {
        revision += 1;
        let request = axum::http::Request::builder().method(method).uri(path);
        let request = request.body(axum::body::Body::from(body)).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(store.revision(), revision, "{method} {path}");
        if response.status() != 200 {
            assert_eq!(response.status(), 500);
            let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(
                (&problem["code"], &problem["revision"]),
                (&"internal".into(), &revision.into())
            );
        } else {
            assert!(body.contains("odd") && method == "POST", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn allowed_origin_may_read_errors_of_the_limits() {
    let mut options = server::ServerOptions::default();
    options.cors_origins = vec!["https://app.example.org".into()];
    options.limits.max_body_bytes = 100;
    let server = Server::with_options(Store::<Json>::builder().spawn(), options).await;
    let put = |origin: &str| {
        execute(server.request("PUT", "/api/v1/k").header("origin", origin).body("x".repeat(200)))
    };
    let response = put("https://app.example.org").await;
    assert_error(&response, 413, "too_large");
    assert_eq!(response.header("access-control-allow-origin"), "https://app.example.org");
    assert_eq!(
        (response.header("access-control-expose-headers"), response.header("vary")),
        ("*", "origin")
    );
    let response = put("https://other.example.org").await;
    assert_eq!(response.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn other_origins_may_write_only_if_they_are_allowed() {
    let mut options = server::ServerOptions::default();
    options.cors_origins = vec!["https://app.example.org".into()];
    let server = Server::with_options(Store::<Json>::builder().spawn(), options).await;
    let write = |method, origin: &str| {
        let path = if method == "POST" { "/batch" } else { "/v1/k" };
        let body = if method == "POST" { "[]" } else { "x" };
        execute(server.request(method, path).header("origin", origin).body(body))
    };
    for method in ["POST", "PUT", "DELETE"] {
        let rejected = write(method, "https://other.example.org").await;
        assert_error(&rejected, 403, "forbidden");
        assert!(rejected.text().contains("--cors-origins"), "{}", rejected.text());
        for origin in ["https://app.example.org", &format!("http://{}", server.address)] {
            assert!(write(method, origin).await.status.is_success(), "{method} of {origin}");
        }
    }
    assert_eq!(write("GET", "https://other.example.org").await.status, 404);
    let other = server.request("DELETE", "/v1/k").header("sec-fetch-site", "cross-site");
    assert_error(&execute(other).await, 403, "forbidden");
}

#[tokio::test]
async fn foreign_host_names_are_rejected() {
    let get = |server: &Server, host| execute(server.request("GET", "/stats").header("host", host));
    let server = Server::start().await;
    let rejected = get(&server, "evil.example.org").await;
    assert_error(&rejected, 421, "misdirected");
    assert!(rejected.text().contains("--allowed-hosts"), "{}", rejected.text());
    assert_eq!(get(&server, "localhost:1").await.status, 200);

    let mut options = server::ServerOptions::default();
    options.allowed_hosts = vec!["db.example.org".into()];
    let server = Server::with_options(Store::<Json>::builder().spawn(), options).await;
    assert_eq!(get(&server, "db.example.org").await.status, 200);
    assert_error(&get(&server, "evil.example.org").await, 421, "misdirected");
}

/// On routes, unknown paths, errors and streams.
#[tokio::test]
async fn every_response_has_security_headers() {
    let mut options = server::ServerOptions::default();
    options.limits.max_body_bytes = 100;
    let server = Server::with_options(Store::<Json>::builder().spawn(), options).await;
    let nothing = "default-src 'none'; frame-ancestors 'none'";
    for (method, path, body, status) in [
        ("PUT", "/api/v1/k", r#"{"value":"v"}"#, 200),
        ("GET", "/api/v1/k", "", 200),
        ("GET", "/v1/k", "", 200),
        ("GET", "/openapi.json", "", 200),
        ("GET", "/api/v1/absent", "", 404),
        ("GET", "/nowhere/at/all", "", 404),
        ("TRACE", "/stats", "", 405),
        ("PUT", "/api/v1/k", "{", 400),
        ("PUT", "/api/v1/k", &"v".repeat(200), 413),
        ("GET", "/watch?from=snapshot", "", 200),
    ] {
        let response = server.request(method, path).body(body.to_owned()).send().await.unwrap();
        assert_eq!(response.status(), status, "{method} {path}");
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(header("referrer-policy"), Some("no-referrer"), "{method} {path}");
        assert_eq!(header("content-security-policy"), Some(nothing), "{method} {path}");
        assert_eq!(header("cross-origin-resource-policy"), Some("same-origin"), "{method} {path}");
        assert_eq!(header("strict-transport-security"), None, "the connection has no TLS");
    }
    // The documentation pages may load their own files, and run only scripts from files.
    for path in ["/docs", "/docs/swagger-ui.css", "/api/v1/docs/swagger/index.html"] {
        let page = server.send("GET", path, "").await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(policy.contains("img-src 'self' data:;"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let text = String::from_utf8_lossy(&page.body);
        assert!(!text.contains("<style>") && !text.contains("<script>"), "nothing inline: {path}");
    }

    let mut options = server::ServerOptions::default();
    options.cors_origins = vec!["*".into()];
    options.limits.max_requests = 0;
    let server = Server::with_options(Store::<Json>::builder().spawn(), options).await;
    let shed = server.send("GET", "/stats", "").await;
    assert_error(&shed, 503, "busy");
    assert_eq!(shed.header("x-content-type-options"), "nosniff");
    assert_eq!(shed.header("cross-origin-resource-policy"), "", "other origins may use it");
}

#[tokio::test]
async fn full_queue_is_reported_at_once() {
    let slow = InterceptedJournal::new(MemoryJournal::new(), SlowAppends(Duration::from_secs(2)));
    let store = Store::<Json>::builder().queue_capacity(1).journal(slow).spawn();
    store.ready().await.unwrap();
    let server = Server::with_options(store, server::ServerOptions::default()).await;
    // One command is being appended, one is queued, and further ones are rejected.
    let requests = (0..8).map(|n| {
        let path = format!("/api/v1/{n}");
        let request = server.request("PUT", &path).body(r#"{"value":"x"}"#);
        execute(request)
    });
    let responses = futures_util::future::join_all(requests).await;
    let (busy, done): (Vec<_>, Vec<_>) =
        responses.iter().partition(|response| response.status == 503);
    assert!(!done.is_empty() && !busy.is_empty(), "{responses:?}");
    for response in busy {
        assert_error(response, 503, "busy");
        assert_eq!(response.header("retry-after"), "1");
    }
    assert!(done.iter().all(|response| response.status == 200), "{done:?}");

    // The plain text interface responds with text, unless the client accepts JSON.
    let clears = (0..8).map(|n| {
        let request = server.request("DELETE", "/flush");
        let accept = if n % 2 == 0 { "application/json" } else { "*/*" };
        execute(request.header("accept", accept))
    });
    let responses = futures_util::future::join_all(clears).await;
    for (n, response) in responses.iter().enumerate().filter(|(_, response)| response.status == 503)
    {
        assert_eq!(response.header("retry-after"), "1");
        if n % 2 == 0 {
            assert_error(response, 503, "busy");
        } else {
            assert!(response.text().starts_with("busy: "), "{response:?}");
        }
    }
    let busy = |rest| responses.iter().skip(rest).step_by(2).any(|response| response.status == 503);
    assert!(busy(0) && busy(1), "{responses:?}");
}

#[tokio::test]
async fn page_of_entries_has_a_maximum_size() {
    let server = Server::start().await;
    let megabytes = |count: usize| Json::from(&*"x".repeat(count << 20));
    for n in 0..7 {
        server.store.set(format!("k/{n}"), megabytes(1)).await.unwrap();
    }
    server.store.set("l", megabytes(5)).await.unwrap();
    let (mut sizes, mut after, mut last) = (Vec::new(), String::new(), false);
    while !last {
        let page = server.send("GET", &format!("/keys?entries=true&after={after}"), "").await;
        assert!(page.body.len() < (9 << 20), "{} bytes", page.body.len());
        let page = page.json();
        sizes.push(page["entries"].as_array().unwrap().len());
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => last = true,
        }
    }
    assert_eq!(sizes, [4, 4]);
}

#[tokio::test]
async fn store_is_ready_only_after_recovery() {
    let journal = MemoryJournal::new();
    let before = Store::<Json>::builder().journal(journal.clone()).spawn();
    before.set("k", Json::from("one")).await.unwrap();
    before.shutdown().await.unwrap();

    let opened = Arc::new(Semaphore::new(0));
    let blocked = InterceptedJournal::new(journal, BlockedOpen(Arc::clone(&opened)));
    let store = Store::<Json>::builder().journal(blocked).spawn();
    let options = server::ServerOptions::default();
    let health = server::health(store.reader(), &options, CancellationToken::new());
    let get = async |path: &str| {
        let request = axum::http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        let response = health.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    };
    let server = Server::with_options(store.clone(), options.clone()).await;
    let mut early = pin!(server.send("GET", "/api/v1/k", ""));
    for _ in 0..3 {
        let (status, body) = get("/readyz").await;
        assert_eq!(status, 503);
        assert!(body.contains(r#""status":"recovering""#), "{body}");
        assert_eq!(get("/started").await.0, 503);
        assert_eq!(get("/healthz").await.0, 200);
        assert!(get("/metrics").await.1.contains("\nmainspring_ready 0\n"));
        // An early request waits.
        assert!(timeout(Duration::from_millis(20), &mut early).await.is_err());
    }
    opened.add_permits(1);
    store.ready().await.unwrap();
    assert_eq!(early.await.json()["value"], "one", "the recovered value");
    assert_eq!(get("/readyz").await, (200, r#"{"status":"ready"}"#.into()));
    assert_eq!(get("/started").await.0, 200);
    assert!(get("/metrics").await.1.contains("\nmainspring_ready 1\n"));

    store.shutdown().await.unwrap();
    assert_eq!(get("/readyz").await.0, 503);
    assert_eq!(get("/started").await.0, 200, "it stays started");
}

#[tokio::test]
async fn unsupported_method_lists_the_supported_ones() {
    let server = Server::start().await;
    for (method, path, allowed) in [
        ("POST", "/api/v1/k", "GET,HEAD,PUT,PATCH,DELETE"),
        ("GET", "/api/v1/k/push", "POST,PATCH"),
        ("DELETE", "/batch", "POST"),
        ("TRACE", "/v1/k", "GET,HEAD,PUT,DELETE"),
    ] {
        let response = server.send(method, path, "").await;
        assert_error(&response, 405, "method_not_allowed");
        assert_eq!(response.header("allow"), allowed, "{method} {path}");
    }
    assert_error(&server.send("GET", "/nothing", "").await, 404, "not_found");
}

#[tokio::test]
async fn documentation_pages_need_no_other_server() {
    let mut options = server::ServerOptions::default();
    options.api_version = "v9.8.7".into();
    let server = Server::with_options(Store::<Json>::builder().spawn(), options).await;
    let json = server.send("GET", "/openapi.json", "").await;
    assert_eq!(
        (&json.json()["openapi"], &json.json()["info"]["version"]),
        (&"3.1.0".into(), &"v9.8.7".into())
    );
    let yaml = server.send("GET", "/api/v1/docs/swagger.yaml", "").await;
    assert!(yaml.text().starts_with("openapi: 3.1.0\n") && yaml.text().contains("version: v9.8.7"));

    for (page, folder, description) in [
        ("/docs", "/docs/", "../openapi.json"),
        ("/docs/index.html", "/docs/", "../openapi.json"),
        ("/api/v1/docs/swagger/index.html", "/api/v1/docs/swagger/", "../swagger.yaml"),
    ] {
        let response = server.send("GET", page, "").await;
        assert_eq!(
            (response.status.as_u16(), response.header("content-type").split(';').next()),
            (200, Some("text/html"))
        );
        assert!(
            !response.text().contains("//"),
            "{page} refers to another server: {}",
            response.text()
        );
        for file in response
            .text()
            .split(['"', '\''])
            .filter(|part| part.ends_with(".js") || part.ends_with(".css"))
        {
            let name = file.trim_start_matches("./");
            let found = server.send("GET", &format!("{folder}{name}"), "").await;
            assert_eq!(found.status, 200, "{page} needs {folder}{name}");
            if name == "swagger-initializer.js" {
                assert!(found.text().contains(description), "{}", found.text());
            }
        }
    }
    assert_error(&server.send("GET", "/docs/nothing", "").await, 404, "not_found");
    assert_error(&server.send("GET", "/docs/%ff", "").await, 400, "invalid_request");
}

#[tokio::test]
async fn parameters_of_the_mount_path_are_ignored() {
    use tower::ServiceExt as _;

    let store = Store::<Json>::builder().spawn();
    let mounted = server::router(store.clone());
    for at in ["/tenant/{id}", "/tenant/{key}", "/tenant/{file}"] {
        let service = axum::Router::new().nest(at, mounted.clone());
        let send = async |method: &str, path: &str, body: &'static str| {
            let uri = format!("/tenant/seven{path}");
            let request = axum::http::Request::builder().method(method).uri(uri);
            let response = service
                .clone()
                .oneshot(request.body(axum::body::Body::from(body)).unwrap())
                .await
                .unwrap();
            assert!(response.status().is_success(), "{at}: {method} {path}: {response:?}");
        };
        send("PUT", "/api/v1/k", r#"{"value":["x"]}"#).await;
        send("POST", "/api/v1/k/push", r#"{"value":"y"}"#).await;
        send("PUT", "/v1/set", "plain").await;
        send("PUT", "/api/v1/set", r#"{"value":"x"}"#).await;
        send("GET", "/docs/index.html", "").await;
        send("GET", "/api/v1/docs/swagger/index.html", "").await;
        let keys = store.keys("").await.unwrap().items;
        assert_eq!(keys.iter().map(|key| &**key).collect::<Vec<_>>(), ["k", "set"], "{at}");
    }
}

#[tokio::test]
async fn documentation_pages_work_at_any_mount_path() {
    let mounted = server::router(Store::<Json>::builder().spawn());
    let service = axum::Router::new().nest("/car", mounted);
    for path in [
        "/car/docs",
        "/car/docs/swagger-initializer.js",
        "/car/openapi.json",
        "/car/api/v1/docs/swagger/index.html",
        "/car/api/v1/docs/swagger.yaml",
    ] {
        let request = axum::http::Request::builder().uri(path).body(axum::body::Body::empty());
        let response = service.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        // All links are relative.
        match path {
            "/car/docs" => assert!(text.contains("<base href=\"docs/\">"), "{text}"),
            "/car/docs/swagger-initializer.js" => assert!(text.contains("\"../openapi.json\"")),
            "/car/openapi.json" => assert!(text.contains(r#""servers":[{"url":"."}]"#), "{text}"),
            _ => assert!(!text.contains("\"/"), "{path}"),
        }
    }
}
