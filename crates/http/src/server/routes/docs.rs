//! The API description, and pages to read and try it. All files are served from the binary.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, SwaggerFile, serve};

use crate::protocol::parameters::FilePath;
use crate::server::app::{AppState, Element};
use crate::server::extract::Path;
use crate::server::response::{Failure, json as json_response};

/// The content security policy of the pages: their own files, images embedded in the style sheet, inline styles set by
/// scripts, and requests to this server.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
);

pub(in crate::server) async fn json<T: Element>(State(app): AppState<T>) -> Response {
    json_response(app.description.json())
}

pub(in crate::server) async fn yaml<T: Element>(State(app): AppState<T>) -> Response {
    file_response("application/yaml", app.description.yaml())
}

pub(in crate::server) async fn page() -> Result<Response, Failure> {
    let SwaggerFile { bytes, .. } = find("index.html", "")?;
    // Links are relative, so that they work at any path at which the routes are mounted.
    let page =
        String::from_utf8_lossy(&bytes).replacen("<head>", "<head>\n<base href=\"docs/\">", 1);
    Ok(file_response("text/html; charset=utf-8", page.into()))
}

pub(in crate::server) async fn file(
    Path(FilePath { file }): Path<FilePath>,
) -> Result<Response, Failure> {
    send(&file, "../openapi.json")
}

pub(in crate::server) async fn swagger(
    Path(FilePath { file }): Path<FilePath>,
) -> Result<Response, Failure> {
    send(&file, "../swagger.yaml")
}

fn send(name: &str, description: &'static str) -> Result<Response, Failure> {
    let SwaggerFile { bytes, content_type, .. } = find(name, description)?;
    Ok(file_response(&content_type, bytes.into_owned().into()))
}

fn find(name: &str, description: &'static str) -> Result<SwaggerFile<'static>, Failure> {
    match serve(name, Arc::new(Config::from(description))) {
        Ok(Some(file)) => Ok(file),
        _ => Err(Failure::unknown_path()),
    }
}

fn file_response(content_type: &str, bytes: Bytes) -> Response {
    let mut response = (StatusCode::OK, bytes).into_response();
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}
