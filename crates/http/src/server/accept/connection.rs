//! One connection: hyper, a timer for what its client owes, and the way out.

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
use super::timeouts::{Late, Timeouts};
use crate::server::Limits;

/// Requests that one HTTP/2 connection may have open.
const MAX_STREAMS: u32 = 128;
/// What an HTTP/1 connection may buffer in each direction, in bytes: also the longest head of a request. hyper's
/// 400 KiB times thousands of watchers who do not read would be gigabytes.
const BUFFER: usize = 16 << 10;
/// The same for each stream of HTTP/2.
const STREAM_BUFFER: usize = 64 << 10;
/// How much may wait in the system to be sent, in bytes. Without it a socket takes megabytes that nobody reads.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 32 << 10;
/// How often an HTTP/2 client is asked whether it is still there, and how long it may take to say so.
const PING: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(15));

/// How connections are spoken with.
pub(super) fn protocol() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    // No timer for HTTP/1: `Timeouts` keeps its time.
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

/// Serve a connection until it ends. Cancelling `shutdown` makes it finish what it works on, until
/// the drain time-out cuts it.
pub(super) async fn serve(
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    _slot: Slot,
    shutdown: CancellationToken,
) {
    // Small answers must not wait for the client's acknowledgement of the ones before.
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT) {
        tracing::debug!(%error, "cannot limit what waits to be sent");
    }
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "TCP_NODELAY could not be set");
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
            // How a connection broke is its client's affair; the limits log for themselves.
            if connection.as_mut().poll(cx).is_ready() {
                return Poll::Ready(None);
            }
            match poll_late(&timeouts, limits, drain, timer.as_mut(), cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(End::Late(Late::Idle)) => {
                    server.counts.closed_idle.fetch_add(1, Relaxed);
                    timeouts.close(Instant::now());
                    connection.as_mut().graceful_shutdown();
                }
                Poll::Ready(End::Late(Late::Body(id))) => timeouts.give_up_body(id),
                Poll::Ready(end) => return Poll::Ready(Some(end)),
            }
        }
    })
    .await;

    let count = match ended {
        Some(End::Late(Late::Head)) => &server.counts.closed_slow,
        Some(End::Late(Late::Stalled)) => &server.counts.closed_stalled,
        Some(End::DrainReport) => &server.cut,
        _ => return,
    };
    count.fetch_add(1, Relaxed);
}

/// Why a connection ends before hyper says so.
#[derive(Debug, Clone, Copy)]
enum End {
    Late(Late),
    DrainReport,
}

/// How far ahead the timer may be set. What other tasks note in a `Timeouts` (those of HTTP/2 requests)
/// is never due sooner after it is noted, so the timer need not be told of it.
fn tick(limits: &Limits) -> Duration {
    let Limits { body_timeout, write_timeout, stall_timeout, idle_timeout, .. } = limits;
    *body_timeout.min(write_timeout).min(stall_timeout).min(idle_timeout)
}

/// Ready when a limit has been broken.
fn poll_late(
    timeouts: &Timeouts,
    limits: &Limits,
    drain: Option<Instant>,
    mut timer: Pin<&mut Sleep>,
    cx: &mut Context<'_>,
) -> Poll<End> {
    let late = timeouts.due(limits).map(|(at, late)| (at, End::Late(late)));
    let drained = drain.map(|at| (at, End::DrainReport));
    let due = [late, drained].into_iter().flatten().min_by_key(|(at, _)| *at);
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
