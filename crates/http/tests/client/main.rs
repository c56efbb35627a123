//! The client, with servers that respond incorrectly or not at all.

mod accounts;
mod backups;
mod elements;
mod faulty_server;
mod limits;
mod responses;
mod streams;
mod tls;
