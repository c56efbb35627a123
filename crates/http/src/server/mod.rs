//! The store over HTTP: routes for a service of one's own, and a server.

mod accept;
mod answer;
mod app;
mod auth;
mod backup;
mod extract;
mod health;
mod layers;
mod limits;
mod metrics;
mod openapi;
mod options;
mod origin;
mod routes;
mod serve;
#[cfg(feature = "tls")]
mod tls;

pub use self::accept::DrainReport;
pub use self::app::Element;
pub use self::health::{health, serve_health};
pub use self::limits::Limits;
pub use self::metrics::Metrics;
pub use self::options::ServerOptions;
pub use self::serve::{router, serve};
#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsError};
