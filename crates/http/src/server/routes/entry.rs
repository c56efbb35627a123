//! Entries: read, set, update, remove, expire.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mainspring::{Error, Key, Write, Written};

use crate::protocol::Command;
use crate::server::answer::{self, Failure, done};
use crate::server::app::{App, Element, send};
use crate::server::auth::{Caller, Context, PathKey};
use crate::server::extract::{KnownEtags, When, Whole};

pub(in crate::server) async fn get<T: Element>(
    Context(app, _): Context<T>,
    PathKey(key): PathKey,
    KnownEtags(known): KnownEtags,
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

pub(in crate::server) async fn set<T: Element>(
    Context(app, caller): Context<T>,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let command = Command::read(&body)?;
    let key = command.key()?;
    key.validate()?;
    caller.require_key(&key)?;
    done(&written(&app, &caller, when, command.write("set", key)?).await?, false)
}

/// Do the write of a command that the request does not name.
pub(in crate::server) async fn write<T: Element>(
    command: &str,
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let write = Command::read(&body)?.write(command, key)?;
    done(&written(&app, &caller, when, write).await?, false)
}

pub(in crate::server) async fn remove<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    when: When,
) -> Result<Response, Failure> {
    done(&written(&app, &caller, when, Write::remove(key)).await?, false)
}

pub(in crate::server) async fn expire_row<T: Element>(
    Context(app, caller): Context<T>,
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
