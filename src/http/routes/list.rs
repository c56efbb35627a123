//! Lists: push, pop, range.

use std::fmt::Write as _;

use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::entry::{row_after, written};
use crate::http::answer::{Failure, done, etag, json, with_etag};
use crate::http::app::{App, Element, send};
use crate::http::auth::{Caller, Reading, Writing};
use crate::http::extract::{PathKey, Query, When, Whole};
use crate::http::params::{Conditions, EndName, KeyParam};
use crate::http::schema::{Done, NewElement, Part, Popped, RowOrDone, RowOrPopped};
use crate::model::Slice;
use crate::wire::{Command, Text, put_row, put_value};
use crate::{End, Error, Key, Value, Write, Written};

/// Which end of the list.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Side {
    /// The end of the list: `front`, or `back` unless said.
    #[serde(default = "Side::back")]
    #[param(required = false, value_type = EndName, inline, example = "front")]
    end: End,
}

impl Side {
    fn back() -> End {
        End::Back
    }
}

fn to_push<T: Element>(key: Key, Side { end }: Side, body: &[u8]) -> Result<Write<T>, Failure> {
    let operation = match end {
        End::Front => "push_front",
        End::Back => "push",
    };
    Ok(Command::read(body)?.write(operation, key)?)
}

/// Push an element to a list.
///
/// Creates the list if the key is absent. The answer does not grow with the list.
#[utoipa::path(
    post, path = "/api/v1/{key}/push", tag = "lists", operation_id = "push",
    params(KeyParam, Side, Conditions),
    request_body(content = NewElement, example = json!({"value": "b"})),
    responses(
        (
            status = 200, description = "It was pushed.",
            body = Done, example = json!({"message": "ok", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 2}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "body", "invalid_data_type"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn push<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    Query(side): Query<Side>,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    done(&written(&app, &caller, when, to_push(key, side, &body)?).await?, true)
}

/// Push an element to a list that is there, and answer the list.
///
/// As document 002 has it.
#[utoipa::path(
    patch, path = "/api/v1/{key}/push", tag = "lists", operation_id = "push_row",
    params(KeyParam, Side, Conditions),
    request_body(content = NewElement, example = json!({"value": "b", "ttl": "24h"})),
    responses(
        (
            status = 200, description = "The list.", headers(("ETag" = String, description = "The store and the revision of the entry: for `If-Match` and `If-None-Match`.")),
            body = RowOrDone, example = json!({"key": "laps", "kind": "string_slice", "value": ["a"], "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z"}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "body", "invalid_data_type", "item_not_found"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn push_row<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    Query(side): Query<Side>,
    when: When,
    Whole(body): Whole,
) -> Result<Response, Failure> {
    let push = to_push(key.clone(), side, &body)?.not_new();
    let written = written(&app, &caller, when, push).await?;
    row_after(&app, &key, &written).await
}

async fn popped<T: Element>(
    app: &App<T>,
    caller: &Caller,
    key: Key,
    Side { end }: Side,
    when: When,
) -> Result<Written<T>, Failure> {
    let write = match end {
        End::Front => Write::pop_front(key),
        End::Back => Write::pop(key),
    };
    written(app, caller, when, write).await
}

/// Pop an element from a list.
///
/// The answer does not grow with the list.
#[utoipa::path(
    post, path = "/api/v1/{key}/pop", tag = "lists", operation_id = "pop",
    params(KeyParam, Side, Conditions),
    responses(
        (
            status = 200, description = "It was popped.",
            body = Popped, example = json!({"popped": "b", "revision": 7, "updated_at": "2026-11-21T08:42:39.299482077Z", "length": 1}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "invalid_data_type", "item_not_found", "list_empty"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn pop<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    Query(side): Query<Side>,
    when: When,
) -> Result<Response, Failure> {
    done(&popped(&app, &caller, key, side, when).await?, true)
}

/// Pop an element from a list, and answer the list.
///
/// As document 002 has it, with the element besides.
#[utoipa::path(
    patch, path = "/api/v1/{key}/pop", tag = "lists", operation_id = "pop_row",
    params(KeyParam, Side, Conditions),
    responses(
        (
            status = 200, description = "The list, and what was popped.", headers(("ETag" = String, description = "The store and the revision of the entry: for `If-Match` and `If-None-Match`.")),
            body = RowOrPopped, example = json!({"key": "laps", "kind": "string_slice", "value": ["a"], "revision": 7, "ttl": null, "created_at": "2026-11-21T08:42:38.299420516Z", "updated_at": "2026-11-21T08:42:39.299482077Z", "popped": "b"}),
        ),
    ),
    extensions(("x-errors" = json!(["write", "invalid_data_type", "item_not_found", "list_empty"])), ("x-needs" = json!("write"))),
)]
pub(in crate::http) async fn pop_row<T: Element>(
    Writing(app, caller): Writing<T>,
    PathKey(key): PathKey,
    Query(side): Query<Side>,
    when: When,
) -> Result<Response, Failure> {
    let written = popped(&app, &caller, key.clone(), side, when).await?;
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

/// A part of a list: from where (negative: from the end), and how much.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Window {
    /// From which element on: from 0, and negative from the end.
    #[serde(default)]
    #[param(required = false, value_type = i64, example = -1)]
    offset: isize,
    /// How many elements at most: all unless said.
    #[param(required = false, value_type = usize, minimum = 0, maximum = 18_446_744_073_709_551_615usize, example = 1)]
    limit: Option<usize>,
}

/// Read a part of a list.
///
/// `limit=0` asks for the length alone, `offset=-1&limit=1` for the last element.
#[utoipa::path(
    get, path = "/api/v1/{key}/range", tag = "lists", operation_id = "range",
    params(KeyParam, Window),
    responses(
        (
            status = 200, description = "The part.", headers(("ETag" = String, description = "The store and the revision of the entry: for `If-Match` and `If-None-Match`.")),
            body = Part, example = json!({"elements": ["a", "b"], "length": 3, "revision": 7}),
        ),
    ),
    extensions(("x-errors" = json!(["store", "invalid_data_type", "item_not_found"])), ("x-needs" = json!("read"))),
)]
pub(in crate::http) async fn range<T: Element>(
    Reading(app, _): Reading<T>,
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
