//! One connection: hyper, the timer for its timeouts, and its shutdown.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Server;
use super::connection_limit::Slot;
#[cfg(feature = "tls")]
use super::handshake::Stream;
use super::service::RequestService;
#[cfg(not(feature = "tls"))]
use super::socket::Socket;
use super::timeouts::{ExpiredTimeout, Timeouts};
use crate::server::Limits;

/// The maximum number of concurrent requests of an HTTP/2 connection.
const MAX_STREAMS: u32 = 128;
/// The buffer of an HTTP/1 connection in each direction, in bytes. It is also the maximum size of a request head. The
/// default of hyper, 400 KiB, would be gigabytes for thousands of subscribers that do not read.
const BUFFER: usize = 16 << 10;
/// The send buffer of an HTTP/2 stream.
const STREAM_BUFFER: usize = 64 << 10;
/// The maximum of unsent bytes in the socket. Without it, the system buffers megabytes for a client that does not read.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 << 10;
/// The interval of HTTP/2 pings, and the time limit for their response.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));

/// The settings of HTTP/1 and HTTP/2.
pub(super) fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // No timer for HTTP/1: `Timeouts` is used instead.
    builder.http1().header_read_timeout(None).max_buf_size(BUFFER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_send_buf_size(STREAM_BUFFER)
        .keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1);
    builder
}

/// Serves a connection until it ends. Cancelling `shutdown` makes it finish its current requests, until the drain timeout
/// closes it.
pub(super) async fn serve(
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    _slot: Slot,
    shutdown: CancellationToken,
) {
    // Small responses must not wait for the acknowledgement of earlier ones.
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "cannot limit the unsent bytes of a socket");
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "cannot set TCP_NODELAY");
    }
    let timeouts = Arc::new(Timeouts::new());
    #[cfg(feature = "tls")]
    let Some(stream) = Stream::open(&server, stream, &timeouts, &shutdown).await else { return };
    #[cfg(not(feature = "tls"))]
    let stream = Socket::new(stream, Arc::clone(&timeouts));
    let service =
        RequestService { server: Arc::clone(&server), timeouts: Arc::clone(&timeouts), peer };
    let mut connection = pin!(server.protocol.serve_connection(TokioIo::new(stream), service));
    let mut stop = pin!(shutdown.cancelled());
    let mut drain = None;
    let limits = &server.limits;
    let mut timer = pin!(sleep_until(Instant::now() + limits.header_timeout.min(tick(limits))));

    let ended = poll_fn(|cx| {
        if drain.is_none() && stop.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            drain = Some(now + limits.drain_timeout);
            timeouts.close(now);
            connection.as_mut().graceful_shutdown();
        }
        loop {
            // An error of the connection is caused by the client and not logged; limits log their own errors.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            match poll_timeout(&timeouts, limits, drain, timer.as_mut(), cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(End::Timeout(ExpiredTimeout::Idle)) => {
                    server.counts.closed_idle.fetch_add(1, Relaxed);
                    timeouts.close(Instant::now());
                    connection.as_mut().graceful_shutdown();
                }
                Poll::Ready(End::Timeout(ExpiredTimeout::Body(id))) => timeouts.give_up_body(id),
                Poll::Ready(end) => return Poll::Ready(Some(end)),
            }
        }
    })
    .await;

    let count = match ended {
        Some(End::Timeout(ExpiredTimeout::Head)) => &server.counts.closed_slow,
        Some(End::Timeout(ExpiredTimeout::Stalled)) => &server.counts.closed_stalled,
        Some(End::DrainTimeout) => &server.cut,
        _ => return,
    };
    count.fetch_add(1, Relaxed);
}

/// Why the server closes a connection.
#[derive(Debug, Clone, Copy)]
enum End {
    Timeout(ExpiredTimeout),
    DrainTimeout,
}

/// The maximum time for which the timer may be set. A deadline that another task records in `Timeouts` (the task of an
/// HTTP/2 request) is at least this far away when it is recorded, so the timer fires in time without being notified.
fn tick(limits: &Limits) -> Duration {
    let Limits { body_timeout, write_timeout, stall_timeout, idle_timeout, .. } = limits;
    *body_timeout.min(write_timeout).min(stall_timeout).min(idle_timeout)
}

/// Ready when a timeout has expired.
fn poll_timeout(
    timeouts: &Timeouts,
    limits: &Limits,
    drain: Option<Instant>,
    mut timer: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<End> {
    let timeout = timeouts.due(limits).map(|(at, timeout)| (at, End::Timeout(timeout)));
    let drained = drain.map(|at| (at, End::DrainTimeout));
    let due = [timeout, drained].into_iter().flatten().min_by_key(|(at, _)| *at);
    if let Some((at, _)) = due
        && at < timer.deadline()
    {
        timer.as_mut().reset(at);
    }
    while timer.as_mut().poll(cx).is_ready() {
        let now = Instant::now();
        let next = now + tick(limits);
        match due {
            Some((at, end)) if at <= now => return Poll::Ready(end),
            Some((at, _)) => timer.as_mut().reset(at.min(next)),
            None => timer.as_mut().reset(next),
        }
    }
    Poll::Pending
}
