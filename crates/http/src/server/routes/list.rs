//! Lists: push, pop, trim, range.

use axum::response::Response;
use mainspring::internal::Slice;
use mainspring::internal::put_row;
use mainspring::{End, Error, Key, Write, Written};

use super::entry::{row_after, written};
use crate::protocol::Command;
use crate::protocol::answers::ListRange;
use crate::protocol::parameters::{ListEnd, TrimQuery, Window};
use crate::server::answer::{Failure, done, etag, json, with_etag};
use crate::server::app::{App, Element, send};
use crate::server::auth::{Caller, Context, PathKey};
use crate::server::extract::{Query, When, Whole};

fn to_push<T: Element>(
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
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    done(&written(&app, &caller, when, to_push(key, end, &body)?).await?, true)
}

pub(in crate::server) async fn push_row<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    Query(end): Query<ListEnd>,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let push = to_push(key.clone(), end, &body)?.not_new();
    let written = written(&app, &caller, when, push).await?;
    row_after(&app, &key, &written).await
}

async fn popped<T: Element>(
    app: &App<T>,
    caller: &Caller,
    key: Key,
    ListEnd { end }: ListEnd,
    when: When,
) -> Result<Written<T>, Failure> {
    let write = match end {
        End::Front => Write::pop_front(key),
        End::Back => Write::pop(key),
    };
    written(app, caller, when, write).await
}

pub(in crate::server) async fn pop<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    Query(end): Query<ListEnd>,
    when: When,
) -> Result<Response, Failure> {
    done(&popped(&app, &caller, key, end, when).await?, true)
}

pub(in crate::server) async fn pop_row<T: Element>(
    Context(app, caller): Context<T>,
    PathKey(key): PathKey,
    Query(end): Query<ListEnd>,
    when: When,
) -> Result<Response, Failure> {
    let written = popped(&app, &caller, key.clone(), end, when).await?;
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
    when: When,
) -> Result<Response, Failure> {
    let write = match end {
        End::Front => Write::trim_front(key, keep),
        End::Back => Write::trim(key, keep),
    };
    write.key().validate()?;
    caller.require_key(write.key())?;
    done(&written(&app, &caller, when, write).await?, true)
}

pub(in crate::server) async fn range<T: Element>(
    Context(app, _): Context<T>,
    PathKey(key): PathKey,
    Query(Window { offset, limit }): Query<Window>,
) -> Result<Response, Failure> {
    let part = send(app.store.slice(&key, offset, limit.unwrap_or(usize::MAX))).await?;
    let Slice { elements, length, revision } = part.ok_or(Error::NotFound)?;
    let body = serde_json::to_vec(&ListRange { elements, length, revision })?;
    Ok(with_etag(json(body), &etag(app.store.id(), revision)))
}
