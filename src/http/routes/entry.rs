//! Entries: read, set, update, remove, expire.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::http::answer::{self, Failure, done};
use crate::http::app::{App, Element, send};
use crate::http::auth::{Caller, Reading, Writing};
use crate::http::extract::{Known, PathKey, When, Whole};
use crate::http::params::{Conditions, KeyParam, KnownParam};
use crate::http::schema::{Done, NewEntry, NewTtl, NewValue, Row, RowOrDone};
use crate::wire::Command;
use crate::{Error, Key, Write, Written};

/// Read an entry.
///
/// Ordered after every request that was answered before.
#[utoipa::path(
    get, path = "/api/v1/{key}", tag = "entries", operation_id = "get",
    params(KeyParam, KnownParam),
    responses(
        (
            status = 200, description = "The entry.", headers(("ETag" = String, description = "The store and the revision of the entry: for `If-Match` and `If-None-Match`.")),
            body = Row, example = json!({"key": "car/speed", "kind": "json", "value": 42.5, "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"}),
        ),
        (status = 304, description = "It is what `If-None-Match` names.", headers(("ETag" = String, description = "The store and the revision of the entry: for `If-Match` and `If-None-Match`."))),
    ),
    extensions(("x-errors" = json!(["store", "item_not_found"])), ("x-needs" = json!("read"))),
)]
pub(in crate::http) async fn get<T: Element>(
    Reading(app, _): Reading<T>,
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

/// Set a key.
///
/// Creates the entry or replaces it, with a new `created_at`. Without a `ttl` the store's default is taken, which is
/// none unless configured.
#[utoipa::path(
    post, path = "/api/v1/set", tag = "entries", operation_id = "set",
    params(Conditions),
    request_body(content = NewEntry, example = json!({"key": "car/speed", "value": 42.5, "ttl": "1h"})),
    responses(
        (
            status = 200, description = "It was set.", links(
                ("get" = (operation_id = "get", description = "Read it.", parameters(("key" = "$request.body#/key")))),
                ("remove" = (operation_id = "remove", description = "Remove it.", parameters(("key" = "$request.body#/key")))),
            ),
            body = Done, example = json!({"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "body"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn set<T: Element>(
    Writing(app, caller): Writing<T>,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let command = Command::read(&body)?;
    let key = command.key()?;
    key.validate()?;
    caller.needs_key(&key)?;
    written(&app, &caller, when, command.write("set", key)?)
        .await
        .and_then(|written| done(&written, false))
}

/// Set the key of the path.
///
/// As `POST /api/v1/set`.
#[utoipa::path(
    put, path = "/api/v1/{key}", tag = "entries", operation_id = "put",
    params(KeyParam, Conditions),
    request_body(content = NewValue, example = json!({"value": ["a", "b"]})),
    responses(
        (
            status = 200, description = "It was set.", links(
                ("get" = (operation_id = "get", description = "Read it.", parameters(("key" = "$request.path.key")))),
                ("remove" = (operation_id = "remove", description = "Remove it.", parameters(("key" = "$request.path.key")))),
            ),
            body = Done, example = json!({"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "body"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn put<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("set", key)?;
    written(&app, &caller, when, write).await.and_then(|written| done(&written, false))
}

/// Update an entry.
///
/// It has to be there, and keeps its `created_at`, and its deadline unless there is a `ttl`. May change its kind.
#[utoipa::path(
    patch, path = "/api/v1/{key}", tag = "entries", operation_id = "update",
    params(KeyParam, Conditions),
    request_body(content = NewValue, example = json!({"value": "fast", "ttl": "none"})),
    responses(
        (
            status = 200, description = "It was updated.",
            body = Done, example = json!({"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "body", "item_not_found"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn patch<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("update", key)?;
    written(&app, &caller, when, write).await.and_then(|written| done(&written, false))
}

/// Remove an entry.
///
/// It has to be there.
#[utoipa::path(
    delete, path = "/api/v1/{key}", tag = "entries", operation_id = "remove",
    params(KeyParam, Conditions),
    responses(
        (
            status = 200, description = "It was removed.", body = Done, example = json!({"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "item_not_found"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn delete<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    when: When,
) -> Result<Response, Failure> {
    written(&app, &caller, when, Write::remove(key)).await.and_then(|written| done(&written, false))
}

/// Let an entry expire, or never.
///
/// The answer does not grow with the entry.
#[utoipa::path(
    post, path = "/api/v1/{key}/ttl", tag = "entries", operation_id = "expire",
    params(KeyParam, Conditions),
    request_body(content = NewTtl, example = json!({"ttl": "90s"})),
    responses(
        (
            status = 200, description = "Its deadline was moved.", body = Done, example = json!({"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z"}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "body", "item_not_found"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn expire<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("expire", key)?;
    written(&app, &caller, when, write).await.and_then(|written| done(&written, false))
}

/// Let an entry expire, or never, and answer it.
///
/// As `POST`, but for the answer.
#[utoipa::path(
    patch, path = "/api/v1/{key}/ttl", tag = "entries", operation_id = "expire_row",
    params(KeyParam, Conditions),
    request_body(content = NewTtl, example = json!({"ttl": "none"})),
    responses(
        (
            status = 200, description = "The entry.", headers(("ETag" = String, description = "The store and the revision of the entry: for `If-Match` and `If-None-Match`.")),
            body = RowOrDone, example = json!({"key": "car/speed", "kind": "json", "value": 42.5, "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "body", "item_not_found"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn expire_row<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("expire", key.clone())?;
    let written = written(&app, &caller, when, write).await?;
    row_after(&app, &key, &written).await
}

/// Do a write.
pub(super) async fn written<T: Element>(
    app: &App<T>,
    caller: &Caller,
    when: When,
    write: Write<T>,
) -> Result<Written<T>, Failure> {
    let write = when.on(write, app.store.id())?;
    let note = caller.note(&write);
    let written = send(app.store.write(write)).await;
    note.ended(written.as_ref().map(|written| written.revision).map_err(|failure| &failure.0));
    written
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
        Ok(Some(entry)) => answer::row(app.store.id(), key, &entry)
            .map_err(|failure| failure.after(written.revision)),
        _ => done(written, true),
    }
}
