//! See `tests/durability/fuzzed.rs`.
#![no_main]
#![allow(dead_code, reason = "the tests need more of it")]

#[path = "../../tests/durability/fuzzed.rs"]
mod fuzzed;
#[path = "../../tests/durability/ledger.rs"]
mod ledger;
#[path = "../../tests/durability/sim.rs"]
mod sim;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzed::lines(bytes));
