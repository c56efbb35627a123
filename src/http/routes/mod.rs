//! The handlers: one file a subject.

mod batch;
mod entry;
mod list;
mod pages;
mod raw;
mod watch;
mod whole;

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, post};

use super::answer::Failure;
use super::app::{App, Element};

/// All routes.
pub(super) fn routes<T: Element>(app: Arc<App<T>>) -> Router {
    let entry = || {
        get(entry::get::<T>)
            .put(entry::put::<T>)
            .patch(entry::patch::<T>)
            .delete(entry::delete::<T>)
    };
    Router::new()
        .route("/api/v1/set", entry().post(entry::set::<T>))
        .route("/api/v1/{key}", entry())
        .route("/api/v1/{key}/push", post(list::push::<T>).patch(list::push_row::<T>))
        .route("/api/v1/{key}/pop", post(list::pop::<T>).patch(list::pop_row::<T>))
        .route("/api/v1/{key}/range", get(list::range::<T>))
        .route("/api/v1/{key}/ttl", post(entry::expire::<T>).patch(entry::expire_row::<T>))
        .route("/keys", get(pages::keys::<T>))
        .route("/batch", post(batch::batch::<T>))
        .route("/watch", get(watch::watch::<T>))
        .route("/stats", get(whole::stats::<T>))
        .route("/compact", post(whole::compact::<T>))
        .route("/flush", delete(whole::flush::<T>))
        .route("/v1/{key}", get(raw::get::<T>).put(raw::put::<T>).delete(raw::delete::<T>))
        .fallback(async || Failure::new("not_found", "there is nothing at this path: see /docs"))
        .method_not_allowed_fallback(async || {
            Failure::new("method_not_allowed", "this path does not take this method: see /docs")
        })
        .with_state(app)
}
