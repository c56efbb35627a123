//! The stream of a backup: its contents, how it ends, and that writes do not wait for it.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING,
    CONTENT_TYPE,
};
use axum::http::{Request, Response, StatusCode};
use futures_util::StreamExt;
use mainspring::journal::file::tools::check_backup;
use mainspring::wire::Json;
use mainspring::{Builder, Store};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::compression::CompressionLayer;

use crate::auth::{Access, Auth, AuthOptions, Keys, Role, fixtures};
use crate::server::app::App;
use crate::server::routes;

/// More than all buffers between the server and a client hold.
const LARGE: usize = 4 << 20;

struct Server {
    router: Router,
    store: Store<Json>,
    shutdown: CancellationToken,
}

impl Server {
    fn new(builder: Builder<Json>, auth: Option<Auth>) -> Self {
        let store = builder.spawn();
        let options = crate::server::ServerOptions { auth, ..Default::default() };
        let shutdown = CancellationToken::new();
        let app = App::new(store.clone(), options, shutdown.clone());
        Self { router: routes::routes(app.into()), store, shutdown }
    }

    /// A server with this number of large entries.
    async fn with_entries(builder: Builder<Json>, auth: Option<Auth>, entries: usize) -> Self {
        let server = Self::new(builder, auth);
        for n in 0..entries {
            let large = Json::from(&*"x".repeat(LARGE / 64));
            server.store.set(format!("large/{n}"), large).await.unwrap();
        }
        server
    }

    async fn backup(&self, by: &str) -> Response<Body> {
        let mut request = Request::get("/backup");
        if !by.is_empty() {
            request = request.header(AUTHORIZATION, by);
        }
        let request = request.body(Body::empty()).unwrap();
        self.router.clone().oneshot(request).await.unwrap()
    }
}

async fn accounts() -> (Auth, String) {
    let keys = Keys::in_memory().unwrap();
    let auth = Auth::new(Store::builder().spawn(), keys, AuthOptions::default()).unwrap();
    let token = fixtures::account(&auth, "ada", Access::new(Role::Admin)).await;
    (auth, format!("Bearer {}", token.expose()))
}

/// Reads the complete body, or the error that ends it.
async fn read_body(response: Response<Body>) -> Result<Vec<u8>, axum::Error> {
    let reading = to_bytes(response.into_body(), usize::MAX);
    let bytes = tokio::time::timeout(Duration::from_secs(60), reading).await.unwrap();
    bytes.map(|bytes| bytes.to_vec())
}

/// Checks these bytes as a backup file: the revision, and the number of accounts.
fn check(name: &str, bytes: &[u8]) -> Result<(u64, Option<u64>), String> {
    let path = std::env::temp_dir().join(format!("mainspring-{name}-{}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let report = check_backup(&path, &mut |_| ());
    std::fs::remove_file(&path).unwrap();
    let report = report.map_err(|error| error.to_string())?;
    Ok((report.data.revision, report.accounts.map(|accounts| accounts.entries)))
}

#[tokio::test]
async fn backup_of_a_server_with_accounts_has_data_and_accounts() {
    let (auth, by) = accounts().await;
    let server = Server::with_entries(Store::builder(), Some(auth), 3).await;
    let response = server.backup(&by).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[CONTENT_TYPE], "application/jsonl");
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let id = server.store.id();
    let name = format!("attachment; filename=\"mainspring-{id}.backup\"");
    assert_eq!(response.headers()[CONTENT_DISPOSITION], name);
    assert_eq!(check("both", &read_body(response).await.unwrap()), Ok((3, Some(1))));
}

#[tokio::test]
async fn slow_reader_does_not_slow_writes() {
    let server = Server::with_entries(Store::builder(), None, 128).await;
    let mut stream = server.backup("").await.into_body().into_data_stream();
    let mut bytes = stream.next().await.unwrap().unwrap().to_vec();
    // From here on, nothing is read until all writes have been applied.
    let writes = async {
        for n in 0..500 {
            server.store.set(format!("small/{n}"), Json::from("x")).await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(30), writes).await.unwrap();
    while let Some(chunk) = stream.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    assert_eq!(check("slow", &bytes), Ok((628, None)));
}

#[tokio::test]
async fn reader_that_falls_too_far_behind_gets_an_error_and_no_backup() {
    let server = Server::with_entries(Store::builder().history_changes(16), None, 128).await;
    let mut stream = server.backup("").await.into_body().into_data_stream();
    let mut bytes = stream.next().await.unwrap().unwrap().to_vec();
    for n in 0..2_000 {
        server.store.set("k", Json::from(&*n.to_string())).await.unwrap();
    }
    let error = loop {
        match stream.next().await.unwrap() {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("compacted"), "{error}");
    let error = check("behind", &bytes).unwrap_err();
    assert!(error.contains("incomplete or damaged"), "{error}");
}

#[tokio::test]
async fn backup_ends_with_the_right_to_it_and_with_the_server() {
    for end in ["access", "shutdown"] {
        let (auth, by) = accounts().await;
        let server = Server::with_entries(Store::builder(), Some(auth.clone()), 64).await;
        let mut stream = server.backup(&by).await.into_body().into_data_stream();
        stream.next().await.unwrap().unwrap();
        match end {
            "access" => {
                fixtures::account(&auth, "grace", Access::new(Role::Admin)).await;
                auth.set_access("ada", Access::new(Role::Reader)).await.unwrap();
            }
            _ => server.shutdown.cancel(),
        }
        let mut failed = false;
        while let Some(chunk) = stream.next().await {
            failed = chunk.is_err();
        }
        assert!(failed, "{end}");
    }
}

#[tokio::test]
async fn value_that_cannot_be_read_back_ends_the_backup() {
    let store = Store::<f64>::builder().spawn();
    store.set("k", f64::NAN).await.unwrap();
    let request = Request::get("/backup").body(Body::empty()).unwrap();
    let response = crate::server::router(store).oneshot(request).await.unwrap();
    assert!(read_body(response).await.is_err());
}

#[tokio::test]
async fn compressed_backup_ends_normally() {
    let server = Server::new(Store::builder(), None);
    let router = server.router.clone().layer(CompressionLayer::new());
    for encoding in ["gzip", "identity"] {
        let request = Request::get("/backup").header(ACCEPT_ENCODING, encoding);
        let request = request.body(Body::empty()).unwrap();
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers().contains_key(CONTENT_ENCODING), encoding == "gzip");
        assert!(!read_body(response).await.unwrap().is_empty(), "{encoding}");
    }
}
