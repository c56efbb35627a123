//! The routes as a router, and the router as a server.

use std::io;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::app::{App, Element};
use super::routes::routes;
use super::Options;
use crate::Store;

/// The store as routes, to be mounted in a service of one's own.
pub fn router<T: Element>(store: Store<T>) -> Router {
    app(store, Options::default(), CancellationToken::new())
}

fn app<T: Element>(store: Store<T>, options: Options, shutdown: CancellationToken) -> Router {
    routes(Arc::new(App { store, options, shutdown }))
}

/// Serve a store until `shutdown` is cancelled.
pub async fn serve<T: Element>(
    listener: TcpListener,
    store: Store<T>,
    options: Options,
    shutdown: CancellationToken,
) -> io::Result<()> {
    axum::serve(listener, app(store, options, shutdown.clone()))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}
