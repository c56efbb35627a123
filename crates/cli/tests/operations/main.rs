//! Running a server: its start, its end, and what it tells of itself in between. All with the real program.

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
