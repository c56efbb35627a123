//! Extractors for handlers, with the errors of this API.

use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use http_body_util::LengthLimitError;
use mainspring::{Condition, Error, ResumeToken, StoreId, Write};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::app::App;
use super::response::Failure;

pub(super) fn not_utf8() -> Failure {
    Failure::new("invalid_request", "the path is not UTF-8")
}

/// The parameters of the path.
pub(super) struct Path<P>(pub(super) P);

impl<P: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<P> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let parameters = RawPathParams::from_request_parts(parts, state).await;
        let parameters = parameters.map_err(|_| not_utf8())?;
        // The last parameter of each name: earlier ones belong to the path at which the routes are mounted.
        let named = parameters.iter().map(|(name, value)| (name.to_owned(), value.into()));
        let path = serde_json::from_value(named.collect::<serde_json::Map<_, _>>().into());
        path.map(Self).map_err(|_| Failure::unknown_path())
    }
}

/// The query of a request.
pub(super) struct Query<Q>(pub(super) Q);

impl<Q: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<Q> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let failed = |error: QueryRejection| Failure::new("invalid_request", error.body_text());
        // serde_urlencoded would replace invalid UTF-8 silently.
        if percent_decode_str(parts.uri.query().unwrap_or_default()).decode_utf8().is_err() {
            return Err(Failure::new("invalid_request", "the query is not UTF-8"));
        }
        let axum::extract::Query(query) =
            axum::extract::Query::try_from_uri(&parts.uri).map_err(failed)?;
        Ok(Self(query))
    }
}

/// The complete body of a request.
pub(super) struct FullBody(pub(super) Bytes);

impl<T: Send + Sync + 'static> FromRequest<Arc<App<T>>> for FullBody {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let limit = app.options.limits.max_body_bytes;
        to_bytes(request.into_body(), limit).await.map(Self).map_err(|error| {
            let is_too_long = std::error::Error::source(&error)
                .is_some_and(<dyn std::error::Error>::is::<LengthLimitError>);
            if is_too_long {
                return Failure::from(Error::RequestTooLarge { limit: Some(limit as u64) });
            }
            Failure::new("invalid_request", format!("cannot read the body: {error}"))
        })
    }
}

/// The condition of a write in the headers of a request, and the store of its `ETag`.
pub(super) struct WriteCondition(Condition, Option<StoreId>);

impl WriteCondition {
    /// Adds the condition to a write.
    ///
    /// # Errors
    ///
    /// If the body has a condition too.
    pub(super) fn apply_to<T>(self, write: Write<T>, store: StoreId) -> Result<Write<T>, Failure> {
        let Self(condition, etag_store) = self;
        if condition == Condition::Any {
            return Ok(write);
        }
        if write.condition() != Condition::Any {
            let message = "a write takes one condition, either in the headers or in the body";
            return Err(Failure::new("invalid_request", message));
        }
        Ok(match condition {
            Condition::IfAbsent => write.if_absent(),
            Condition::IfPresent => write.if_present(),
            // The ETag of another store matches no entry: no revision is 0.
            Condition::IfRevision(_) if etag_store.is_some_and(|id| id != store) => {
                write.if_revision(0)
            }
            Condition::IfRevision(revision) => write.if_revision(revision),
            other => {
                let message = format!("unsupported condition {other:?} in a header");
                return Err(Failure::new("invalid_request", message));
            }
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for WriteCondition {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let only = |name| header(&parts.headers, name);
        match (only(&IF_MATCH)?, only(&IF_NONE_MATCH)?) {
            (None, None) => Ok(Self(Condition::Any, None)),
            (Some("*"), None) => Ok(Self(Condition::IfPresent, None)),
            (None, Some("*")) => Ok(Self(Condition::IfAbsent, None)),
            (Some(tag), None) => match parse_etag(tag) {
                Some((store, revision)) => Ok(Self(Condition::IfRevision(revision), store)),
                None => Err(Failure::new(
                    "invalid_request",
                    "invalid If-Match; expected * or the one ETag of a GET response",
                )),
            },
            _ => Err(Failure::new(
                "invalid_request",
                "a write takes either If-Match or If-None-Match: *, not both",
            )),
        }
    }
}

/// Rejects conditions in the headers of a request that does not support them.
pub(super) struct Unconditional;

impl<S: Send + Sync> FromRequestParts<S> for Unconditional {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        match [IF_MATCH, IF_NONE_MATCH].iter().find(|name| parts.headers.contains_key(*name)) {
            None => Ok(Self),
            Some(name) => Err(Failure::new(
                "invalid_request",
                format!(
                    "this request does not support {name}; the commands of a batch have their conditions in the \
                     body, and a flush has none"
                ),
            )),
        }
    }
}

/// The entity tags of `If-None-Match`. An extractor of this header only, because extracting all headers would copy them.
pub(super) struct ClientEtags(pub(super) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for ClientEtags {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self(header(&parts.headers, &IF_NONE_MATCH)?.map(str::to_owned)))
    }
}

/// Returns the value of a header that may occur at most once.
pub(super) fn header<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, Failure> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(|text| Some(text.trim())).map_err(|_| {
            Failure::new("invalid_request", format!("the header {name} is not visible ASCII text"))
        }),
        _ => {
            Err(Failure::new("invalid_request", format!("the header {name} occurs more than once")))
        }
    }
}

/// Parses an `ETag`: a revision with its store, or only a revision.
fn parse_etag(tag: &str) -> Option<(Option<StoreId>, u64)> {
    let text = tag.strip_prefix('"')?.strip_suffix('"')?;
    if let Ok(ResumeToken { store, revision }) = text.parse() {
        return Some((Some(store), revision));
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Some((None, text.parse().ok()?)) } else { None }
}
