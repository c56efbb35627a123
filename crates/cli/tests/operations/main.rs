//! Operation of a server with the real program: start, stop, health checks, metrics, logs, limits.

#![cfg(unix)]

mod accounts;
mod backup;
mod documented;
mod health;
mod metrics;
mod ownership;
mod process;
mod requests;
mod resources;
mod starting;
mod stopping;
mod tls;
