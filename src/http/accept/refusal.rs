//! The answers that are given before, or instead of, a handler's.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, Response, StatusCode};

/// What a connection beyond the limits is told, whatever it asks.
pub(super) const NO_CONNECTION: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/json\r\n\
    content-length: 74\r\n\
    retry-after: 1\r\n\
    connection: close\r\n\r\n\
    {\"code\":\"busy\",\"message\":\"too many connections: close some, or try later\"}";

pub(super) fn busy() -> Response<Body> {
    let message = "too many requests at once: try again after a second";
    let mut answer = refusal(StatusCode::SERVICE_UNAVAILABLE, "busy", message);
    answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

pub(super) fn too_large(max: usize) -> Response<Body> {
    let message = format!("the body is longer than {max} bytes: send less at a time");
    refusal(StatusCode::PAYLOAD_TOO_LARGE, "too_large", &message)
}

pub(super) fn timeout() -> Response<Body> {
    let message = "the body did not arrive in time: send it again, faster or in smaller parts";
    refusal(StatusCode::REQUEST_TIMEOUT, "timeout", message)
}

pub(super) fn internal() -> Response<Body> {
    let message = "the server failed on this request; its log says why";
    refusal(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let body = serde_json::json!({ "code": code, "message": message });
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}
