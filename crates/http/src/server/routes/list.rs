//! Lists: push, pop, trim, range.

use axum::response::Response;
use mainspring::internal::Slice;
use mainspring::internal::put_row;
use mainspring::{End, Error, Key, Write, Written};

use super::entry::{apply, row_after};
use crate::protocol::Command;
use crate::protocol::parameters::{ListEnd, TrimQuery, Window};
use crate::protocol::responses::ListRange;
use crate::server::app::{App, Element, send};
use crate::server::auth::{Caller, Context, PathKey};
use crate::server::extract::{FullBody, Query, WriteCondition};
use crate::server::response::{Failure, done, etag, json, with_etag};

fn push_write<T: Element>(
    key: Key,
    ListEnd { end }: ListEnd,
    body: &[u8],
) -> Result<Write<T>, Failure> {
    let operation = match end {
        End::Front => "push_front",
        End::Back => "push",
    };
    Ok(Command::read(body)?.write(operation, key)?)
}

pub(in crate::server) async fn push<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    Query(end): Query<ListEnd>,
    condition: WriteCondition,
    FullBody(body): FullBody,
) -> Result<Response, Failure> {
    done(&apply(&app, &caller, condition, push_write(key, end, &body)?).await?, true)
}

pub(in crate::server) async fn push_row<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    Query(end): Query<ListEnd>,
    condition: WriteCondition,
    FullBody(body): FullBody,
) -> Result<Response, Failure> {
    let push = push_write(key.clone(), end, &body)?.not_new();
    let written = apply(&app, &caller, condition, push).await?;
    row_after(&app, &key, &written).await
}

async fn apply_pop<T: Element>(
    app: &App<T>,
    caller: &Caller,
    key: Key,
    ListEnd { end }: ListEnd,
    condition: WriteCondition,
) -> Result<Written<T>, Failure> {
    let write = match end {
        End::Front => Write::pop_front(key),
        End::Back => Write::pop(key),
    };
    apply(app, caller, condition, write).await
}

pub(in crate::server) async fn pop<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    Query(end): Query<ListEnd>,
    condition: WriteCondition,
) -> Result<Response, Failure> {
    done(&apply_pop(&app, &caller, key, end, condition).await?, true)
}

pub(in crate::server) async fn pop_row<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    Query(end): Query<ListEnd>,
    condition: WriteCondition,
) -> Result<Response, Failure> {
    let written = apply_pop(&app, &caller, key.clone(), end, condition).await?;
    let (Ok(Some(entry)), Some(element)) = (app.store.get(&key).await, &written.popped) else {
        return done(&written, true);
    };
    let mut body = Vec::new();
    let mut put = || {
        put_row(&mut body, &key, &entry)?;
        body.extend_from_slice(b",\"popped\":");
        serde_json::to_writer(&mut body, element)
    };
    put().map_err(|error| Failure::from(error).after(written.revision))?;
    body.push(b'}');
    Ok(with_etag(json(body), &etag(app.store.id(), entry.revision)))
}

pub(in crate::server) async fn trim<T: Element>(
    Context(app, caller): Context<T>,
    Query(TrimQuery { key, keep, end }): Query<TrimQuery>,
    condition: WriteCondition,
) -> Result<Response, Failure> {
    let write = match end {
        End::Front => Write::trim_front(key, keep),
        End::Back => Write::trim(key, keep),
    };
    write.key().validate()?;
    caller.require_key(write.key())?;
    done(&apply(&app, &caller, condition, write).await?, true)
}

pub(in crate::server) async fn range<T: Element>(
    Context(app, _): Context<T>,
    PathKey(key): PathKey,
    Query(Window { offset, limit }): Query<Window>,
) -> Result<Response, Failure> {
    let slice = send(app.store.slice(&key, offset, limit.unwrap_or(usize::MAX))).await?;
    let Slice { elements, length, revision } = slice.ok_or(Error::NotFound)?;
    let body = serde_json::to_vec(&ListRange { elements, length, revision })?;
    Ok(with_etag(json(body), &etag(app.store.id(), revision)))
}
