//! What is done to every request and answer of the server.

use axum::Router;
use axum::http::header::ACCEPT_ENCODING;
use axum::http::{HeaderValue, Request};
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::Options;

/// Shorter answers do not get shorter by much.
const WORTH_COMPRESSING: u64 = 1_024;

/// The routes with what the options ask for around them.
#[derive(Debug)]
pub(super) struct Layered {
    plain: Router,
    /// For those who accept it. The others do without: the layer boxes every service, future and body once
    /// more, whether it compresses or not, and that is a twentieth of a short read.
    compressing: Option<Router>,
}

impl Layered {
    /// What answers this request.
    pub(super) fn router_for<B>(&self, request: &Request<B>) -> Router {
        match &self.compressing {
            Some(router) if request.headers().contains_key(ACCEPT_ENCODING) => router.clone(),
            _ => self.plain.clone(),
        }
    }
}

impl From<Router> for Layered {
    fn from(router: Router) -> Self {
        // Makes the routes now and not again with each request.
        Self { plain: router.with_state(()), compressing: None }
    }
}

/// Put around the routes what the options ask for.
pub(super) fn around(router: Router, options: &Options) -> Layered {
    let with_cors = |router: Router| {
        let origins = &options.cors_origins;
        if origins.is_empty() { router } else { router.layer(cors(origins)) }.with_state(())
    };
    let compressing = options.compression.then(|| {
        // A stream of events would be held back until a block is full.
        let worth = SizeAbove::new(WORTH_COMPRESSING).and(NotForContentType::SSE);
        with_cors(router.clone().layer(CompressionLayer::new().compress_when(worth)))
    });
    Layered { plain: with_cors(router), compressing }
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
    use axum::body::Body;
    use axum::http::HeaderName;
    use axum::http::header::{ACCEPT, CONTENT_ENCODING};
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
        let on = around(router.clone(), &Options::default());
        let off = around(router, &Options { compression: false, ..Options::default() });
        let (gzip, none) = ((ACCEPT_ENCODING, "gzip"), (ACCEPT, "*/*"));
        assert_eq!(encoding(&on, "/long", gzip.clone()).await.as_deref(), Some("gzip"));
        assert_eq!(encoding(&on, "/long", (ACCEPT_ENCODING, "identity")).await, None);
        assert_eq!(encoding(&on, "/long", none).await, None);
        assert_eq!(encoding(&on, "/short", gzip.clone()).await, None);
        assert_eq!(encoding(&off, "/long", gzip).await, None);
    }
}
