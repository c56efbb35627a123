//! The plain interface: a text is a text, without JSON around it.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mainspring::internal::put_value;
use mainspring::{Error, Key, Value, Write};

use super::entry::written;
use crate::server::answer::{Failure, text};
use crate::server::app::{App, Element, send};
use crate::server::auth::{Context, PathKey};
use crate::server::extract::{When, Whole};

pub(in crate::server) async fn get<T: Element>(
    Context(app, _): Context<T>,
    key: Result<PathKey, Failure>,
) -> Response {
    read(&app, key).await.unwrap_or_else(Failure::into_text)
}

async fn read<T: Element>(
    app: &App<T>,
    key: Result<PathKey, Failure>,
) -> Result<Response, Failure> {
    let entry = send(app.store.get(key?.0)).await?.ok_or(Error::NotFound)?;
    let mut body = Vec::new();
    let kind = put_value(&mut body, &entry.value)?;
    if kind == "string" {
        return Ok(text(serde_json::from_slice::<String>(&body)?));
    }
    Ok(text(body))
}

pub(in crate::server) async fn put<T: Element>(
    Context(app, caller): Context<T>,
    key: Result<PathKey, Failure>,
    when: Result<When, Failure>,
    body: Result<Whole, Failure>,
) -> Response {
    let write = async || {
        let PathKey(key) = key?;
        let value = value_of(&body?.0)?;
        written(&app, &caller, when?, Write::set(key, Value::<T>::Item(value)).no_ttl()).await
    };
    match write().await {
        Ok(_) => StatusCode::CREATED.into_response(),
        Err(failure) => failure.into_text(),
    }
}

/// The element that is this text; for elements that are no texts, the one that is written like this in JSON.
fn value_of<T: Element>(body: &[u8]) -> Result<T, Failure> {
    let no = |why: String| Failure::new("invalid_request", why);
    let text = std::str::from_utf8(body).map_err(|_| no("the body is not UTF-8".into()))?;
    let quoted = serde_json::to_string(text)?;
    serde_json::from_str(&quoted)
        .or_else(|_| serde_json::from_str(text))
        .map_err(|error| no(format!("the body is no value of this store: {error}")))
}

pub(in crate::server) async fn delete<T: Element>(
    Context(app, caller): Context<T>,
    key: Result<PathKey, Failure>,
    when: Result<When, Failure>,
) -> Response {
    let write = async || {
        let key: Key = key?.0;
        written(&app, &caller, when?, Write::<T>::remove(key)).await
    };
    match write().await {
        // Gone is gone.
        Ok(_) => StatusCode::OK.into_response(),
        Err(Failure(problem)) if problem.code == "item_not_found" => StatusCode::OK.into_response(),
        Err(failure) => failure.into_text(),
    }
}
