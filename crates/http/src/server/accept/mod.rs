//! Accepts connections within limits, and drains them at shutdown.
//!
//! `axum::serve` has no limits and no timeouts, so this is an accept loop over hyper-util. `connection_limit` limits
//! connections, `timeouts` the time that a client may take, and `service` the requests that reach the routes.

mod bodies;
mod connection;
mod connection_limit;
#[cfg(feature = "tls")]
mod handshake;
mod permit;
mod rejecter;
mod rejections;
mod request;
mod request_id;
mod security;
mod service;
mod socket;
#[cfg(test)]
mod tests;
mod timeouts;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::connection_limit::{ConnectionLimit, Full, Slot};
use self::permit::Permit;
use self::rejecter::Rejecter;
use self::request::Requests;
use self::security::Security;
#[cfg(feature = "tls")]
use super::Tls;
use super::layers::Layered;
use super::metrics::Counts;
use super::{Limits, Metrics, ServerOptions};

/// The pause after an accept error: connections may end in the meantime and release descriptors.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The minimum interval between log lines about accept errors.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// The time after the drain timeout for connections to close.
const DRAIN_GRACE: Duration = Duration::from_secs(1);

/// The result of draining the connections of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// The number of connections that were closed by the drain timeout while they were handling requests.
    pub cut: usize,
}

/// The state that all connections share.
#[derive(Debug)]
struct Server {
    app: Layered,
    limits: Limits,
    protocol: auto::Builder<TokioExecutor>,
    counts: Arc<Counts>,
    metrics: Metrics,
    requests: Requests,
    /// For requests that wait for their bodies.
    waiting: Arc<ConnectionLimit>,
    watches: Arc<ConnectionLimit>,
    security: Security,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    /// The number of connections that the drain timeout has closed.
    cut: AtomicUsize,
}

/// How a request is admitted.
#[derive(Debug)]
enum Admission {
    Permitted(Permit),
    /// It gets its permit when its body has arrived.
    Waiting(Slot),
}

impl Server {
    fn new(app: impl Into<Layered>, options: &ServerOptions) -> Self {
        let counts = Arc::clone(options.metrics.counts());
        let limits = &options.limits;
        Self {
            app: app.into(),
            limits: limits.clone().clamped(),
            protocol: connection::protocol(),
            waiting: ConnectionLimit::new(&counts, |counts| &counts.waiting, limits),
            watches: ConnectionLimit::new(&counts, |counts| &counts.streams, limits),
            counts,
            metrics: options.metrics.clone(),
            requests: Requests::new(),
            security: Security::new(options),
            #[cfg(feature = "tls")]
            tls: options.tls.clone(),
            cut: AtomicUsize::new(0),
        }
    }

    /// Whether a client can read a plain HTTP response before a handshake.
    fn is_plain(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_none();
        #[cfg(not(feature = "tls"))]
        true
    }

    fn max_body(&self) -> u64 {
        u64::try_from(self.limits.max_body_bytes).unwrap_or(u64::MAX)
    }

    /// Takes a permit for a request, if one is free.
    fn permit(&self) -> Option<Permit> {
        Permit::take(&self.counts, self.limits.max_requests)
    }

    /// Admits a request, if there is capacity. A request whose body has not arrived waits without a permit: otherwise a
    /// few clients that never send their bodies could hold all permits.
    fn admit(&self, peer: SocketAddr, complete: bool) -> Option<Admission> {
        let permit = self.permit()?;
        if complete {
            return Some(Admission::Permitted(permit));
        }
        let slot = self.waiting.take(peer);
        if slot.is_err() {
            self.counts.shed.fetch_add(1, Relaxed);
        }
        slot.ok().map(Admission::Waiting)
    }
}

/// Accepts connections and serves their requests with `app`, until `shutdown` is cancelled; then finishes the current
/// requests and returns.
///
/// The listener is closed first. Connections without a request are closed at once; the others finish their requests
/// within `drain_timeout`, or are closed then. Streams are expected to end by themselves: their handlers have the same
/// token. The metrics are updated throughout.
///
/// Requests have the address of the peer as [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo).
///
/// # Cancel safety
///
/// If the future is dropped, the listener is closed; connections continue until they end or `shutdown` is cancelled.
pub(crate) async fn accept(
    listener: TcpListener,
    app: impl Into<Layered>,
    options: &ServerOptions,
    shutdown: CancellationToken,
) -> DrainReport {
    let limits = &options.limits;
    let counts = Arc::clone(options.metrics.counts());
    let server = Arc::new(Server::new(app, options));
    let connections = TaskTracker::new();
    let connection_limit = ConnectionLimit::new(&counts, |counts| &counts.open, limits);
    let rejecter = Rejecter::new(limits.max_connections);
    let mut last_log = None;

    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                counts.accept_failed.fetch_add(1, Relaxed);
                log_accept_error(&error, &mut last_log);
                let _ = shutdown.run_until_cancelled(sleep(BACK_OFF)).await;
                continue;
            }
        };
        let slot = match connection_limit.take(peer) {
            Ok(slot) => slot,
            Err(full) => {
                let rejected = match full {
                    Full::Total => &counts.refused_total,
                    Full::Address => &counts.refused_address,
                };
                rejected.fetch_add(1, Relaxed);
                // A client that expects a TLS handshake cannot read a response, and is just disconnected.
                if server.is_plain() {
                    rejecter.reject(stream);
                }
                continue;
            }
        };
        counts.accepted.fetch_add(1, Relaxed);
        // Each connection has a child token, because a check locks the token, and connections check theirs often.
        let stop = shutdown.child_token();
        let server = Arc::clone(&server);
        connections.spawn(connection::serve(server, stream, peer, slot, stop));
    }

    drop(listener);
    connections.close();
    // Each connection applies the timeout itself, unless its handler blocks.
    if timeout(server.limits.drain_timeout + DRAIN_GRACE, connections.wait()).await.is_err() {
        return DrainReport { cut: server.cut.load(Relaxed) + counts.open.load(Relaxed) };
    }
    DrainReport { cut: server.cut.load(Relaxed) }
}

/// Whether the error concerns only the connection that was about to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Logs that no connection can be accepted, with a limited rate.
fn log_accept_error(error: &io::Error, last_log: &mut Option<Instant>) {
    if last_log.is_some_and(|last: Instant| last.elapsed() < LOG_INTERVAL) {
        return;
    }
    *last_log = Some(Instant::now());
    tracing::error!(
        %error,
        "cannot accept connections; if too many files are open, raise the limit (ulimit -n) \
         above max_connections or lower max_connections"
    );
}
