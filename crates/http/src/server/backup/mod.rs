//! `GET /backup`: a backup in the file format of the journal.

mod stream;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use mainspring::Timestamp;
use mainspring::internal::{PartName, PartWriter};

use self::stream::Stream;
use crate::server::app::{Element, send};
use crate::server::auth::Context;
use crate::server::response::Failure;

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/jsonl");
const STORE: HeaderName = HeaderName::from_static("mainspring-store");

pub(in crate::server) async fn backup<T: Element>(
    Context(app, caller): Context<T>,
) -> Result<Response, Failure> {
    let time = Timestamp::from(SystemTime::now());
    let snapshot = send(app.store.subscribe().from_snapshot()).await?;
    let store = app.store.id();
    let auth = app.options.auth.clone();
    let ended = caller.ending(auth.as_ref()).await?;
    let parts: &[PartName] = match &auth {
        Some(_) => &[PartName::Data, PartName::Accounts],
        None => &[PartName::Data],
    };
    let data = PartWriter::first(snapshot, store, parts, time);
    let stream = Stream::new(data, auth, caller, ended, app.shutdown.clone());
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, MEDIA_TYPE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, text) in [
        (STORE, store.to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"mainspring-{store}.backup\"")),
    ] {
        headers.insert(name, HeaderValue::try_from(text).map_err(|_| internal())?);
    }
    Ok((headers, Body::from_stream(stream.chunks())).into_response())
}

fn internal() -> Failure {
    Failure::new("internal", "cannot encode the id of the store as a header")
}
