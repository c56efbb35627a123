//! How a server behaves.

use std::time::Duration;

#[cfg(feature = "tls")]
use super::Tls;
use super::{Limits, Metrics};

/// How a server behaves. Start from [`ServerOptions::default`] and change what should be otherwise.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// How much it takes on.
    pub limits: Limits,
    /// How often a stream without news says that it is alive: a millisecond to 30 years, as the times of the limits
    /// are. 15 s.
    pub heartbeat: Duration,
    /// Compress answers, for those who ask for it. On.
    pub compression: bool,
    /// Whose pages may use it from a browser: origins such as `https://example.org`, or `*`. None.
    ///
    /// Pages of other origins can send some requests without asking first: their writes get 403 `forbidden`.
    pub cors_origins: Vec<String>,
    /// The names that the server has besides `localhost` and addresses, or `*`. Who asks for another gets 421
    /// `misdirected`, if the server listens at a loopback address or there are any names here: a page of
    /// another site might else have its own name point here. None.
    pub allowed_hosts: Vec<String>,
    /// The version that its description states. That of this crate.
    pub api_version: String,
    /// Who may do what; `None`: everybody may do everything.
    pub auth: Option<crate::auth::Auth>,
    /// Encrypt every connection. None: what is sent can be read and changed on its way.
    #[cfg(feature = "tls")]
    pub tls: Option<Tls>,
    /// What it counts, for [`health`](super::health) to show.
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
