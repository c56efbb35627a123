//! Responses: bodies, statuses and headers.

use axum::body::Body;
use axum::http::header::{
    CONTENT_TYPE, ETAG, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use mainspring::internal::put_row;
use mainspring::{BatchError, Entry, Error, ResumeToken, StoreId, Written};
use serde::Serialize;

use crate::auth::AuthError;
use crate::protocol::Problem;
use crate::protocol::responses::{Done, Popped};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// A failed request, with its problem.
#[derive(Debug)]
pub(super) struct Failure(pub(super) Problem);

impl Failure {
    pub(super) fn new(
        code: &'static str,
        message: impl Into<std::borrow::Cow<'static, str>>,
    ) -> Self {
        Self(Problem::new(code, message))
    }

    /// The failure of a request for an unknown path.
    pub(super) fn unknown_path() -> Self {
        Self::new("not_found", "unknown path; see /docs for the routes")
    }

    /// The failure of encoding the response to a write that was applied as this revision.
    pub(super) fn after(self, revision: u64) -> Self {
        let message = "the write was applied, but its result cannot be encoded as JSON";
        Self(Problem::new("internal", message).after(revision))
    }

    /// Converts to a response of plain text.
    pub(super) fn into_text(self) -> Response {
        let message = match &*self.0.code {
            // The text of the earlier Go server.
            "item_not_found" => "given key not found",
            _ => &self.0.message,
        };
        let body = format!("{message}\n");
        self.respond(PLAIN, body.into())
    }

    /// The response keeps the problem in its extensions, for metrics and logs.
    fn respond(self, content_type: HeaderValue, body: Body) -> Response {
        let status = StatusCode::from_u16(self.0.status());
        let mut response = Response::new(body);
        *response.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        let headers = response.headers_mut();
        match self.0.status() {
            401 => drop(headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))),
            429 | 503 => drop(headers.insert(RETRY_AFTER, self.0.retry_after().into())),
            _ => {}
        }
        response.extensions_mut().insert(self.0);
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        // A problem has only texts and numbers, so it can always be serialized.
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        self.respond(JSON, body.into())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Problem::from(&error))
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        let problem = |code| Problem::new(code, error.to_string());
        Self(match &error {
            AuthError::Denied => problem("unauthorized"),
            AuthError::Forbidden => problem("forbidden"),
            AuthError::TooManyAttempts { wait } => {
                problem("too_many_attempts").with_retry_after(*wait)
            }
            AuthError::Exists => problem("account_exists"),
            AuthError::NotFound => problem("account_not_found"),
            AuthError::Invalid(_) => problem("invalid_request"),
            AuthError::Busy => problem("busy"),
            AuthError::Store(error) => Problem::from(error),
            AuthError::NoRandomness | AuthError::Keys(_) => {
                tracing::error!(%error, "a request about accounts failed");
                Problem::new("internal", "the request failed in the server; its log has the cause")
            }
        })
    }
}

impl From<BatchError> for Failure {
    fn from(failed: BatchError) -> Self {
        Self(Problem::from(&failed))
    }
}

/// A value of the store that cannot be encoded as JSON, which is a defect of its type.
impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(%error, "cannot encode a value of the store as JSON");
        Self::new("internal", "the value cannot be encoded as JSON")
    }
}

/// A response with a body of JSON.
pub(super) fn json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

/// A response with a body of plain text. `nosniff` prevents browsers from interpreting it as another type.
pub(super) fn text(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, PLAIN);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
    response
}

/// The `ETag` of an entry at this revision.
pub(super) fn etag(store: StoreId, revision: u64) -> String {
    format!("\"{}\"", ResumeToken { store, revision })
}

/// Adds the `ETag` header.
pub(super) fn with_etag(mut response: Response, etag: &str) -> Response {
    if let Ok(etag) = HeaderValue::from_str(etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    response
}

/// The response with an entry and its `ETag`.
pub(super) fn row<T: Serialize>(
    store: StoreId,
    key: &str,
    entry: &Entry<T>,
) -> Result<Response, Failure> {
    let mut body = Vec::new();
    put_row(&mut body, key, entry)?;
    body.push(b'}');
    Ok(with_etag(json(body), &etag(store, entry.revision)))
}

/// The response to a write, with the element of a pop.
pub(super) fn done<T: Serialize>(
    written: &Written<T>,
    with_length: bool,
) -> Result<Response, Failure> {
    let body = match Popped::new(written) {
        Some(popped) => serde_json::to_vec(&popped),
        None => serde_json::to_vec(&Done::new(written, with_length)),
    };
    Ok(json(body.map_err(|error| Failure::from(error).after(written.revision))?))
}
