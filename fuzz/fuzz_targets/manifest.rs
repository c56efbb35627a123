//! Fuzz target; see `tests/durability/fuzzed.rs`.
#![no_main]
#![allow(dead_code, reason = "the tests use the rest")]

#[path = "../../tests/durability/fuzzed.rs"]
mod fuzzed;
#[path = "../../tests/durability/ledger.rs"]
mod ledger;
#[path = "../../tests/durability/sim.rs"]
mod sim;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::manifest(bytes));
