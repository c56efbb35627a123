//! Counts of connections and requests.

use std::sync::atomic::AtomicUsize;

/// Numbers that only the accept loop and its connections change. Read them with `Relaxed`.
///
/// `open`, `waiting`, `in_flight` and `streams` go up and down; the others only up.
#[derive(Debug, Default)]
pub(in crate::http) struct Counts {
    /// Connections that are open now, without those that are being refused.
    pub(in crate::http) open: AtomicUsize,
    /// Connections that were let in.
    pub(in crate::http) accepted: AtomicUsize,
    /// Connections refused because there were too many in total.
    pub(in crate::http) refused_total: AtomicUsize,
    /// Connections refused because there were too many from their address.
    pub(in crate::http) refused_address: AtomicUsize,
    /// Times that no connection could be accepted, mostly for want of file descriptors.
    pub(in crate::http) accept_failed: AtomicUsize,
    /// Requests whose bodies are not there yet.
    pub(in crate::http) waiting: AtomicUsize,
    /// Requests that are worked on now: what `max_requests` limits.
    pub(in crate::http) in_flight: AtomicUsize,
    /// Streams of events that are open.
    pub(in crate::http) streams: AtomicUsize,
    /// Requests answered 503 because there were too many at once, watches included.
    pub(in crate::http) shed: AtomicUsize,
    /// Requests answered 413.
    pub(in crate::http) too_large: AtomicUsize,
    /// Requests answered 408.
    pub(in crate::http) timed_out: AtomicUsize,
    /// Requests whose handler panicked, answered 500.
    pub(in crate::http) panicked: AtomicUsize,
    /// Connections closed because the head of a request took too long.
    pub(in crate::http) closed_slow: AtomicUsize,
    /// Connections closed because they had no request for too long.
    pub(in crate::http) closed_idle: AtomicUsize,
    /// Connections closed because there was no TLS handshake.
    pub(in crate::http) closed_handshake: AtomicUsize,
    /// Connections closed because an answer was not read.
    pub(in crate::http) closed_stalled: AtomicUsize,
}
