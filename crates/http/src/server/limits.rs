//! Limits and timeouts of a server.

use std::time::Duration;

/// Limits and timeouts of a server.
///
/// Every field has a default for a server on one machine; change the fields that should differ. There is always a limit:
/// a time of more than 30 years is reduced to 30 years, and one below a millisecond, except
/// [`drain_timeout`](Self::drain_timeout), is raised to a millisecond.
///
/// # Examples
///
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
    /// The maximum number of connections. Further ones get 503 `busy` and are closed. Default: 16,384.
    ///
    /// Each connection needs a file descriptor: `ulimit -n` must be higher.
    ///
    /// On HTTP/2, where a connection has many requests, it is also the maximum number of watches, and of requests that
    /// wait for their bodies; further ones get 503 `busy`.
    pub max_connections: usize,
    /// The maximum number of connections of one address, or of one /64 network of IPv6 addresses. Further ones get 503
    /// `busy` and are closed. 0 is no limit, for a server behind a proxy. Default: 0.
    ///
    /// On HTTP/2 it also limits the watches of an address, and its requests that wait for their bodies.
    pub max_connections_per_address: usize,
    /// The maximum number of concurrent requests. Further ones get 503 `busy` at once. Default: 4,096.
    ///
    /// A request counts from the time when its body has arrived, or 64 KiB of it, until its response has been handed to
    /// the socket. A watch counts only until its response begins, because thousands may stay open.
    pub max_requests: usize,
    /// The maximum size of the body of a request, in bytes. A larger one gets 413 `too_large`. Default: 1 MiB.
    pub max_body_bytes: usize,
    /// The time limit for the head of a request, from its first byte or from the start of the connection. Then the
    /// connection is closed. Default: 10 s.
    pub header_timeout: Duration,
    /// The time limit for the body of a request, from the time when the handler first waits for it. Then the response is
    /// 408 `timeout`. Default: 30 s.
    pub body_timeout: Duration,
    /// The time after which a connection without a request is closed. Default: 60 s.
    pub idle_timeout: Duration,
    /// The time after which a connection is closed whose client reads nothing of a response. Default: 30 s.
    pub write_timeout: Duration,
    /// The same for a watch, whose reader may be busy for a while. Default: 5 min.
    pub stall_timeout: Duration,
    /// The time that a shutdown waits for current requests. Then their connections are closed. Default: 10 s.
    pub drain_timeout: Duration,
}

/// The maximum of all times. Adding it to the current time cannot overflow.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 3_600);
/// The minimum of all times: a timer that has always expired would leave no time to a client.
const SHORTEST: Duration = Duration::from_millis(1);

/// Restricts a time to the range of timers.
pub(super) fn clamped(time: Duration) -> Duration {
    time.clamp(SHORTEST, LONGEST)
}

impl Limits {
    /// Restricts all times to the range of timers.
    pub(super) fn clamped(mut self) -> Self {
        for time in [
            &mut self.header_timeout,
            &mut self.body_timeout,
            &mut self.idle_timeout,
            &mut self.write_timeout,
            &mut self.stall_timeout,
        ] {
            *time = clamped(*time);
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
