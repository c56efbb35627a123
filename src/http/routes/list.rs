//! Lists: push, pop, range.

use std::fmt::Write as _;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::entry::{row_after, written};
use crate::entry::Slice;
use crate::http::answer::{Failure, done, etag, json, with_etag};
use crate::http::app::{App, AppState, Element, send};
use crate::http::extract::{PathKey, Query, When, Whole};
use crate::wire::{Command, Text, put_row, put_value};
use crate::{End, Error, Key, Value, Write, Written};

/// Which end of the list.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Side {
    #[serde(default = "Side::back")]
    end: End,
}

impl Side {
    fn back() -> End {
        End::Back
    }
}

async fn pushed<T: Element>(
    app: &App<T>,
    key: Key,
    Side { end }: Side,
    when: When,
    body: &[u8],
) -> Result<Written<T>, Failure> {
    let operation = match end {
        End::Front => "push_front",
        End::Back => "push",
    };
    written(app, when, Command::read(body)?.write(operation, key)?).await
}

pub(super) async fn push<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    Query(side): Query<Side>,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    done(&pushed(&app, key, side, when, &body).await?, true)
}

pub(super) async fn push_row<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    Query(side): Query<Side>,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let is_any = when.is_any();
    let when = if is_any { When::PRESENT } else { when };
    let written = match pushed(&app, key.clone(), side, when, &body).await {
        // That the list has to be there is not a condition of the caller's.
        Err(Failure(problem)) if is_any && problem.code == "revision_mismatch" => {
            return Err(Error::NotFound.into());
        }
        other => other?,
    };
    row_after(&app, &key, &written).await
}

async fn popped<T: Element>(
    app: &App<T>,
    key: Key,
    Side { end }: Side,
    when: When,
) -> Result<Written<T>, Failure> {
    let write = match end {
        End::Front => Write::pop_front(key),
        End::Back => Write::pop(key),
    };
    written(app, when, write).await
}

pub(super) async fn pop<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    Query(side): Query<Side>,
    when: When,
) -> Result<Response, Failure> {
    done(&popped(&app, key, side, when).await?, true)
}

pub(super) async fn pop_row<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    Query(side): Query<Side>,
    when: When,
) -> Result<Response, Failure> {
    let written = popped(&app, key.clone(), side, when).await?;
    let (Ok(Some(entry)), Some(element)) = (app.store.get(&key).await, &written.popped) else {
        return done(&written, true);
    };
    let mut body = Vec::new();
    put_row(&mut body, &key, &entry)?;
    body.extend_from_slice(b",\"popped\":");
    serde_json::to_writer(&mut body, element)?;
    body.push(b'}');
    Ok(with_etag(json(body), &etag(app.store.id(), entry.revision)))
}

/// A part of a list: from where (negative: from the end), and how much.
#[derive(Debug, Deserialize)]
pub(super) struct Window {
    #[serde(default)]
    offset: isize,
    limit: Option<usize>,
}

pub(super) async fn range<T: Element>(
    State(app): AppState<T>,
    PathKey(key): PathKey,
    Query(Window { offset, limit }): Query<Window>,
) -> Result<Response, Failure> {
    let part = send(app.store.part(&key, offset, limit.unwrap_or(usize::MAX))).await?;
    let Slice { elements, length, revision } = part.ok_or(Error::NotFound)?;
    let mut body = b"{\"elements\":".to_vec();
    put_value(&mut body, &Value::List(elements))?;
    let _ = write!(Text(&mut body), ",\"length\":{length},\"revision\":{revision}}}");
    Ok(with_etag(json(body), &etag(app.store.id(), revision)))
}
