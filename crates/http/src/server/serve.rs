//! The routes as a router, and the router as a server.

use std::sync::Arc;

use axum::Router;
use mainspring::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::accept::{DrainReport, accept};
use super::app::{App, Element};
use super::limits::clamped;
use super::routes::routes;
use super::{ServerOptions, layers};

/// Returns the routes of a store, to mount in an axum service.
///
/// They limit the size of bodies. All other limits, and authentication, are up to the service. So is protection against
/// pages of other sites, which can send some writes without a preflight request; [`serve`] rejects them. Streams end when
/// the store does.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use axum::{Router, routing::get};
/// use mainspring::Store;
/// use mainspring_http::server;
///
/// let car = Store::<f64>::builder().spawn(); // a value that is not a number is rejected
/// let app: Router = Router::new()
///     .route("/", get(|| async { "hello" }))
///     .nest("/car", server::router(car.clone()));
/// # drop(app);
/// # Ok(()) }
/// ```
pub fn router<T: Element>(store: Store<T>) -> Router {
    let app = App::new(store, ServerOptions::default(), CancellationToken::new());
    routes(Arc::new(app))
}

/// Serves a store until `shutdown` is cancelled, within the limits of the options, and with TLS if they have a
/// certificate. Shut the store down after the server, not before.
///
/// Writes from pages of other origins are rejected, and at a loopback address also requests for a foreign host name: see
/// [`ServerOptions::cors_origins`] and [`ServerOptions::allowed_hosts`].
///
/// When `shutdown` is cancelled, no new connections are accepted, streams end, and current requests are finished within
/// the [drain timeout](super::Limits::drain_timeout); connections that remain then are closed.
///
/// # Cancel safety
///
/// If the future is dropped, the listener is closed; open connections continue until `shutdown` is cancelled.
///
/// # Examples
///
/// ```
/// # #[tokio::main]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring::wire::Json;
/// use mainspring::Store;
/// use mainspring_http::server;
/// use tokio::net::TcpListener;
/// use tokio_util::sync::CancellationToken;
///
/// let store = Store::<Json>::builder().spawn();
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let shutdown = CancellationToken::new();
/// # shutdown.cancel();
///
/// let drained = server::serve(listener, store.clone(), server::ServerOptions::default(), shutdown).await;
/// store.shutdown().await?;
/// assert_eq!(drained.cut, 0);
/// # Ok(()) }
/// ```
pub async fn serve<T: Element>(
    listener: TcpListener,
    store: Store<T>,
    mut options: ServerOptions,
    shutdown: CancellationToken,
) -> DrainReport {
    options.heartbeat = clamped(options.heartbeat);
    let is_local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let app = Arc::new(App::new(store, options, shutdown.clone()));
    let router = layers::apply_layers(routes(Arc::clone(&app)), &app.options, is_local);
    let serving = accept(listener, router, &app.options, shutdown);
    #[cfg(feature = "tls")]
    if let Some(tls) = &app.options.tls {
        return tokio::select! {
            drained = serving => drained,
            never = tls.watch(&app.options.metrics) => match never {},
        };
    }
    serving.await
}
