//! Entries: read, set, update, remove, expire.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mainspring::{Error, Key, Write, Written};

use crate::protocol::Command;
use crate::server::app::{App, Element, send};
use crate::server::auth::{Caller, Context, PathKey};
use crate::server::extract::{ClientEtags, FullBody, WriteCondition};
use crate::server::response::{self, Failure, done};

pub(in crate::server) async fn get<T: Element>(
    Context(app, _): Context<T>,
    PathKey(key): PathKey,
    ClientEtags(etags): ClientEtags,
) -> Result<Response, Failure> {
    let entry = send(app.store.get(&key)).await?.ok_or(Error::NotFound)?;
    if let Some(etags) = etags {
        let etag = response::etag(app.store.id(), entry.revision);
        let matches = |tag: &str| tag == "*" || tag.trim_start_matches("W/") == etag;
        if etags.split(',').map(str::trim).any(matches) {
            return Ok(response::with_etag(StatusCode::NOT_MODIFIED.into_response(), &etag));
        }
    }
    response::row(app.store.id(), &key, &entry)
}

pub(in crate::server) async fn set<T: Element>(
    Context(app, caller): Context<T>,
    condition: WriteCondition,
    FullBody(body): FullBody,
) -> Result<Response, Failure> {
    let command = Command::read(&body)?;
    let key = command.key()?;
    key.validate()?;
    caller.require_key(&key)?;
    done(&apply(&app, &caller, condition, command.write("set", key)?).await?, false)
}

/// Applies the write of a command that the method and path determine.
pub(in crate::server) async fn write<T: Element>(
    command: &str,
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    condition: WriteCondition,
    FullBody(body): FullBody,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write(command, key)?;
    done(&apply(&app, &caller, condition, write).await?, false)
}

pub(in crate::server) async fn remove<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    condition: WriteCondition,
) -> Result<Response, Failure> {
    done(&apply(&app, &caller, condition, Write::remove(key)).await?, false)
}

pub(in crate::server) async fn expire_row<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    condition: WriteCondition,
    FullBody(body): FullBody,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write("expire", key.clone())?;
    let written = apply(&app, &caller, condition, write).await?;
    row_after(&app, &key, &written).await
}

/// Applies a write with its condition, and audits it.
pub(super) async fn apply<T: Element>(
    app: &App<T>,
    caller: &Caller,
    condition: WriteCondition,
    write: Write<T>,
) -> Result<Written<T>, Failure> {
    let write = condition.apply_to(write, app.store.id())?;
    let audit = caller.audit_write(&write);
    let written = send(app.store.write(write)).await;
    audit.finish(written.as_ref().map(|written| written.revision).map_err(|failure| &failure.0));
    written
}

/// The response with the entry after a write, which may already include later changes. If the entry is already gone, the
/// result of the write.
pub(super) async fn row_after<T: Element>(
    app: &App<T>,
    key: &Key,
    written: &Written<T>,
) -> Result<Response, Failure> {
    // Waits for room in the queue: the write was applied, and "busy" would mean that it was not.
    match app.store.get(key).await {
        Ok(Some(entry)) => response::row(app.store.id(), key, &entry)
            .map_err(|failure| failure.after(written.revision)),
        _ => done(written, true),
    }
}
