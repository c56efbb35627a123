//! Entries: read, set, update, remove, expire.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::http::answer::{self, Failure, done};
use crate::http::app::{App, AppState, Element, send};
use crate::http::extract::{Known, PathKey, When, Whole};
use crate::wire::Command;
use crate::{Error, Key, Write, Written};

pub(super) async fn get<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    Known(known): Known,
) -> Result<Response, Failure> {
    let entry = send(app.store.get(&key)).await?.ok_or(Error::NotFound)?;
    if let Some(known) = known {
        let etag = answer::etag(app.store.id(), entry.revision);
        let names = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == etag;
        if known.split(',').map(str::trim).any(names) {
            return Ok(answer::with_etag(StatusCode::NOT_MODIFIED.into_response(), &etag));
        }
    }
    answer::row(app.store.id(), &key, &entry)
}

pub(super) async fn set<T: Element>(
    State(app): AppState<T>,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let command = Command::read(&body)?;
    let key = command.key()?;
    key.validate()?;
    written(&app, when, command.write("set", key)?).await.and_then(|written| done(&written, false))
}

pub(super) async fn put<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("set", key)?;
    written(&app, when, write).await.and_then(|written| done(&written, false))
}

pub(super) async fn patch<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("update", key)?;
    written(&app, when, write).await.and_then(|written| done(&written, false))
}

pub(super) async fn delete<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    when: When,
) -> Result<Response, Failure> {
    written(&app, when, Write::remove(key)).await.and_then(|written| done(&written, false))
}

pub(super) async fn expire<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("expire", key)?;
    written(&app, when, write).await.and_then(|written| done(&written, false))
}

pub(super) async fn expire_row<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("expire", key.clone())?;
    let written = written(&app, when, write).await?;
    row_after(&app, &key, &written).await
}

/// Do a write.
pub(super) async fn written<T: Element>(
    app: &App<T>,
    when: When,
    write: Write<T>,
) -> Result<Written<T>, Failure> {
    send(app.store.write(when.on(write, app.store.id())?)).await
}

/// The entry after a write, for those who ask for it: it may have been changed again by then. If it is gone
/// already, what the write did.
pub(super) async fn row_after<T: Element>(
    app: &App<T>,
    key: &Key,
    written: &Written<T>,
) -> Result<Response, Failure> {
    // Waits for room: the write was done, and "busy" would say that it was not.
    match app.store.get(key).await {
        Ok(Some(entry)) => answer::row(app.store.id(), key, &entry),
        _ => done(written, true),
    }
}
