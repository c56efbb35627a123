//! The store over HTTP: routes for a service of one's own, and a server.

mod accept;
mod limits;

pub use self::limits::Limits;
