//! The routes as a router, and the router as a server.

use std::sync::Arc;

use axum::Router;
use mainspring::Store;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::accept::{DrainReport, accept};
use super::app::{App, Element};
use super::limits::within_reason;
use super::routes::routes;
use super::{ServerOptions, layers};

/// The store as routes, to be mounted in a service of one's own.
///
/// They are those of the contract, and limit the length of bodies; everything else that a server limits is up to
/// the service, and so is who may ask: pages of other sites can send some writes without asking first, which
/// [`serve`] refuses. Its streams end when the store does.
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
/// let car = Store::<f64>::builder().spawn(); // a body that is not a number is refused
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

/// Serve a store until `shutdown` is cancelled, within the limits of the options, and encrypted if they have a
/// certificate. Shut the store down after it, not before.
///
/// Writes of pages of other origins are refused, and so is, at a loopback address, who asks for a name that is not
/// the server's: see [`ServerOptions::cors_origins`] and [`ServerOptions::allowed_hosts`].
///
/// When `shutdown` is cancelled, nobody new is let in, streams end, requests that are worked on are finished for as long as the
/// [drain time-out](super::Limits::drain_timeout) allows, and what is left is cut.
///
/// # Cancel safety
///
/// If the future is dropped, the connections that there are go on until `shutdown` is cancelled.
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
    options.heartbeat = within_reason(options.heartbeat);
    let is_local = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let app = Arc::new(App::new(store, options, shutdown.clone()));
    let router = layers::around(routes(Arc::clone(&app)), &app.options, is_local);
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
