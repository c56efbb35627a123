//! The key in the path of a request.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use mainspring::Key;

use super::caller::Caller;
use crate::server::app::App;
use crate::server::extract::not_utf8;
use crate::server::response::Failure;

/// The key in the path, if the caller may access it: the last parameter, or `set` at `/api/v1/set`, which has none.
pub(in crate::server) struct PathKey(pub(in crate::server) Key);

impl<T: Send + Sync + 'static> FromRequestParts<Arc<App<T>>> for PathKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App<T>>) -> Result<Self, Failure> {
        let parameters = RawPathParams::from_request_parts(parts, app).await;
        // The last one: earlier parameters belong to the path at which the routes are mounted.
        let last =
            parameters.map_err(|_| not_utf8())?.iter().last().map(|(_, value)| Key::from(value));
        let key = match last {
            // Whether `set` is a parameter or not.
            _ if parts.uri.path().ends_with("/set") => Key::from("set"),
            key => key.unwrap_or_else(|| Key::from("")),
        };
        key.validate()?;
        Caller::authenticate(&parts.headers, &mut parts.extensions, app)?.require_key(&key)?;
        Ok(Self(key))
    }
}
