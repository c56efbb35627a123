//! What a server counts about its connections and requests, for whoever shows it.

use std::sync::atomic::AtomicUsize;

/// Numbers that only the accept loop and its connections change. Read them with `Relaxed`.
///
/// `open`, `waiting`, `in_flight` and `streams` go up and down; the others only up.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Connections that are open now, without those that are being refused.
    pub(crate) open: AtomicUsize,
    /// Connections that were let in.
    pub(crate) accepted: AtomicUsize,
    /// Connections refused because there were too many in total.
    pub(crate) refused_total: AtomicUsize,
    /// Connections refused because there were too many from their address.
    pub(crate) refused_address: AtomicUsize,
    /// Times that no connection could be accepted, mostly for want of file descriptors.
    pub(crate) accept_failed: AtomicUsize,
    /// Requests whose bodies are not there yet.
    pub(crate) waiting: AtomicUsize,
    /// Requests that are worked on now: what `max_requests` limits.
    pub(crate) in_flight: AtomicUsize,
    /// Streams of events that are open.
    pub(crate) streams: AtomicUsize,
    /// Requests answered 503 because there were too many at once, watches included.
    pub(crate) shed: AtomicUsize,
    /// Requests answered 413.
    pub(crate) too_large: AtomicUsize,
    /// Requests answered 408.
    pub(crate) timed_out: AtomicUsize,
    /// Requests whose handler panicked, answered 500.
    pub(crate) panicked: AtomicUsize,
    /// Connections closed because the head of a request took too long.
    pub(crate) closed_slow: AtomicUsize,
    /// Connections closed because they had no request for too long.
    pub(crate) closed_idle: AtomicUsize,
    /// Connections closed because there was no TLS handshake.
    pub(crate) closed_handshake: AtomicUsize,
    /// Connections closed because an answer was not read.
    pub(crate) closed_stalled: AtomicUsize,
}
