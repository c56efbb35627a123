//! Accepts connections, within limits, and drains them at the end.
//!
//! `axum::serve` has no limits and sets no timer, so this is an accept loop of its own over hyper-util.
//! `connection_limit` limits connections, `timeouts` how long a client may take, and `service` which requests reach
//! the routes.

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

/// How long to wait when no connection can be accepted: some may end meanwhile.
const BACK_OFF: Duration = Duration::from_millis(100);
/// How often at most to say so.
const SAY_SO: Duration = Duration::from_secs(10);
/// How long after the drain time-out to wait for connections to notice it.
const LAST_CALL: Duration = Duration::from_secs(1);

/// How the connections of a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct DrainReport {
    /// Connections that the drain time-out cut: they were still working on requests.
    pub cut: usize,
}

/// What all connections share.
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
    /// Connections that the drain time-out cut.
    cut: AtomicUsize,
}

/// Where a request begins.
#[derive(Debug)]
enum Place {
    Worked(Permit),
    Waiting(Slot),
}

impl Server {
    fn new(app: impl Into<Layered>, options: &ServerOptions) -> Self {
        let counts = Arc::clone(options.metrics.counts());
        let limits = &options.limits;
        Self {
            app: app.into(),
            limits: limits.clone().within_reason(),
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

    /// Whether a client that has said nothing yet understands an answer.
    fn is_plain(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_none();
        #[cfg(not(feature = "tls"))]
        true
    }

    fn max_body(&self) -> u64 {
        u64::try_from(self.limits.max_body_bytes).unwrap_or(u64::MAX)
    }

    /// The right to work on a request, if there are not too many.
    fn permit(&self) -> Option<Permit> {
        Permit::take(&self.counts, self.limits.max_requests)
    }

    /// A place for a request, if there is one. Who has not sent its body yet waits without a permit: else a few who
    /// never send theirs could hold all.
    fn place(&self, peer: SocketAddr, complete: bool) -> Option<Place> {
        let permit = self.permit()?;
        if complete {
            return Some(Place::Worked(permit));
        }
        let slot = self.waiting.take(peer);
        if slot.is_err() {
            self.counts.shed.fetch_add(1, Relaxed);
        }
        slot.ok().map(Place::Waiting)
    }
}

/// Accept connections and have `app` answer their requests, until `shutdown` is cancelled; then
/// finish what is worked on and return.
///
/// The listener is closed first. Connections without a request close at once; the others are told
/// to close, finish within `drain_timeout`, or are cut. Streams are expected to end by themselves:
/// their handlers see the same token. The metrics are kept up to date throughout.
///
/// Requests have the peer's address as [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo).
///
/// # Cancel safety
///
/// Dropping this closes the listener; connections go on until they end or `shutdown` is cancelled.
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
    let mut said = None;

    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                counts.accept_failed.fetch_add(1, Relaxed);
                complain(&error, &mut said);
                let _ = shutdown.run_until_cancelled(sleep(BACK_OFF)).await;
                continue;
            }
        };
        let slot = match connection_limit.take(peer) {
            Ok(slot) => slot,
            Err(full) => {
                let refused = match full {
                    Full::Total => &counts.refused_total,
                    Full::Address => &counts.refused_address,
                };
                refused.fetch_add(1, Relaxed);
                // Who waits for a handshake would not understand it, and is closed without a word.
                if server.is_plain() {
                    rejecter.reject(stream);
                }
                continue;
            }
        };
        counts.accepted.fetch_add(1, Relaxed);
        // A child: to look at a token is to lock it, and connections look often.
        let stop = shutdown.child_token();
        let server = Arc::clone(&server);
        connections.spawn(connection::serve(server, stream, peer, slot, stop));
    }

    drop(listener);
    connections.close();
    // Each connection keeps the time-out itself; one whose handler blocks cannot.
    if timeout(server.limits.drain_timeout + LAST_CALL, connections.wait()).await.is_err() {
        return DrainReport { cut: server.cut.load(Relaxed) + counts.open.load(Relaxed) };
    }
    DrainReport { cut: server.cut.load(Relaxed) }
}

/// Whether only the connection that was about to be accepted failed.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Log, not too often, that no connection can be accepted.
fn complain(error: &io::Error, said: &mut Option<Instant>) {
    if said.is_some_and(|said: Instant| said.elapsed() < SAY_SO) {
        return;
    }
    *said = Some(Instant::now());
    tracing::error!(
        %error,
        "no connection can be accepted; if files are too many, raise the limit (ulimit -n) \
         above max_connections or lower max_connections"
    );
}
