//! What fails: the caller's own code, gates, and the journal.

mod compactions;
mod gates;
mod invalid;
mod journals;
mod panics;
mod past;
mod shared_logs;
mod turns;
