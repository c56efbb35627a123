//! The client, and servers that answer badly, or not at all.

mod accounts;
mod answers;
mod backups;
mod elements;
mod liar;
mod limits;
mod streams;
mod tls;
