//! What is done to every request and answer of the server.

use axum::Router;
use axum::http::HeaderValue;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use super::Options;

/// Shorter answers do not get shorter by much.
const WORTH_COMPRESSING: u64 = 1_024;

/// The routes with what the options ask for around them.
pub(super) fn around(mut router: Router, options: &Options) -> Router {
    if options.compression {
        // A stream of events would be held back until a block is full.
        let worth = SizeAbove::new(WORTH_COMPRESSING).and(NotForContentType::SSE);
        router = router.layer(CompressionLayer::new().compress_when(worth));
    }
    if !options.cors_origins.is_empty() {
        router = router.layer(cors(&options.cors_origins));
    }
    router
}

fn cors(origins: &[String]) -> CorsLayer {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok()))
    };
    CorsLayer::new().allow_origin(allowed).allow_methods(Any).allow_headers(Any).expose_headers(Any)
}
