//! What is done to every request and answer of the server.

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
use super::answer::Failure;
use super::origin::OriginPolicy;

/// Shorter answers do not get shorter by much.
const WORTH_COMPRESSING: u64 = 1_024;

/// The routes with what the options ask for around them.
#[derive(Debug)]
pub(super) struct Layered {
    plain: Router,
    /// For those who accept it. The others do without: the layer boxes every service, future and body once
    /// more, whether it compresses or not, and that is a twentieth of a short read.
    compressing: Option<Router>,
    /// None for the health checks, which write nothing.
    policy: Option<OriginPolicy>,
}

impl Layered {
    /// What answers this request.
    pub(super) fn router_for<B>(&self, request: &Request<B>) -> Router {
        if let Some(Err(refused)) = self.policy.as_ref().map(|policy| policy.check(request)) {
            return refusing(refused);
        }
        match &self.compressing {
            Some(router) if request.headers().contains_key(ACCEPT_ENCODING) => router.clone(),
            _ => self.plain.clone(),
        }
    }

    /// The origin of the page that asks, if it may read the answer.
    pub(super) fn origin_of(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.policy.as_ref()?.allowed_origin(headers)
    }

    /// What every answer has, also one that no route gave: the page that asked may read it, and a cache knows what
    /// it depends on.
    pub(super) fn finish(&self, origin: Option<HeaderValue>, answer: &mut Response<Body>) {
        let is_compressible = self.compressing.is_some()
            && !answer.headers().contains_key(CONTENT_ENCODING)
            // The layer says it too.
            && answer.headers().get_all(VARY).iter().all(|names| names != "accept-encoding")
            && worth_compressing().should_compress(answer);
        let headers = answer.headers_mut();
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
        // Makes the routes now and not again with each request.
        Self { plain: router.with_state(()), compressing: None, policy: None }
    }
}

/// Put around the routes what the options ask for.
///
/// `is_local`: the server listens at a loopback address.
pub(super) fn around(router: Router, options: &ServerOptions, is_local: bool) -> Layered {
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

/// Not a stream of events, which would be held back until a block is full.
fn worth_compressing() -> impl Predicate {
    SizeAbove::new(WORTH_COMPRESSING).and(NotForContentType::SSE)
}

/// Answers every request with this failure.
#[cold]
fn refusing(Failure(problem): Failure) -> Router {
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

    /// How the answer to a request is encoded.
    async fn encoding(layered: &Layered, path: &str, header: (HeaderName, &str)) -> Option<String> {
        let request = Request::get(path).header(header.0, header.1).body(Body::empty()).unwrap();
        let answer = layered.router_for(&request).oneshot(request).await.unwrap();
        answer.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn long_answers_are_compressed_for_those_who_accept_it() {
        let router = Router::new()
            .route("/long", get(async || "v".repeat(2_000)))
            .route("/short", get(async || "v".repeat(100)));
        let on = around(router.clone(), &ServerOptions::default(), true);
        let off =
            around(router, &ServerOptions { compression: false, ..ServerOptions::default() }, true);
        let (gzip, none) = ((ACCEPT_ENCODING, "gzip"), (ACCEPT, "*/*"));
        assert_eq!(encoding(&on, "/long", gzip.clone()).await.as_deref(), Some("gzip"));
        assert_eq!(encoding(&on, "/long", (ACCEPT_ENCODING, "identity")).await, None);
        assert_eq!(encoding(&on, "/long", none).await, None);
        assert_eq!(encoding(&on, "/short", gzip.clone()).await, None);
        assert_eq!(encoding(&off, "/long", gzip).await, None);
    }
}
