//! The second port: health checks and metrics.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mainspring::{Error, Reader};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::accept::{DrainReport, accept};
use super::answer::{Failure, json as json_answer};
use super::metrics::registry;
use super::{Limits, ServerOptions};
use crate::auth::Account;
use crate::protocol::{Operation, Problem};

/// Limits of the second port, which has few clients.
const CONNECTIONS: usize = 64;
const REQUESTS: usize = 64;
const BODY: usize = 4 << 10;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// The health checks and the metrics of a store and its server as routes.
///
/// | path | 200 | otherwise |
/// |---|---|---|
/// | `/healthz` | the process serves | 500: the store has failed, and only a restart helps |
/// | `/readyz` | send requests here | 503, with why: `recovering`, `stopping`, `journal_failed`, `failed` |
/// | `/started` | the store has recovered, once | 503 |
/// | `/health` | as `/readyz`, with details | as `/readyz`, with details |
/// | `/metrics` | `metrics`, the store's and the process's, as OpenMetrics text | |
///
/// The server is ready if the store is, and its accounts are, if the options have any. All but the last answer JSON.
/// `stopping` is cancelled when no more requests should be sent, which may be
/// before the server stops taking them. The routes keep the store alive, as every [`Reader`] does.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use mainspring::Store;
/// use mainspring_http::server;
/// use tokio_util::sync::CancellationToken;
///
/// let store = Store::<String>::builder().spawn();
/// let options = server::ServerOptions::default();
/// let health: axum::Router =
///     server::health((*store).clone(), &options, CancellationToken::new());
/// # drop(health);
/// # }
/// ```
pub fn health<T>(store: Reader<T>, options: &ServerOptions, stopping: CancellationToken) -> Router
where
    T: Clone + Send + Sync + 'static,
{
    let registry = registry(store.clone(), options.metrics.clone());
    let accounts = options.auth.as_ref().map(|auth| auth.store().reader());
    let of = Health { store, accounts, stopping, registry, began: Instant::now() };
    Router::new()
        .route(Operation::Health.path(), get(details::<T>))
        .route(Operation::Alive.path(), get(alive::<T>))
        .route(Operation::Ready.path(), get(ready::<T>))
        .route(Operation::Started.path(), get(started::<T>))
        .route(Operation::Metrics.path(), get(show::<T>))
        .fallback(async || {
            let paths = "/health, /healthz, /readyz, /started and /metrics";
            Failure::new("not_found", format!("there is nothing at this path: try {paths}"))
        })
        .method_not_allowed_fallback(async || {
            Failure::new("method_not_allowed", "this path takes GET and HEAD")
        })
        .with_state(Arc::new(of))
}

/// Serve [`health`] until `shutdown` is cancelled, within limits of its own. Start it before the
/// [server](super::serve), and stop it after the store, so that it tells of both.
///
/// # Cancel safety
///
/// As [`serve`](super::serve).
pub async fn serve_health(
    listener: TcpListener,
    health: Router,
    shutdown: CancellationToken,
) -> DrainReport {
    let mut options = ServerOptions::default();
    options.limits.max_connections = CONNECTIONS;
    options.limits.max_requests = REQUESTS;
    options.limits.max_body_bytes = BODY;
    // Nothing here takes long.
    options.limits.drain_timeout = Limits::default().drain_timeout / 10;
    accept(listener, health, &options, shutdown).await
}

struct Health<T> {
    store: Reader<T>,
    accounts: Option<Reader<Account>>,
    stopping: CancellationToken,
    registry: Registry,
    began: Instant,
}

type Of<T> = State<Arc<Health<T>>>;

impl<T: Send + Sync + 'static> Health<T> {
    /// Why the server is not ready: a status, and the error.
    fn obstacle(&self) -> Option<(&'static str, Error)> {
        let error = match self.store.health() {
            Err(error @ Error::Failed(_)) => error,
            _ if self.stopping.is_cancelled() => Error::Closed,
            Err(error) => error,
            Ok(()) => self.accounts.as_ref()?.health().err().map(of_accounts)?,
        };
        let status = match &error {
            Error::Closed => "stopping",
            Error::Recovering => "recovering",
            Error::JournalFailed(_) => "journal_failed",
            _ => "failed",
        };
        Some((status, error))
    }

    /// Whether to send requests here, and why not.
    fn readiness(&self) -> (StatusCode, &'static str, Option<Error>) {
        match self.obstacle() {
            None => (StatusCode::OK, "ready", None),
            Some((status, error)) => (StatusCode::SERVICE_UNAVAILABLE, status, Some(error)),
        }
    }
}

/// The error of the accounts, whose cause says that it is theirs.
fn of_accounts(error: Error) -> Error {
    let theirs = |cause: &str| format!("the accounts: {cause}").into();
    match error {
        Error::JournalFailed(cause) => Error::JournalFailed(theirs(&cause)),
        Error::Failed(cause) => Error::Failed(theirs(&cause)),
        other => other,
    }
}

/// An answer with a status, and the error that explains it.
fn report(code: StatusCode, mut body: Value, error: Option<&Error>) -> Response {
    let problem = error.map(Problem::from);
    if let Some(Problem { code, message, .. }) = &problem {
        body["code"] = code.as_ref().into();
        body["message"] = message.as_ref().into();
    }
    let mut response = json_answer(body.to_string());
    *response.status_mut() = code;
    if let Some(problem) = problem {
        response.extensions_mut().insert(problem);
    }
    response
}

async fn alive<T: Send + Sync + 'static>(State(of): Of<T>) -> Response {
    match of.obstacle() {
        Some((status @ "failed", error)) => {
            report(StatusCode::INTERNAL_SERVER_ERROR, json!({"status": status}), Some(&error))
        }
        _ => report(StatusCode::OK, json!({"status": "alive"}), None),
    }
}

async fn ready<T: Send + Sync + 'static>(State(of): Of<T>) -> Response {
    let (code, status, error) = of.readiness();
    report(code, json!({"status": status}), error.as_ref())
}

async fn started<T: Send + Sync + 'static>(State(of): Of<T>) -> Response {
    if of.store.has_recovered() {
        return report(StatusCode::OK, json!({"status": "started"}), None);
    }
    let error = of.obstacle().map_or(Error::Recovering, |(_, error)| error);
    report(StatusCode::SERVICE_UNAVAILABLE, json!({"status": "starting"}), Some(&error))
}

async fn details<T: Send + Sync + 'static>(State(of): Of<T>) -> Response {
    let (code, status, error) = of.readiness();
    let stats = of.store.stats();
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": of.began.elapsed().as_secs(),
        "id": of.store.id().to_string(),
        "revision": stats.revision,
        "entries": stats.entries,
        "bytes": stats.bytes,
        "queued": stats.queued,
        "subscribers": stats.subscribers,
        "journal": {
            "bytes": stats.journal.bytes,
            "appends": stats.journal.appends,
            "syncs": stats.journal.syncs,
            "unsynced_seconds": stats.journal.unsynced.as_secs_f64(),
            "compactions": stats.journal.compactions,
            "failed_compactions": stats.journal.failed_compactions,
        },
    });
    report(code, body, error.as_ref())
}

async fn show<T: Send + Sync + 'static>(State(of): Of<T>) -> Response {
    let mut text = String::with_capacity(16 << 10);
    if encode(&mut text, &of.registry).is_err() {
        return Failure::new("internal", "the metrics cannot be written").into_response();
    }
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    response
}
