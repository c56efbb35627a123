//! Requests with arbitrary content: the bodies of the fuzz targets in `fuzz`. The tests run them with random input and
//! with the corpus.

use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, Request, Response, StatusCode};
use mainspring::Store;
use mainspring::wire::{Json, parse_duration};
use mainspring_http::auth::{Access, Auth, AuthOptions, Keys, Role};
use mainspring_http::server;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

const LONGEST: Duration = Duration::from_secs(100 * 36_525 * 864);

/// Sends a request body to one of the routes, which the first byte selects.
pub(crate) fn bodies(bytes: &[u8]) {
    let Some((route, body)) = bytes.split_first() else { return };
    let routes = [
        ("POST", "/api/v1/set"),
        ("PUT", "/api/v1/k"),
        ("PATCH", "/api/v1/k"),
        ("POST", "/api/v1/k/push"),
        ("PATCH", "/api/v1/k/push?end=front"),
        ("POST", "/api/v1/k/ttl"),
        ("PATCH", "/api/v1/k/ttl"),
        ("PUT", "/v1/k"),
        ("POST", "/batch"),
        ("POST", "/batch?independent=true"),
    ];
    let (method, path) = routes[usize::from(*route) % routes.len()];
    run(async {
        let (store, router) = server().await;
        let before = store.revision();
        let (status, _) = send(&router, request(method, path, body)).await;
        if !status.is_success() {
            assert_eq!(store.revision(), before, "a rejected request changes nothing");
        }
        // The current value can be read in every form.
        for path in ["/api/v1/k", "/v1/k", "/keys?entries=true", "/api/v1/k/range"] {
            send(&router, request("GET", path, b"")).await;
        }
        store.scan("").await.unwrap();
    });
}

/// Sends a time to live in a body.
pub(crate) fn ttls(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    run(async {
        let (store, router) = server().await;
        let body = serde_json::json!({ "value": "v", "ttl": text }).to_string();
        let (status, _) = send(&router, request("PUT", "/api/v1/t", body.as_bytes())).await;
        let entry = store.get("t").await.unwrap();
        match parse_duration(text) {
            Ok(ttl) if !ttl.is_zero() && ttl <= LONGEST => {
                assert_eq!(status, StatusCode::OK, "{text:?}");
                // A very short one may have expired already.
                if let Some(entry) = entry {
                    let left = entry.expires_at.unwrap().saturating_since(entry.updated_at);
                    assert_eq!(left, ttl, "{text:?}");
                }
            }
            _ if text == "none" => assert_eq!(entry.unwrap().expires_at, None),
            _ => {
                assert_eq!(status, StatusCode::BAD_REQUEST, "{text:?}");
                assert_eq!(entry, None);
            }
        }
    });
}

/// Authenticates with arbitrary text, and with a valid token whose bytes were modified.
pub(crate) fn tokens(bytes: &[u8]) {
    static SETUP: OnceLock<(Runtime, Auth, [String; 3])> = OnceLock::new();
    let (runtime, auth, valid) = SETUP.get_or_init(|| {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (auth, valid) = runtime.block_on(async {
            let keys = Keys::in_memory().unwrap();
            let auth = Auth::new(Store::builder().spawn(), keys, AuthOptions::default()).unwrap();
            auth.register("ada", "wheels within wheels".into(), Access::new(Role::Admin))
                .await
                .unwrap();
            let login = auth.login("ada", "wheels within wheels".into(), [127, 0, 0, 1].into());
            let login = login.await.unwrap();
            let api = auth.add_token("ada", "", None, None).await.unwrap();
            (auth, [login.access, api.token, login.refresh].map(|token| token.expose().to_owned()))
        });
        (runtime, auth, valid)
    });
    let is_denied = |token: &str| {
        let by_header = auth.authenticate(Some(&format!("Bearer {token}"))).is_err();
        let by_refresh = runtime.block_on(auth.refresh(&token.into())).is_err();
        by_header && by_refresh
    };
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert!(auth.authenticate(Some(text)).is_err(), "{text:?}");
        assert!(is_denied(text), "{text:?}");
    }
    let Some((which, edits)) = bytes.split_first() else { return };
    // The refresh token is not modified, because a modified one may end the login.
    let token = &valid[usize::from(*which) % 2];
    let mut changed = token.clone().into_bytes();
    for edit in edits.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % changed.len();
        changed[at] = edit[2] & 0x7f;
    }
    let changed = String::from_utf8(changed).expect("the token is ASCII");
    assert_eq!(is_denied(&changed), changed.trim() != token, "{changed:?}");
    assert!(auth.authenticate(Some(&format!("Bearer {token}"))).is_ok());
}

