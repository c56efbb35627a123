//! The memory of a store: a child process of the main program, with the type of value and a number of entries.

use std::alloc::System;
use std::env;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use peers::load::{Text, key};
use peers::peers::store_with_all_features;
use peers::rows::MemoryUse;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static COUNTING: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() -> Result<()> {
    let args: Vec<String> = env::args().collect();
    let [_, kind, entries] = &args[..] else { bail!("usage: memory <type of value> <entries>") };
    let entries = entries.parse().context("invalid number of entries")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let taken = runtime.block_on(async {
        match kind.as_str() {
            "Box<str>" => measure::<Box<str>>(entries).await,
            "Arc<str>" => measure::<Arc<str>>(entries).await,
            "String" => measure::<String>(entries).await,
            _ => bail!("unknown type of value: {kind}"),
        }
    });
    println!("{}", serde_json::to_string(&taken?)?);
    Ok(())
}

/// Returns the allocated bytes per entry, without and with the index of the keys. They are those of the whole store,
/// including its history and channels.
async fn measure<T: Text>(entries: usize) -> Result<MemoryUse> {
    let region = Region::new(COUNTING);
    let held = || {
        let change = region.change();
        (change.bytes_allocated as f64 - change.bytes_deallocated as f64) / entries as f64
    };
    let store = store_with_all_features::<T>();
    for first in (0..entries).step_by(100) {
        let pairs = (first..entries.min(first + 100)).map(|n| (key(n), T::make()));
        for set in store.set_many(pairs).await? {
            set?;
        }
    }
    assert_eq!(store.stats().entries, entries);
    let without = held();
    let page = store.keys("").await?;
    assert_eq!(page.items.len(), 100);
    Ok(MemoryUse { store: without, with_index: held() })
}
