//! The store as a whole.

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::Error;
use crate::http::answer::{Failure, json};
use crate::http::app::{Element, send};
use crate::http::auth::{Administering, ReadingAll, WritingAll};
use crate::http::extract::Unconditional;
use crate::wire::{CompactedFigures, Figures};

/// Says how many keys a flush has removed.
pub(super) const CLEARED: &str = "mainspring-cleared";

/// Remove everything.
///
/// As one change, and none if the store is empty already. Errors are texts, or JSON for those who accept
/// `application/json`.
#[utoipa::path(
    delete, path = "/flush", tag = "plain", operation_id = "flush",
    responses(
        (
            status = 200, description = "It is empty.", headers(("Mainspring-Cleared" = u64, description = "How many keys there were.")),
        ),
    ),
    extensions(("x-errors" = json!(["write"])), ("x-needs" = json!("write_all"))),
)]
pub(in crate::http) async fn flush<T: Element>(
    WritingAll(app, caller): WritingAll<T>,
    unconditional: Result<Unconditional, Failure>,
    headers: HeaderMap,
) -> Result<Response, Response> {
    let is_json = |accept: &HeaderValue| accept.as_bytes().starts_with(b"application/json");
    let refuse = |failure: Failure| match headers.get(ACCEPT) {
        Some(accept) if is_json(accept) => failure.into_response(),
        _ => failure.into_text(),
    };
    unconditional.map_err(refuse)?;
    let note = caller.note_of("clear");
    let cleared = send(app.store.clear()).await;
    note.ended(cleared.as_ref().map(|_| app.store.revision()).map_err(|failure| &failure.0));
    let cleared = cleared.map_err(refuse)?;
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert(CLEARED, HeaderValue::from(cleared));
    Ok(response)
}

/// Replace the journal's log by a snapshot.
///
/// Answers when that is done or has failed, which may take minutes if there is much data. It goes on if the client
/// disconnects. A request during another compaction waits for its end, and then for one of its own, so that the
/// snapshot is never older than the request. Does nothing without a journal.
#[utoipa::path(
    post, path = "/compact", tag = "store", operation_id = "compact",
    responses(
        (
            status = 200, description = "It is done.", body = CompactedFigures, example = json!({"revision": 7, "bytes_before": 5242880, "bytes_after": 4096}),
        ),
    ),
    extensions(("x-errors" = json!(["store", "compaction_failed", "journal_failed"])), ("x-needs" = json!("admin"))),
)]
pub(in crate::http) async fn compact<T: Element>(
    Administering(app, caller): Administering<T>,
) -> Result<Response, Failure> {
    let note = caller.note_of("compact");
    let compacted = tokio::select! {
        compacted = send(app.store.compact()) => compacted,
        // It would hold up the shutdown, which ends it. Whether it was done by then is not known.
        () = app.shutdown.cancelled() => return Err(Error::Closed.into()),
    };
    let revision = compacted.as_ref().map(|compacted| compacted.revision);
    note.ended(revision.map_err(|failure| &failure.0));
    Ok(json(serde_json::to_vec(&CompactedFigures::from(compacted?))?))
}

/// How the store is doing.
///
/// Counters are since its start, sizes are in bytes, times in seconds.
#[utoipa::path(
    get, path = "/stats", tag = "store", operation_id = "stats",
    responses(
        (
            status = 200, description = "Its figures.", body = Figures, example = json!({"id": "5f0c9a1b2c3d4e5f", "revision": 7, "entries": 2, "bytes": 120, "queued": 0, "queue_capacity": 1024, "turns": 9, "commands": 9, "expired": 0, "subscribers": 1, "lagged": 0, "max_lag": 0, "history_floor": 0, "history_changes": 7, "history_bytes": 420, "journal": {"appends": 0, "appended_bytes": 0, "syncs": 0, "sync_seconds": 0.0, "unsynced_seconds": 0.0, "compactions": 0, "failed_compactions": 0, "bytes": 0}}),
        ),
    ),
    extensions(("x-needs" = json!("read_all"))),
)]
pub(in crate::http) async fn stats<T: Element>(
    ReadingAll(app, _): ReadingAll<T>,
) -> Result<Response, Failure> {
    Ok(json(serde_json::to_vec(&Figures::new(app.store.id(), &app.store.stats()))?))
}
