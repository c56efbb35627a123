//! Sorted pages of keys and of entries.

use std::io::Write as _;

use axum::response::Response;
use mainspring::internal::{put_row, put_text};
use mainspring::{Key, Page};

use crate::protocol::parameters::PageQuery;
use crate::server::app::{Element, send};
use crate::server::auth::Context;
use crate::server::extract::Query;
use crate::server::response::{Failure, json};

/// The approximate maximum size of a page of entries, in bytes. An entry that begins within it is included.
const LONGEST: usize = 4 << 20;

pub(in crate::server) async fn keys<T: Element>(
    Context(app, caller): Context<T>,
    Query(PageQuery { prefix, after, limit, entries }): Query<PageQuery>,
) -> Result<Response, Failure> {
    let prefix = caller.narrow(prefix.into())?;
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
        page_response(
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
        page_response(
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

fn page_response<I>(
    name: &str,
    page: Page<I>,
    key: impl Fn(&I) -> &Key,
    put: impl Fn(&mut Vec<u8>, &I) -> Result<(), Failure>,
) -> Result<Response, Failure> {
    let mut body = Vec::with_capacity(64 * page.items.len() + 64);
    let _ = write!(body, "{{\"{name}\":[");
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
    let _ = write!(body, ",\"revision\":{}}}", page.revision);
    Ok(json(body))
}
