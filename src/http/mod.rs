//! The store over HTTP: routes for a service of one's own, and a server.

#[cfg_attr(not(test), expect(dead_code, reason = "the server that calls it comes next"))]
mod accept;
mod limits;

pub use self::limits::Limits;
