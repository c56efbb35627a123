//! How much a server takes on.

use std::time::Duration;

/// How much a server takes on, and how long it waits for those who are slow.
///
/// Every field has a default that suits a server on one machine; change what differs. A time may be as long as you
/// like, but there is no server without a limit: one of more than 30 years is taken as that, and one below a
/// millisecond, but for [`drain_timeout`](Self::drain_timeout), as a millisecond.
///
/// ```
/// use std::time::Duration;
/// use mainspring_http::server::Limits;
///
/// let mut limits = Limits::default();
/// limits.max_connections_per_address = 100;
/// limits.idle_timeout = Duration::from_secs(120);
/// assert_eq!(limits.max_requests, 4_096);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections in total; those beyond get 503 `busy` and are closed. 16,384.
    ///
    /// Each takes a file descriptor: `ulimit -n` must leave room for them.
    ///
    /// Over HTTP/2, where one connection has many requests, there may be as many watches as connections, and as many
    /// requests that wait for their bodies; those beyond get 503 `busy`.
    pub max_connections: usize,
    /// Connections from one address, or from one /64 of IPv6 addresses; those beyond get 503 `busy`
    /// and are closed. 0 is no limit, for a server behind a proxy. 0.
    ///
    /// Over HTTP/2 it is the limit of the watches of an address, and of its requests that wait for their bodies, too.
    pub max_connections_per_address: usize,
    /// Requests that are worked on at once; those beyond get 503 `busy` at once. 4,096.
    ///
    /// A request counts from when its body is there, or 64 KiB of it, until its answer has been handed to the
    /// socket. A watch counts only until its answer begins, since thousands may stay open.
    pub max_requests: usize,
    /// The longest body of a request, in bytes; a longer one gets 413 `too_large`. 1 MiB.
    pub max_body_bytes: usize,
    /// How long the head of a request may take, from its first byte or from the connection's start;
    /// then the connection is closed. 10 s.
    pub header_timeout: Duration,
    /// How long the body of a request may take, from when it is first waited for; then the answer is
    /// 408 `timeout`. 30 s.
    pub body_timeout: Duration,
    /// How long a connection may stay without a request; then it is closed. 60 s.
    pub idle_timeout: Duration,
    /// How long a client may take nothing more of an answer; then the connection is closed. 30 s.
    pub write_timeout: Duration,
    /// The same for a watch, whose reader may be busy for a while; then the connection is closed. 5 min.
    pub stall_timeout: Duration,
    /// How long a shutdown waits for requests that are worked on; then they are cut. 10 s.
    pub drain_timeout: Duration,
}

/// No time is longer. Adding it to now does not go beyond what a clock can say.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);
/// No time is shorter: a timer that has always rung is never waited for.
const SHORTEST: Duration = Duration::from_millis(1);

/// A time that timers can keep.
pub(super) fn within_reason(time: Duration) -> Duration {
    time.clamp(SHORTEST, LONGEST)
}

impl Limits {
    /// With times that timers can keep.
    pub(super) fn within_reason(mut self) -> Self {
        for time in [
            &mut self.header_timeout,
            &mut self.body_timeout,
            &mut self.idle_timeout,
            &mut self.write_timeout,
            &mut self.stall_timeout,
        ] {
            *time = within_reason(*time);
        }
        self.drain_timeout = self.drain_timeout.min(LONGEST);
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 16_384,
            max_connections_per_address: 0,
            max_requests: 4_096,
            max_body_bytes: 1 << 20,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            write_timeout: Duration::from_secs(30),
            stall_timeout: Duration::from_secs(300),
            drain_timeout: Duration::from_secs(10),
        }
    }
}
