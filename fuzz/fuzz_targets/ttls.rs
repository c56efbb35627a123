//! See `tests/requests/fuzzed.rs`.
#![no_main]
#![allow(dead_code, reason = "the tests need more of it")]

#[path = "../../crates/http/tests/requests/fuzzed.rs"]
mod fuzzed;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::ttls(bytes));