/// Sends a key in the path and in a body.
pub(crate) fn keys(bytes: &[u8]) {
    let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    run(async {
        let (store, router) = server().await;
        let path = format!("/api/v1/{encoded}");
        let put = request("PUT", &path, br#"{"value":"new"}"#);
        let (status, _) = send(&router, put).await;
        match std::str::from_utf8(bytes) {
            Ok(key) if (1..=1024).contains(&key.len()) => {
                assert_eq!(status, StatusCode::OK, "{key:?}");
                let entry = store.get(key).await.unwrap().unwrap();
                assert_eq!(entry.item(), Some(&Json::text("new")));
                let (_, row) = send(&router, request("GET", &path, b"")).await;
                let row: serde_json::Value = serde_json::from_slice(&row).unwrap();
                assert_eq!(row["key"], *key);
                let body = serde_json::json!({ "key": key, "value": 1 }).to_string();
                let (status, _) =
                    send(&router, request("POST", "/api/v1/set", body.as_bytes())).await;
                assert_eq!(status, StatusCode::OK, "{key:?}");
            }
            // No route matches "/api/v1/".
            _ if bytes.is_empty() => assert_eq!(status, StatusCode::NOT_FOUND),
            _ => assert_eq!(status, StatusCode::BAD_REQUEST, "{bytes:?}"),
        }
        // The raw bytes without percent-encoding.
        let raw = Request::put(format!("/api/v1/{}", String::from_utf8_lossy(bytes)));
        if let Ok(request) = raw.body(Body::from(r#"{"value":"new"}"#)) {
            send(&router, request).await;
        }
    });
}

/// Sends a `Last-Event-ID`, and the same text as `from`.
pub(crate) fn resumes(bytes: &[u8]) {
    let Ok(id) = HeaderValue::from_bytes(bytes) else { return };
    run(async {
        let (store, router) = server().await;
        let request = Request::get("/watch").header("last-event-id", id).body(Body::empty());
        let status = begin(&router, request.unwrap()).await;
        let token = std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok());
        let expected = match token {
            Some(mainspring::ResumeToken { store: id, .. }) if id != store.id() => {
                StatusCode::CONFLICT
            }
            _ if bytes.trim_ascii().is_empty() => StatusCode::OK,
            _ => StatusCode::BAD_REQUEST,
        };
        assert_eq!(status, expected, "{bytes:?}");
        let encoded: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
        let request = Request::get(format!("/watch?from={encoded}")).body(Body::empty());
        begin(&router, request.unwrap()).await;
    });
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(test);
}

/// Returns a server with a list at revision 2, and its store.
async fn server() -> (Store<Json>, Router) {
    let store = Store::<Json>::builder().spawn();
    store.push("k", "v").await.unwrap();
    store.push("k", "w").await.unwrap();
    (store.clone(), server::router(store))
}

fn request(method: &str, path: &str, body: &[u8]) -> Request<Body> {
    let body = Body::from(body.to_vec());
    Request::builder().method(method).uri(path).body(body).expect("the request is valid")
}

/// Sends a request. The response must not be a server error, and an error must have a code and a message.
async fn send(router: &Router, request: Request<Body>) -> (StatusCode, Bytes) {
    let what = format!("{request:?}");
    let path = request.uri().path().to_owned();
    let response: Response<Body> = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    assert!(!status.is_server_error(), "{what}: {status}");
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    if !status.is_success() && !path.starts_with("/v1/") {
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(problem["code"].is_string() && problem["message"].is_string(), "{what}: {problem}");
    }
    (status, body)
}

/// Sends a request for a stream, and returns the status.
async fn begin(router: &Router, request: Request<Body>) -> StatusCode {
    let status = router.clone().oneshot(request).await.unwrap().status();
    assert!(!status.is_server_error(), "{status}");
    status
}
