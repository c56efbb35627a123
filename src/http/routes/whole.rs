//! The store as a whole.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::response::Response;
use serde::Serialize;

use crate::Reader;
use crate::http::answer::{Failure, json, text};
use crate::http::app::{AppState, Element, send};
use crate::journal::JournalStats;

/// Says how many keys a flush has removed.
pub(super) const CLEARED: &str = "mainspring-cleared";

pub(super) async fn flush<T: Element>(State(app): AppState<T>) -> Result<Response, Response> {
    let cleared = send(app.store.clear()).await.map_err(Failure::into_text)?;
    let mut response = text(());
    response.headers_mut().insert(CLEARED, HeaderValue::from(cleared));
    Ok(response)
}

pub(super) async fn compact<T: Element>(State(app): AppState<T>) -> Result<Response, Failure> {
    send(app.store.compact()).await?;
    Ok(json("{\"message\":\"ok\"}"))
}

/// How a store is doing.
#[derive(Debug, Serialize)]
struct Glance {
    id: String,
    revision: u64,
    entries: usize,
    bytes: u64,
    queued: usize,
    queue_capacity: usize,
    turns: u64,
    commands: u64,
    expired: u64,
    subscribers: usize,
    lagged: u64,
    history_floor: u64,
    history_changes: usize,
    history_bytes: u64,
    journal: JournalGlance,
}

/// How its journal is doing.
#[derive(Debug, Serialize)]
struct JournalGlance {
    appends: u64,
    appended_bytes: u64,
    syncs: u64,
    sync_seconds: f64,
    unsynced_seconds: f64,
    compactions: u64,
    bytes: u64,
}

pub(super) async fn stats<T: Element>(State(app): AppState<T>) -> Result<Response, Failure> {
    Ok(json(serde_json::to_vec(&glance(&app.store))?))
}

fn glance<T>(store: &Reader<T>) -> Glance {
    let stats = store.stats();
    let JournalStats { appends, appended_bytes, syncs, sync_time, unsynced, compactions, bytes } =
        stats.journal;
    Glance {
        id: store.id().to_string(),
        revision: stats.revision,
        entries: stats.entries,
        bytes: stats.bytes,
        queued: stats.queued,
        queue_capacity: stats.queue_capacity,
        turns: stats.turns,
        commands: stats.commands,
        expired: stats.expired,
        subscribers: stats.subscribers,
        lagged: stats.lagged,
        history_floor: stats.history_floor,
        history_changes: stats.history_changes,
        history_bytes: stats.history_bytes,
        journal: JournalGlance {
            appends,
            appended_bytes,
            syncs,
            sync_seconds: sync_time.as_secs_f64(),
            unsynced_seconds: unsynced.as_secs_f64(),
            compactions,
            bytes,
        },
    }
}
