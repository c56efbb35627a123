//! The server: routes for an axum service, and a complete server.
//!
//! [`router`] is the store as an axum [`Router`](axum::Router), to mount in a service that has its own limits,
//! authentication and shutdown. [`serve`] is a complete server around the same routes, and [`serve_health`] serves
//! [`health`] checks and metrics on a port of their own, so that they respond even if the main port is overloaded.
//!
//! `serve` has its own accept loop over hyper, because `axum::serve` sets no limits and no timeouts. Every resource that a
//! client can occupy is bounded by [`Limits`]: connections, concurrent requests, body sizes, and the time for each step
//! of a request. Overload is reported at once with 503 instead of queueing requests, so memory stays bounded and clients
//! can retry. A read or write costs one command of the owner; the HTTP layer adds one allocation per request.

mod accept;
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
mod response;
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
