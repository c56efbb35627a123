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
use super::metrics::registry;
use super::response::{Failure, json as json_response};
use super::{Limits, ServerOptions};
use crate::auth::Account;
use crate::protocol::{Operation, Problem};

/// The limits of the second port, which has few clients.
const CONNECTIONS: usize = 64;
const REQUESTS: usize = 64;
const BODY: usize = 4 << 10;

const OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// Returns routes with the health checks and the metrics of a store and its server.
///
/// | path | 200 | otherwise |
/// |---|---|---|
/// | `/healthz` | the process is running | 500: the store has failed, and must be restarted |
/// | `/readyz` | the server accepts requests | 503 with the reason: `recovering`, `stopping`, `journal_failed`, `failed` |
/// | `/started` | the store has recovered | 503 |
/// | `/health` | as `/readyz`, with details | as `/readyz`, with details |
/// | `/metrics` | the metrics of the server, the store and the process, as OpenMetrics text | |
///
/// The server is ready if the store is, and its accounts are, if the options have any. All responses but the last are
/// JSON. Cancel `stopping` when no more requests should be sent to the server, which may be before it stops accepting
/// them. The routes keep the store alive, as every [`Reader`] does.
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
    let state = Health { store, accounts, stopping, registry, began: Instant::now() };
    Router::new()
        .route(Operation::Health.path(), get(details::<T>))
        .route(Operation::Alive.path(), get(alive::<T>))
        .route(Operation::Ready.path(), get(ready::<T>))
        .route(Operation::Started.path(), get(started::<T>))
        .route(Operation::Metrics.path(), get(metrics::<T>))
        .fallback(async || {
            let paths = "/health, /healthz, /readyz, /started and /metrics";
            Failure::new("not_found", format!("unknown path; expected one of: {paths}"))
        })
        .method_not_allowed_fallback(async || {
            Failure::new("method_not_allowed", "this path supports only GET and HEAD")
        })
        .with_state(Arc::new(state))
}

/// Serves the routes of [`health`] until `shutdown` is cancelled, with limits of its own. Start it before the
/// [server](super::serve) and stop it after the store, so that it reports the state of both.
///
/// # Cancel safety
///
/// If the future is dropped, the listener is closed; open connections continue until `shutdown` is cancelled.
pub async fn serve_health(
    listener: TcpListener,
    health: Router,
    shutdown: CancellationToken,
) -> DrainReport {
    let mut options = ServerOptions::default();
    options.limits.max_connections = CONNECTIONS;
    options.limits.max_requests = REQUESTS;
    options.limits.max_body_bytes = BODY;
    // No request here takes long.
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

type HealthState<T> = State<Arc<Health<T>>>;

impl<T: Send + Sync + 'static> Health<T> {
    /// Why the server is not ready: a status and an error.
    fn failure(&self) -> Option<(&'static str, Error)> {
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

    /// Whether the server is ready, and why not.
    fn readiness(&self) -> (StatusCode, &'static str, Option<Error>) {
        match self.failure() {
            None => (StatusCode::OK, "ready", None),
            Some((status, error)) => (StatusCode::SERVICE_UNAVAILABLE, status, Some(error)),
        }
    }
}

/// Adds to an error that it concerns the accounts.
fn of_accounts(error: Error) -> Error {
    let of_accounts = |cause: &str| format!("the accounts: {cause}").into();
    match error {
        Error::JournalFailed(cause) => Error::JournalFailed(of_accounts(&cause)),
        Error::Failed(cause) => Error::Failed(of_accounts(&cause)),
        other => other,
    }
}

/// A response with a status, and the error that explains it.
fn report(code: StatusCode, mut body: Value, error: Option<&Error>) -> Response {
    let problem = error.map(Problem::from);
    if let Some(Problem { code, message, .. }) = &problem {
        body["code"] = code.as_ref().into();
        body["message"] = message.as_ref().into();
    }
    let mut response = json_response(body.to_string());
    *response.status_mut() = code;
    if let Some(problem) = problem {
        response.extensions_mut().insert(problem);
    }
    response
}

async fn alive<T: Send + Sync + 'static>(State(health): HealthState<T>) -> Response {
    match health.failure() {
        Some((status @ "failed", error)) => {
            report(StatusCode::INTERNAL_SERVER_ERROR, json!({"status": status}), Some(&error))
        }
        _ => report(StatusCode::OK, json!({"status": "alive"}), None),
    }
}

async fn ready<T: Send + Sync + 'static>(State(health): HealthState<T>) -> Response {
    let (code, status, error) = health.readiness();
    report(code, json!({"status": status}), error.as_ref())
}

async fn started<T: Send + Sync + 'static>(State(health): HealthState<T>) -> Response {
    if health.store.has_recovered() {
        return report(StatusCode::OK, json!({"status": "started"}), None);
    }
    let error = health.failure().map_or(Error::Recovering, |(_, error)| error);
    report(StatusCode::SERVICE_UNAVAILABLE, json!({"status": "starting"}), Some(&error))
}

async fn details<T: Send + Sync + 'static>(State(health): HealthState<T>) -> Response {
    let (code, status, error) = health.readiness();
    let stats = health.store.stats();
    let body = json!({
        "status": status,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_seconds": health.began.elapsed().as_secs(),
        "id": health.store.id().to_string(),
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

async fn metrics<T: Send + Sync + 'static>(State(health): HealthState<T>) -> Response {
    let mut text = String::with_capacity(16 << 10);
    if encode(&mut text, &health.registry).is_err() {
        return Failure::new("internal", "cannot encode the metrics").into_response();
    }
    let mut response = Response::new(text.into());
    response.headers_mut().insert(CONTENT_TYPE, OPEN_METRICS);
    response
}
