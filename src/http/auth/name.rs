//! Accounts and tokens that a path names.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::http::answer::Failure;

/// An account.
pub(in crate::http) struct Name(pub(super) String);
/// A token of an account.
pub(in crate::http) struct TokenName(pub(super) String, pub(super) String);

async fn named<S: Send + Sync>(parts: &mut Parts, state: &S, of: &str) -> Result<String, Failure> {
    let no_text = |_| Failure::new("invalid_request", "the path is not UTF-8");
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(no_text)?;
    let value = params.iter().find_map(|(name, value)| (name == of).then(|| value.to_owned()));
    value.ok_or_else(Failure::nothing_here)
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        named(parts, state, "name").await.map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for TokenName {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        Ok(Self(named(parts, state, "name").await?, named(parts, state, "id").await?))
    }
}
