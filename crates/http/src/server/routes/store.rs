//! Operations on the store as a whole.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mainspring::Error;

use crate::protocol::{CompactionResult, StoreStats};
use crate::server::app::{Element, send};
use crate::server::auth::Context;
use crate::server::extract::Unconditional;
use crate::server::response::{Failure, json};

/// The number of keys that a flush has removed.
pub(super) const CLEARED: &str = "mainspring-cleared";

pub(in crate::server) async fn flush<T: Element>(
    Context(app, caller): Context<T>,
    unconditional: Result<Unconditional, Failure>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let is_json = |accept: &HeaderValue| accept.as_bytes().starts_with(b"application/json");
    let reject = |failure: Failure| match headers.get(ACCEPT) {
        Some(accept) if is_json(accept) => failure.into_response(),
        _ => failure.into_text(),
    };
    unconditional.map_err(reject)?;
    let audit = caller.audit_operation("clear");
    let cleared = send(app.store.clear()).await;
    audit.finish(cleared.as_ref().map(|_| app.store.revision()).map_err(|failure| &failure.0));
    let cleared = cleared.map_err(reject)?;
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert(CLEARED, HeaderValue::from(cleared));
    Ok(response)
}

pub(in crate::server) async fn compact<T: Element>(
    Context(app, caller): Context<T>,
) -> Result<Response, Failure> {
    let audit = caller.audit_operation("compact");
    let compacted = tokio::select! {
        compacted = send(app.store.compact()) => compacted,
        // A compaction would delay the shutdown, which ends it. Whether it completes before is unknown.
        () = app.shutdown.cancelled() => return Err(Error::Closed.into()),
    };
    let revision = compacted.as_ref().map(|compacted| compacted.revision);
    audit.finish(revision.map_err(|failure| &failure.0));
    Ok(json(serde_json::to_vec(&CompactionResult::from(compacted?))?))
}

pub(in crate::server) async fn stats<T: Element>(
    Context(app, _): Context<T>,
) -> Result<Response, Failure> {
    Ok(json(serde_json::to_vec(&StoreStats::new(app.store.id(), app.store.stats()))?))
}
