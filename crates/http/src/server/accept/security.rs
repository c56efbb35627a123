//! Security headers of every response.

use axum::http::header::{
    CONTENT_SECURITY_POLICY, Entry, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};

use crate::server::ServerOptions;

const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// For all responses that are not pages with a policy of their own.
const NO_PAGE: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// For a year.
const ALWAYS_ENCRYPTED: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The security headers of a server.
#[derive(Debug)]
pub(super) struct Security {
    is_encrypted: bool,
    /// Whether pages of other origins may read the responses.
    is_shared: bool,
}

impl Security {
    pub(super) fn new(options: &ServerOptions) -> Self {
        #[cfg(feature = "tls")]
        let is_encrypted = options.tls.is_some();
        #[cfg(not(feature = "tls"))]
        let is_encrypted = false;
        Self { is_encrypted, is_shared: !options.cors_origins.is_empty() }
    }

    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        headers.reserve(6);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        if let Entry::Vacant(policy) = headers.entry(CONTENT_SECURITY_POLICY) {
            policy.insert(NO_PAGE);
        }
        if !self.is_shared {
            headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
        }
        if self.is_encrypted {
            headers.insert(STRICT_TRANSPORT_SECURITY, ALWAYS_ENCRYPTED);
        }
    }
}
