//! Bodies with secrets: what is wrong with them is said without repeating them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::server::answer::{Failure, json};
use crate::server::app::App;
use crate::server::extract::Whole;

/// A body of JSON.
pub(in crate::server) struct Sealed<B>(pub(super) B);

impl<T: Send + Sync + 'static, B: DeserializeOwned> FromRequest<Arc<App<T>>> for Sealed<B> {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let Whole(body) = Whole::from_request(request, app).await?;
        // serde's own words may quote a password; where it is says enough.
        let body = if body.is_empty() { &b"{}"[..] } else { &body[..] };
        serde_json::from_slice(body).map(Self).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = if error.is_data() { "is not what this path takes" } else { "is no JSON" };
            let message = format!("the body {what}, at line {line}, column {column}: see /docs");
            Failure::new("invalid_json", message)
        })
    }
}

/// Where a request comes from.
pub(in crate::server) struct From(pub(super) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        // A service that does not say counts as one place.
        Ok(Self(peer.map_or(Ipv4Addr::UNSPECIFIED.into(), |peer| peer.0.ip())))
    }
}

/// Do all of it, also if whoever asked does not wait for it: what is done is to be in the audit log.
pub(super) async fn whole(
    work: impl Future<Output = Result<Response, Failure>> + Send + 'static,
) -> Result<Response, Failure> {
    tokio::spawn(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request about accounts failed");
        Err(Failure::new("internal", "the server failed on this request; its log says why"))
    })
}

/// An answer that nobody may keep.
pub(super) fn uncached(body: &impl Serialize) -> Result<Response, Failure> {
    let mut answer = json(serde_json::to_vec(body)?);
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(answer)
}
