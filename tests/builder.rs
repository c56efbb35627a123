//! Invalid settings of a builder panic at the call that sets them.

use std::time::Duration;

use mainspring::{Gate, GateOptions, Refusal, Store, Write};

struct Open;

impl<T: Send + Sync + 'static> Gate<T> for Open {
    async fn admit(&mut self, _: &Write<T>) -> Result<(), Refusal> {
        Ok(())
    }
}

#[test]
#[should_panic(expected = "the prefix \"g/\" already has a gate")]
fn second_gate_with_the_same_prefix_panics() {
    let one = Store::<String>::builder().gate("g/", Open).gate("g/inner/", Open);
    let _ = one.gate_with("g/", Open, GateOptions::default());
}

#[tokio::test]
#[should_panic(expected = "a limit in bytes needs a weigher for f64: see Builder::weigher")]
async fn limit_in_bytes_without_a_weigher_panics() {
    let _ = Store::<f64>::builder().max_bytes(1_000).spawn();
}

#[tokio::test]
#[should_panic(expected = "a limit in bytes needs a weigher for f64: see Builder::weigher")]
async fn entry_limit_without_a_weigher_panics() {
    let _ = Store::<f64>::builder().max_entry_bytes(1_000).spawn();
}

#[tokio::test]
async fn limit_in_bytes_with_a_weigher_is_accepted() {
    let store = Store::<f64>::builder().max_bytes(1_000).weigher(|_| 8).spawn();
    store.set("k", 1.0).await.unwrap();
    let store = Store::<String>::builder().max_entry_bytes(1_000).spawn();
    store.set("k", "built-in weigher").await.unwrap();
}

#[test]
#[should_panic(expected = "default_ttl(0ns)")]
fn default_ttl_of_zero_panics() {
    let _ = Store::<String>::builder().default_ttl(Duration::ZERO);
}
