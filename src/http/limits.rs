//! How much a server takes on.

use std::time::Duration;

/// How much a server takes on, and how long it waits for those who are slow.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Connections in total. 16,384.
    pub max_connections: usize,
    /// Connections from one address; 0 is no limit, for a server behind a proxy. 0.
    pub max_connections_per_address: usize,
    /// Requests that are worked on at once; those beyond get 503 `busy` at once. 4,096.
    pub max_requests: usize,
    /// The longest body of a request, in bytes. 1 MiB.
    pub max_body_bytes: usize,
    /// How long the head of a request may take, from its first byte or from the connection's start. 10 s.
    pub header_timeout: Duration,
    /// How long the body of a request may take. 30 s.
    pub body_timeout: Duration,
    /// How long a connection may stay without a request. 60 s.
    pub idle_timeout: Duration,
    /// How long a shutdown waits for requests that are worked on. 10 s.
    pub drain_timeout: Duration,
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
            drain_timeout: Duration::from_secs(10),
        }
    }
}
