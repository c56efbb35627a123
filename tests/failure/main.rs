//! Failures: panics in code of the user, gates, and journals.

mod compactions;
mod gates;
mod invalid;
mod journals;
mod panics;
mod past;
mod shared_logs;
mod turns;
