//! Responses that reject a connection or a request before or instead of a handler.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use mainspring::Error;

use crate::server::response::Failure;

/// The response to a connection beyond the limits.
pub(super) const NO_CONNECTION: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    content-length: 75\r\n\
    retry-after: 1\r\n\
    x-content-type-options: nosniff\r\n\
    referrer-policy: no-referrer\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n\
    connection: close\r\n\r\n\
    {\"code\":\"busy\",\"message\":\"too many connections; close some or retry later\"}";

/// The response to a client without TLS, if it is required.
#[cfg(feature = "tls")]
pub(super) const NOT_ENCRYPTED: &[u8] = b"HTTP/1.1 400 Bad Request\r\n\
    content-type: application/json\r\n\
    content-length: 86\r\n\
    x-content-type-options: nosniff\r\n\
    referrer-policy: no-referrer\r\n\
    content-security-policy: default-src 'none'; frame-ancestors 'none'\r\n\
    connection: close\r\n\r\n\
    {\"code\":\"invalid_request\",\"message\":\"this port requires TLS; use https:// in the URL\"}";

pub(super) fn busy() -> Response {
    rejection("busy", "too many concurrent requests; retry after a second")
}

pub(super) fn too_large(max: usize) -> Response {
    Failure::from(Error::RequestTooLarge { limit: Some(max as u64) }).into_response()
}

pub(super) fn timeout() -> Response {
    let message = "the body did not arrive in time; send it again, faster or in smaller parts";
    rejection("timeout", message)
}

pub(super) fn internal() -> Response {
    rejection("internal", "the request failed in the server; its log has the cause")
}

fn rejection(code: &'static str, message: impl Into<Cow<'static, str>>) -> Response {
    Failure::new(code, message).into_response()
}
