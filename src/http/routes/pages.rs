//! Sorted pages of keys, and of entries.

use std::fmt::Write as _;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use crate::Page;
use crate::http::answer::{Failure, json};
use crate::http::app::{AppState, Element, send};
use crate::http::extract::Query;
use crate::wire::{Text, put_row, put_text};

/// Which page.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    prefix: String,
    after: Option<String>,
    limit: Option<usize>,
    /// Whether the entries are wanted too.
    #[serde(default)]
    entries: bool,
}

pub(super) async fn keys<T: Element>(
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
        answer("entries", &page, |body, (key, entry)| {
            put_row(body, key, entry)?;
            body.push(b'}');
            Ok(())
        })
    } else {
        let page = page!(app.store.keys(prefix));
        answer("keys", &page, |body, key| {
            put_text(body, key);
            Ok(())
        })
    }
}

fn answer<I>(
    name: &str,
    page: &Page<I>,
    put: impl Fn(&mut Vec<u8>, &I) -> Result<(), Failure>,
) -> Result<Response, Failure> {
    let mut body = Vec::with_capacity(64 * page.items.len() + 64);
    let _ = write!(Text(&mut body), "{{\"{name}\":[");
    for (n, item) in page.items.iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        put(&mut body, item)?;
    }
    body.extend_from_slice(b"],\"next\":");
    match &page.next {
        Some(next) => put_text(&mut body, next),
        None => body.extend_from_slice(b"null"),
    }
    let _ = write!(Text(&mut body), ",\"revision\":{}}}", page.revision);
    Ok(json(body))
}
