//! What fails: the caller's own code, gates, and the journal.

#[path = "../common/mod.rs"]
mod common;
mod gates;
mod journals;
mod panics;
mod shared_logs;
