//! The plain text interface, without JSON.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mainspring::internal::put_value;
use mainspring::{Error, Key, Value, Write};

use super::entry::apply;
use crate::server::app::{App, Element, send};
use crate::server::auth::{Context, PathKey};
use crate::server::extract::{FullBody, WriteCondition};
use crate::server::response::{Failure, text};

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
    condition: Result<WriteCondition, Failure>,
    body: Result<FullBody, Failure>,
) -> Response {
    let write = async || {
        let PathKey(key) = key?;
        let value = value_of(&body?.0)?;
        apply(&app, &caller, condition?, Write::set(key, Value::<T>::Item(value)).no_ttl()).await
    };
    match write().await {
        Ok(_) => StatusCode::CREATED.into_response(),
        Err(failure) => failure.into_text(),
    }
}

/// Parses a text as an element: as a JSON string, or if the element type is not a text, as JSON.
fn value_of<T: Element>(body: &[u8]) -> Result<T, Failure> {
    let invalid = |why: String| Failure::new("invalid_request", why);
    let text = std::str::from_utf8(body).map_err(|_| invalid("the body is not UTF-8".into()))?;
    let quoted = serde_json::to_string(text)?;
    serde_json::from_str(&quoted)
        .or_else(|_| serde_json::from_str(text))
        .map_err(|error| invalid(format!("the body is not a value of this store: {error}")))
}

pub(in crate::server) async fn delete<T: Element>(
    Context(app, caller): Context<T>,
    key: Result<PathKey, Failure>,
    condition: Result<WriteCondition, Failure>,
) -> Response {
    let write = async || {
        let key: Key = key?.0;
        apply(&app, &caller, condition?, Write::<T>::remove(key)).await
    };
    match write().await {
        // Removing an absent key succeeds too.
        Ok(_) => StatusCode::OK.into_response(),
        Err(Failure(problem)) if problem.code == "item_not_found" => StatusCode::OK.into_response(),
        Err(failure) => failure.into_text(),
    }
}
