//! Fuzz target; see `tests/requests/fuzzed.rs`.
#![no_main]
#![allow(dead_code, reason = "the tests use the rest")]

#[path = "../../crates/http/tests/requests/fuzzed.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::tokens(bytes));
