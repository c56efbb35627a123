//! Sorted pages of keys, and of entries.

use std::fmt::Write as _;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::answer::{Failure, json};
use crate::http::app::{AppState, Element, send};
use crate::http::extract::Query;
use crate::http::schema::Page as PageSchema;
use crate::wire::{Text, put_row, put_text};
use crate::{Key, Page};

/// About how long a page of entries may get, in bytes: as many as begin before that.
const LONGEST: usize = 4 << 20;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Which {
    /// What the keys begin with: all keys unless said.
    #[serde(default)]
    #[param(required = false, example = "car/")]
    prefix: String,
    /// After which key the page begins: the `next` of the page before. It need not be there.
    #[param(required = false, value_type = String, example = "car/location")]
    after: Option<String>,
    /// How many at most: 1 to 10,000, and what is beyond is taken as the nearest.
    #[param(required = false, value_type = usize, minimum = 0, maximum = 18_446_744_073_709_551_615usize, example = 100)]
    limit: Option<usize>,
    /// Whether the entries are wanted, rather than the keys.
    #[serde(default)]
    #[param(required = false, example = true)]
    entries: bool,
}

/// A sorted page of keys, or of entries.
///
/// Costs what it returns, not what the store holds. A page of entries ends early when it is longer than 4 MiB: `next`
/// says whether there is more.
#[utoipa::path(
    get, path = "/keys", tag = "store", operation_id = "keys",
    params(Which),
    responses(
        (
            status = 200, description = "A page.", body = PageSchema, example = json!({"keys": ["car/location", "car/speed"], "next": "car/speed", "revision": 7}),
        ),
    ),
    extensions(("x-errors" = json!(["store"]))),
)]
pub(in crate::http) async fn keys<T: Element>(
    State(app): AppState<T>,
    Query(Which { prefix, after, limit, entries }): Query<Which>,
) -> Result<Response, Failure> {
    macro_rules! page {
        ($pending:expr) => {{
            let mut pending = $pending;
            if let Some(after) = after {
                pending = pending.after(after);
            }
            if let Some(limit) = limit {
                pending = pending.limit(limit);
            }
            send(pending).await?
        }};
    }
    if entries {
        let page = page!(app.store.scan(prefix));
        answer(
            "entries",
            page,
            |(key, _)| key,
            |body, (key, entry)| {
                put_row(body, key, entry)?;
                body.push(b'}');
                Ok(())
            },
        )
    } else {
        let page = page!(app.store.keys(prefix));
        answer(
            "keys",
            page,
            |key| key,
            |body, key| {
                put_text(body, key);
                Ok(())
            },
        )
    }
}

fn answer<I>(
    name: &str,
    page: Page<I>,
    key: impl Fn(&I) -> &Key,
    put: impl Fn(&mut Vec<u8>, &I) -> Result<(), Failure>,
) -> Result<Response, Failure> {
    let mut body = Vec::with_capacity(64 * page.items.len() + 64);
    let _ = write!(Text(&mut body), "{{\"{name}\":[");
    let mut next = page.next;
    for (n, item) in page.items.iter().enumerate() {
        if n > 0 && body.len() >= LONGEST {
            next = Some(key(&page.items[n - 1]).clone());
            break;
        }
        if n > 0 {
            body.push(b',');
        }
        put(&mut body, item)?;
    }
    body.extend_from_slice(b"],\"next\":");
    match &next {
        Some(next) => put_text(&mut body, next),
        None => body.extend_from_slice(b"null"),
    }
    let _ = write!(Text(&mut body), ",\"revision\":{}}}", page.revision);
    Ok(json(body))
}
