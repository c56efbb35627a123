//! The client, and servers that answer badly, or not at all, or are killed.

mod accounts;
mod answers;
mod backups;
#[cfg(all(feature = "file", feature = "server"))]
mod elements;
mod kill;
mod liar;
mod limits;
mod streams;
#[cfg(all(feature = "tls", feature = "server"))]
mod tls;
