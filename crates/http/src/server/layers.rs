//! Processing of every request and response: compression, CORS, the check of origins.

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_ENCODING,
    VARY,
};
use axum::http::{HeaderMap, HeaderValue, Request, Response};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::ServerOptions;
use super::origin::OriginPolicy;
use super::response::Failure;

/// Smaller responses are not compressed, because little would be saved.
const WORTH_COMPRESSING: u64 = 1_024;

/// The routes with the layers that the options enable.
#[derive(Debug)]
pub(super) struct Layered {
    plain: Router,
    /// For requests that accept compression. A separate router, because the layer boxes every service, future and body
    /// even if it does not compress, which is a twentieth of the time of a short read.
    compressing: Option<Router>,
    /// `None` for the health checks, which change nothing.
    policy: Option<OriginPolicy>,
}

impl Layered {
    /// Returns the router for a request.
    pub(super) fn router_for<B>(&self, request: &Request<B>) -> Router {
        if let Some(Err(failure)) = self.policy.as_ref().map(|policy| policy.check(request)) {
            return reject_all(failure);
        }
        match &self.compressing {
            Some(router) if request.headers().contains_key(ACCEPT_ENCODING) => router.clone(),
            _ => self.plain.clone(),
        }
    }

    /// Returns the origin of the page that sent the request, if it may read the response.
    pub(super) fn origin_of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.policy.as_ref()?.allowed_origin(headers)
    }

    /// Adds the headers that every response has, even one without a route: the CORS headers for the page that sent the
    /// request, and `Vary` for caches.
    pub(super) fn finish(&self, origin: Option<HeaderValue>, response: &mut Response<Body>) {
        let is_compressible = self.compressing.is_some()
            && !response.headers().contains_key(CONTENT_ENCODING)
            // The layer adds it too.
            && response.headers().get_all(VARY).iter().all(|names| names != "accept-encoding")
            && worth_compressing().should_compress(response);
        let headers = response.headers_mut();
        if is_compressible {
            headers.append(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Some(origin) = origin
            && !headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN)
        {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
    }
}

impl From<Router> for Layered {
    fn from(router: Router) -> Self {
        // Builds the routes once instead of with each request.
        Self { plain: router.with_state(()), compressing: None, policy: None }
    }
}

/// Adds the layers that the options enable.
///
/// `is_local`: whether the server listens at a loopback address.
pub(super) fn apply_layers(router: Router, options: &ServerOptions, is_local: bool) -> Layered {
    let with_cors = |router: Router| {
        let origins = &options.cors_origins;
        if origins.is_empty() { router } else { router.layer(cors(origins)) }.with_state(())
    };
    let compressing = options.compression.then(|| {
        let layer = CompressionLayer::new().compress_when(worth_compressing());
        with_cors(router.clone().layer(layer))
    });
    let policy = Some(OriginPolicy::new(options, is_local));
    Layered { plain: with_cors(router), compressing, policy }
}

/// Not for a stream of events, which would be delayed until a block of the compressor is full.
fn worth_compressing() -> impl Predicate {
    SizeAbove::new(WORTH_COMPRESSING).and(NotForContentType::SSE)
}

/// A router that responds to every request with this failure.
#[cold]
fn reject_all(Failure(problem): Failure) -> Router {
    Router::new().fallback(move || async move { Failure(problem) })
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new().allow_origin(allowed).allow_methods(Any).allow_headers(Any).expose_headers(Any)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderName;
    use axum::http::header::ACCEPT;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    /// The encoding of the response to a request.
    async fn encoding(layered: &Layered, path: &str, header: (HeaderName, &str)) -> Option<String> {
        let request = Request::get(path).header(header.0, header.1).body(Body::empty()).unwrap();
        let response = layered.router_for(&request).oneshot(request).await.unwrap();
        response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn long_responses_are_compressed_if_the_client_accepts_it() {
        let router = Router::new()
            .route("/long", get(async || "v".repeat(2_000)))
            .route("/short", get(async || "v".repeat(100)));
        let on = apply_layers(router.clone(), &ServerOptions::default(), true);
        let without = ServerOptions { compression: false, ..ServerOptions::default() };
        let off = apply_layers(router, &without, true);
        let (gzip, none) = ((ACCEPT_ENCODING, "gzip"), (ACCEPT, "*/*"));
        assert_eq!(encoding(&on, "/long", gzip.clone()).await.as_deref(), Some("gzip"));
        assert_eq!(encoding(&on, "/long", (ACCEPT_ENCODING, "identity")).await, None);
        assert_eq!(encoding(&on, "/long", none).await, None);
        assert_eq!(encoding(&on, "/short", gzip.clone()).await, None);
        assert_eq!(encoding(&off, "/long", gzip).await, None);
    }
}
