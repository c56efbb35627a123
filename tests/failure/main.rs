//! What fails: the caller's own code, gates, and the journal.

#![allow(clippy::unwrap_used, reason = "a test may")]

#[path = "../common/mod.rs"]
mod common;
mod gates;
mod journals;
mod panics;
mod shared_logs;
