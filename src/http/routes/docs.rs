//! The description, and pages to read it and try it, without anything from elsewhere.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use utoipa_swagger_ui::{Config, SwaggerFile, serve};

use crate::http::answer::{Failure, json as answer_json};
use crate::http::app::{AppState, Element};
use crate::http::extract::FileName;

/// What the page needs: its own files, images that its style has in itself, styles that its program makes, and
/// this server, to try it.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'",
);

/// The description as JSON.
///
/// OpenAPI 3.1, made from the handlers.
#[utoipa::path(
    get, path = "/openapi.json", tag = "description", operation_id = "openapi_json",
    responses((status = 200, description = "The description.", body = Object, example = json!({"openapi": "3.1.0"}))),
)]
pub(in crate::http) async fn json<T: Element>(State(app): AppState<T>) -> Response {
    answer_json(app.description.json())
}

/// The description as YAML.
///
/// The same, where document 002 has it.
#[utoipa::path(
    get, path = "/api/v1/docs/swagger.yaml", tag = "description", operation_id = "openapi_yaml",
    responses((
        status = 200, description = "The description.", body = Object, content_type = "application/yaml",
        example = json!({"openapi": "3.1.0"}),
    )),
)]
pub(in crate::http) async fn yaml<T: Element>(State(app): AppState<T>) -> Response {
    file_of("application/yaml", app.description.yaml())
}

/// A page to read the description and try it.
///
/// Swagger UI; all that it needs comes from here.
#[utoipa::path(
    get, path = "/docs", tag = "description", operation_id = "docs",
    responses((status = 200, description = "A page.", body = String, content_type = "text/html", example = "<!DOCTYPE html>")),
)]
pub(in crate::http) async fn page() -> Result<Response, Failure> {
    let SwaggerFile { bytes, .. } = find("index.html", "")?;
    // Its links are relative, so that it works wherever the routes are mounted.
    let page =
        String::from_utf8_lossy(&bytes).replacen("<head>", "<head>\n<base href=\"docs/\">", 1);
    Ok(file_of("text/html; charset=utf-8", page.into()))
}

/// A file of that page.
///
/// Its style, its program, its icons.
#[utoipa::path(
    get, path = "/docs/{file}", tag = "description", operation_id = "docs_file",
    params(("file" = String, Path, description = "The name of the file.", example = "swagger-ui.css")),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/html", example = "<!DOCTYPE html>"), (String = "text/css", example = "a {}"),
            (String = "text/javascript", example = "1"), (String = "image/png", example = "PNG"),
        )),
    ),
    extensions(("x-errors" = json!(["not_found"]))),
)]
pub(in crate::http) async fn file(FileName(name): FileName) -> Result<Response, Failure> {
    send(&name, "../openapi.json")
}

/// A file of the same page where document 002 has it.
///
/// Begin at `index.html`.
#[utoipa::path(
    get, path = "/api/v1/docs/swagger/{file}", tag = "description", operation_id = "swagger_file",
    params(("file" = String, Path, description = "The name of the file.", example = "index.html")),
    responses(
        (status = 200, description = "The file.", content(
            (String = "text/html", example = "<!DOCTYPE html>"), (String = "text/css", example = "a {}"),
            (String = "text/javascript", example = "1"), (String = "image/png", example = "PNG"),
        )),
    ),
    extensions(("x-errors" = json!(["not_found"]))),
)]
pub(in crate::http) async fn swagger(FileName(name): FileName) -> Result<Response, Failure> {
    send(&name, "../swagger.yaml")
}

fn send(name: &str, description: &'static str) -> Result<Response, Failure> {
    let SwaggerFile { bytes, content_type, .. } = find(name, description)?;
    Ok(file_of(&content_type, bytes.into_owned().into()))
}

fn find(name: &str, description: &'static str) -> Result<SwaggerFile<'static>, Failure> {
    match serve(name, Arc::new(Config::from(description))) {
        Ok(Some(file)) => Ok(file),
        _ => Err(Failure::new("not_found", "there is nothing at this path: see /docs")),
    }
}

fn file_of(content_type: &str, bytes: Bytes) -> Response {
    let mut response = (StatusCode::OK, bytes).into_response();
    if let Ok(content_type) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, PAGE_POLICY);
    response
}
