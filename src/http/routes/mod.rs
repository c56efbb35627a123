//! The handlers: one file a subject, and the list of all routes.

mod batch;
mod docs;
mod entry;
mod list;
mod pages;
mod raw;
mod watch;
mod whole;

use std::sync::Arc;

use axum::Router;

use super::answer::Failure;
use super::app::{App, Element};
use super::auth;
#[cfg(feature = "file")]
use super::backup;
use super::schema::{Batch, Change, Element as ElementSchema, Held, Mark, Problem};
use super::table::table;

table! {
    schemas: Batch, Change, ElementSchema, Held, Mark, Problem;
    tags: (name = "entries", description = "What a key holds: read, set, update, remove, expire."),
        (name = "lists", description = "Lists of elements: push, pop, read a part."),
        (name = "store", description = "The store as a whole: pages, batches, changes as they come."),
        (name = "plain", description = "Texts without JSON around them, as document 003 has it."),
        (name = "description", description = "What you read.");
    "/api/v1/set" => post: entry::set::<T>; described elsewhere: get: entry::get::<T>,
        put: entry::put::<T>, patch: entry::patch::<T>, delete: entry::delete::<T>;
    "/api/v1/{key}" => get: entry::get::<T>, put: entry::put::<T>, patch: entry::patch::<T>,
        delete: entry::delete::<T>;
    "/api/v1/{key}/push" => post: list::push::<T>, patch: list::push_row::<T>;
    "/api/v1/{key}/pop" => post: list::pop::<T>, patch: list::pop_row::<T>;
    "/api/v1/{key}/range" => get: list::range::<T>;
    "/api/v1/{key}/ttl" => post: entry::expire::<T>, patch: entry::expire_row::<T>;
    "/keys" => get: pages::keys::<T>;
    "/batch" => post: batch::batch::<T>;
    "/watch" => get: watch::watch::<T>;
    "/stats" => get: whole::stats::<T>;
    "/compact" => post: whole::compact::<T>;
    "/flush" => delete: whole::flush::<T>;
    "/v1/{key}" => get: raw::get::<T>, put: raw::put::<T>, delete: raw::delete::<T>;
    "/openapi.json" => get: docs::json::<T>;
    "/api/v1/docs/swagger.yaml" => get: docs::yaml::<T>;
    "/docs" => get: docs::page;
    "/docs/{file}" => get: docs::file;
    "/api/v1/docs/swagger/{file}" => get: docs::swagger;
}

/// All routes.
pub(super) fn routes<T: Element>(app: Arc<App<T>>) -> Router {
    let mut table = table::<T>();
    if app.options.auth.is_some() {
        table = table.merge(auth::table::<T>());
    }
    #[cfg(feature = "file")]
    {
        table = table.merge(backup::table::<T>());
    }
    table
        .fallback(async || Failure::nothing_here())
        .method_not_allowed_fallback(async || {
            Failure::new("method_not_allowed", "this path does not take this method: see /docs")
        })
        .with_state(app)
}
