//! Bodies with secrets, whose errors do not repeat them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::server::app::App;
use crate::server::extract::FullBody;
use crate::server::response::{Failure, json};

/// A body of JSON. Its errors do not contain values of the body.
pub(in crate::server) struct SecretBody<B>(pub(super) B);

impl<T: Send + Sync + 'static, B: DeserializeOwned> FromRequest<Arc<App<T>>> for SecretBody<B> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let FullBody(body) = FullBody::from_request(request, app).await?;
        // The message of serde may quote a password, so only the position is reported.
        let body = if body.is_empty() { &b"{}"[..] } else { &body[..] };
        serde_json::from_slice(body).map(Self).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what =
                if error.is_data() { "has an unexpected member or type" } else { "is not JSON" };
            let message = format!("the body {what} at line {line}, column {column}; see /docs");
            Failure::new("invalid_json", message)
        })
    }
}

/// The address of the client.
pub(in crate::server) struct ClientAddress(pub(super) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        // In a service that does not provide addresses, all clients share one.
        Ok(Self(peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip())))
    }
}

/// Runs the work to its end even if the client disconnects, so that every change gets into the audit log.
pub(super) async fn run_to_completion(
    work: impl Future<Output = Result<Response, Failure>> + Send + 'static,
) -> Result<Response, Failure> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request about accounts failed");
        Err(Failure::new("internal", "the request failed in the server; its log has the cause"))
    })
}

/// A response of JSON that must not be cached.
pub(super) fn uncached(body: &impl Serialize) -> Result<Response, Failure> {
    let mut response = json(serde_json::to_vec(body)?);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
