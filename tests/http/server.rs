//! What the server does around the routes: compression, CORS, a full queue, the description.

use std::time::Duration;

use mainspring::journal::MemoryJournal;
use mainspring::wire::Json;
use mainspring::{Store, http};

use super::{Server, answer, assert_refused};
use crate::common::SlowJournal;

#[tokio::test]
async fn long_answers_are_compressed_for_those_who_ask_and_streams_never() {
    let server = Server::start().await;
    let long = format!(r#"{{"value":"{}"}}"#, "abc".repeat(2_000));
    server.ask("PUT", "/api/v1/long", long).await;
    server.ask("PUT", "/api/v1/short", r#"{"value":"abc"}"#).await;
    let get = |path: &'static str| server.request("GET", path).header("accept-encoding", "gzip");

    let row = answer(get("/api/v1/long")).await;
    assert_eq!(row.header("content-encoding"), "gzip");
    assert!(
        row.body.starts_with(&[0x1f, 0x8b]) && row.body.len() < 1_000,
        "{} bytes",
        row.body.len()
    );
    assert_eq!(answer(get("/api/v1/short")).await.header("content-encoding"), "");
    assert_eq!(server.ask("GET", "/api/v1/long", "").await.header("content-encoding"), "");

    let mut stream = get("/watch?from=snapshot").send().await.unwrap();
    assert!(stream.headers().get("content-encoding").is_none());
    let first = stream.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: entry"), "{first:?}");
}

#[tokio::test]
async fn pages_of_others_may_use_it_only_if_they_are_named() {
    let asked = |server: &Server| {
        server.request("GET", "/stats").header("origin", "https://app.example.org")
    };
    let name = "access-control-allow-origin";
    let server = Server::start().await;
    assert_eq!(answer(asked(&server)).await.header(name), "");
    let preflight =
        server.request("OPTIONS", "/api/v1/k").header("origin", "https://app.example.org");
    assert_refused(&answer(preflight).await, 405, "method_not_allowed");

    let mut options = http::Options::default();
    options.cors_origins = vec!["https://app.example.org".into()];
    let server = Server::of(Store::<Json>::builder().spawn(), options).await;
    let told = answer(asked(&server)).await;
    assert_eq!(told.header(name), "https://app.example.org");
    assert_eq!(told.header("access-control-expose-headers"), "*");
    let other = server.request("GET", "/stats").header("origin", "https://other.example.org");
    assert_eq!(answer(other).await.header(name), "");
    let preflight =
        server.request("OPTIONS", "/api/v1/k").header("origin", "https://app.example.org");
    let told = answer(preflight.header("access-control-request-method", "PATCH")).await;
    assert_eq!((told.status.as_u16(), told.header("access-control-allow-methods")), (200, "*"));
}

/// Routes, what is not there, refusals and streams.
#[tokio::test]
async fn every_answer_says_what_browsers_may_make_of_it() {
    let mut options = http::Options::default();
    options.limits.max_body_bytes = 100;
    let server = Server::of(Store::<Json>::builder().spawn(), options).await;
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
        let asked = server.request(method, path).body(body.to_owned()).send().await.unwrap();
        assert_eq!(asked.status(), status, "{method} {path}");
        let header = |name: &str| asked.headers().get(name).map(|value| value.to_str().unwrap());
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(header("referrer-policy"), Some("no-referrer"), "{method} {path}");
        assert_eq!(header("content-security-policy"), Some(nothing), "{method} {path}");
        assert_eq!(header("cross-origin-resource-policy"), Some("same-origin"), "{method} {path}");
        assert_eq!(header("strict-transport-security"), None, "nothing is encrypted");
    }
    // The pages show what is theirs, and run no script but those that are files here.
    for path in ["/docs", "/docs/swagger-ui.css", "/api/v1/docs/swagger/index.html"] {
        let page = server.ask("GET", path, "").await;
        let policy = page.header("content-security-policy");
        assert!(policy.contains("script-src 'self';"), "{policy}");
        assert!(policy.contains("img-src 'self' data:;"), "{policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        let text = String::from_utf8_lossy(&page.body);
        assert!(!text.contains("<style>") && !text.contains("<script>"), "nothing in line: {path}");
    }

    let mut options = http::Options::default();
    options.cors_origins = vec!["*".into()];
    options.limits.max_requests = 0;
    let server = Server::of(Store::<Json>::builder().spawn(), options).await;
    let shed = server.ask("GET", "/stats", "").await;
    assert_refused(&shed, 503, "busy");
    assert_eq!(shed.header("x-content-type-options"), "nosniff");
    assert_eq!(shed.header("cross-origin-resource-policy"), "", "pages of others may use it");
}

#[tokio::test]
async fn a_full_queue_says_so_at_once() {
    let slow = SlowJournal { journal: MemoryJournal::new(), append: Duration::from_secs(2) };
    let store = Store::<Json>::builder().queue_capacity(1).journal(slow).spawn();
    store.ready().await.unwrap();
    let server = Server::of(store, http::Options::default()).await;
    // One is with the journal, one waits: those beyond are told to come back.
    let asks = (0..8).map(|n| {
        let path = format!("/api/v1/{n}");
        let request = server.request("PUT", &path).body(r#"{"value":"x"}"#);
        answer(request)
    });
    let answers = futures_util::future::join_all(asks).await;
    let (busy, done): (Vec<_>, Vec<_>) = answers.iter().partition(|told| told.status == 503);
    assert!(!done.is_empty() && !busy.is_empty(), "{answers:?}");
    for told in busy {
        assert_refused(told, 503, "busy");
        assert_eq!(told.header("retry-after"), "1");
    }
    assert!(done.iter().all(|told| told.status == 200), "{done:?}");
}

#[tokio::test]
async fn another_method_is_told_which_there_are() {
    let server = Server::start().await;
    for (method, path, allowed) in [
        ("POST", "/api/v1/k", "GET,HEAD,PUT,PATCH,DELETE"),
        ("GET", "/api/v1/k/push", "POST,PATCH"),
        ("DELETE", "/batch", "POST"),
        ("TRACE", "/v1/k", "GET,HEAD,PUT,DELETE"),
    ] {
        let told = server.ask(method, path, "").await;
        assert_refused(&told, 405, "method_not_allowed");
        assert_eq!(told.header("allow"), allowed, "{method} {path}");
    }
    assert_refused(&server.ask("GET", "/nothing", "").await, 404, "not_found");
}

#[tokio::test]
async fn the_description_and_its_pages_need_nothing_from_elsewhere() {
    let mut options = http::Options::default();
    options.api_version = "v9.8.7".into();
    let server = Server::of(Store::<Json>::builder().spawn(), options).await;
    let json = server.ask("GET", "/openapi.json", "").await;
    assert_eq!(
        (&json.json()["openapi"], &json.json()["info"]["version"]),
        (&"3.1.0".into(), &"v9.8.7".into())
    );
    let yaml = server.ask("GET", "/api/v1/docs/swagger.yaml", "").await;
    assert!(yaml.text().starts_with("openapi: 3.1.0\n") && yaml.text().contains("version: v9.8.7"));

    for (page, folder, description) in [
        ("/docs", "/docs/", "../openapi.json"),
        ("/docs/index.html", "/docs/", "../openapi.json"),
        ("/api/v1/docs/swagger/index.html", "/api/v1/docs/swagger/", "../swagger.yaml"),
    ] {
        let told = server.ask("GET", page, "").await;
        assert_eq!(
            (told.status.as_u16(), told.header("content-type").split(';').next()),
            (200, Some("text/html"))
        );
        assert!(!told.text().contains("//"), "{page} names another place: {}", told.text());
        for file in told
            .text()
            .split(['"', '\''])
            .filter(|part| part.ends_with(".js") || part.ends_with(".css"))
        {
            let name = file.trim_start_matches("./");
            let found = server.ask("GET", &format!("{folder}{name}"), "").await;
            assert_eq!(found.status, 200, "{page} needs {folder}{name}");
            if name == "swagger-initializer.js" {
                assert!(found.text().contains(description), "{}", found.text());
            }
        }
    }
    assert_refused(&server.ask("GET", "/docs/nothing", "").await, 404, "not_found");
}

#[tokio::test]
async fn the_pages_work_wherever_the_routes_are_mounted() {
    use tower::ServiceExt as _;

    let mounted = http::router(Store::<Json>::builder().spawn());
    let service = axum::Router::new().nest("/car", mounted);
    for path in [
        "/car/docs",
        "/car/docs/swagger-initializer.js",
        "/car/openapi.json",
        "/car/api/v1/docs/swagger/index.html",
        "/car/api/v1/docs/swagger.yaml",
    ] {
        let request = axum::http::Request::builder().uri(path).body(axum::body::Body::empty());
        let told = service.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(told.status(), 200, "{path}");
        let body = axum::body::to_bytes(told.into_body(), 1 << 20).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        // From there on everything is relative.
        match path {
            "/car/docs" => assert!(text.contains("<base href=\"docs/\">"), "{text}"),
            "/car/docs/swagger-initializer.js" => assert!(text.contains("\"../openapi.json\"")),
            "/car/openapi.json" => assert!(text.contains(r#""servers":[{"url":"."}]"#), "{text}"),
            _ => assert!(!text.contains("\"/"), "{path}"),
        }
    }
}
