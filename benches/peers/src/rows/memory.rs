//! The memory of an entry, measured by a separate program with a counting allocator, because counting slows down other
//! measurements.

use std::process::Command;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::Case;
use crate::load::ENTRY_BYTES;
use crate::measure::Figures;
use crate::report::Row;

pub(super) fn cases() -> Vec<Case> {
    let case =
        |name, goal: f64| Case::fallible(format!("memory {name}"), move |_| rows(name, goal));
    vec![case("Box<str>", 1.70), case("Arc<str>", 1.85)]
}

/// The output of the program.
#[derive(Debug, Deserialize, Serialize)]
pub struct MemoryUse {
    /// Allocated bytes per entry.
    pub store: f64,
    /// The same after the first scan.
    pub with_index: f64,
}

fn rows(kind: &str, goal: f64) -> Result<[Row; 2]> {
    let sizes = [900_000, 1_000_000];
    let taken = sizes.map(|entries| of_raw(kind, entries));
    let [small, large] = taken;
    let (small, large) = (small?, large?);
    let worst = small.store.max(large.store);
    let index = (small.with_index - small.store).max(large.with_index - large.store);
    let figures =
        |small, large| Figures::named("times raw").with("at 0.9 M", small).with("at 1.0 M", large);
    Ok([
        Row::at_most(goal, format!("memory, {kind}, of raw"), worst)
            .figures([figures(small.store, large.store)]),
        Row::at_most(0.2, format!("memory, {kind}, more with the index"), index)
            .figures([figures(small.with_index - small.store, large.with_index - large.store)]),
    ])
}

/// The memory per entry relative to its raw bytes, in a store of a given size.
fn of_raw(kind: &str, entries: usize) -> Result<MemoryUse> {
    let program = crate::children::path("memory")?;
    let output = Command::new(program).args([kind, &entries.to_string()]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let MemoryUse { store, with_index } = serde_json::from_slice(&output.stdout)?;
    let raw = ENTRY_BYTES as f64;
    Ok(MemoryUse { store: store / raw, with_index: with_index / raw })
}
