//! `GET /backup`.

use std::time::SystemTime;

use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::stream::Stream;
use crate::Timestamp;
use crate::http::answer::Failure;
use crate::http::app::{Element, send};
use crate::http::auth::Administering;
use crate::journal::file::backup::{PartName, PartWriter};

const KIND: HeaderValue = HeaderValue::from_static("application/jsonl");
const STORE: HeaderName = HeaderName::from_static("mainspring-store");

/// Everything in one file, to restore it from.
///
/// All entries as of one revision, and the accounts if there are any, as lines of JSON with checksums. It is whole if the
/// transfer ends regularly and `mainspring journal check FILE` says so; `mainspring journal restore FILE --into NEW`
/// makes a journal of it. It has the hashes of passwords and tokens, and no signing keys.
#[utoipa::path(
    get, path = "/backup", tag = "backup", operation_id = "backup",
    responses(
        (
            status = 200, description = "The backup.", headers(
                ("Mainspring-Store" = String, description = "The id of the store."),
                ("Content-Disposition" = String, description = "A name for the file."),
                ("Cache-Control" = String, description = "`no-store`."),
            ),
            body = String, content_type = "application/jsonl",
            example = json!("{\"format\":2,\"store\":\"5f0c9a1b2c3d4e5f\",\"part\":\"data\",\"parts\":[\"data\"],\"time\":\"2026-11-21T08:42:39.299482077Z\",\"crc\":\"90c1bd65\"}\n"),
        ),
    ),
    extensions(("x-errors" = json!(["store", "journal_failed"])), ("x-needs" = json!("admin"))),
)]
pub(super) async fn backup<T: Element>(
    Administering(app, caller): Administering<T>,
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
    headers.insert(CONTENT_TYPE, KIND);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, text) in [
        (STORE, store.to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"mainspring-{store}.backup\"")),
    ] {
        headers.insert(name, HeaderValue::try_from(text).map_err(|_| internal())?);
    }
    Ok((headers, Body::from_stream(stream.pieces())).into_response())
}

fn internal() -> Failure {
    Failure::new("internal", "the id of the store cannot be written into a header")
}
