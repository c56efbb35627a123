//! Options of a server.

use std::time::Duration;

#[cfg(feature = "tls")]
use super::Tls;
use super::{Limits, Metrics};

/// Options of a server. Start from [`ServerOptions::default`] and change the fields that should differ.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// Limits and timeouts.
    pub limits: Limits,
    /// The interval of the comments that keep a stream without events alive: a millisecond to 30 years, like the times of
    /// the limits. Default: 15 s.
    pub heartbeat: Duration,
    /// Whether to compress responses for clients that accept it. Default: true.
    pub compression: bool,
    /// The origins whose pages may use the server from a browser, such as `https://example.org`, or `*`. Default: none.
    ///
    /// Browsers send some requests of other origins without a preflight request: such writes get 403 `forbidden`.
    pub cors_origins: Vec<String>,
    /// The host names of the server besides `localhost` and IP addresses, or `*`. A request for another host gets 421
    /// `misdirected` if the server listens at a loopback address or this list is not empty. This prevents DNS rebinding:
    /// a page of another site whose own name resolves to this server. Default: none.
    pub allowed_hosts: Vec<String>,
    /// The version in the OpenAPI document. Default: the version of this crate.
    pub api_version: String,
    /// The accounts. `None` disables authentication: every client may do everything.
    pub auth: Option<crate::auth::Auth>,
    /// The certificate for TLS. `None` disables encryption: requests and responses can be read and modified in transit.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
    /// The metrics, for [`health`](super::health) to export.
    pub metrics: Metrics,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            heartbeat: Duration::from_secs(15),
            compression: true,
            cors_origins: Vec::new(),
            allowed_hosts: Vec::new(),
            api_version: env!("CARGO_PKG_VERSION").to_owned(),
            auth: None,
            #[cfg(feature = "tls")]
            tls: None,
            metrics: Metrics::default(),
        }
    }
}
