//! The store over HTTP: routes for a service of one's own, and a server.

#[cfg_attr(not(test), expect(dead_code, reason = "the server that calls it comes next"))]
mod accept;
mod answer;
mod app;
mod extract;
mod limits;
mod options;
mod routes;
mod server;

pub use self::app::Element;
pub use self::limits::Limits;
pub use self::options::Options;
pub use self::server::{router, serve};
