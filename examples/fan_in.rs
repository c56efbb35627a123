//! Many writers and one list: read-modify-write loses items, pushes through the owner do not.
//!
//! In Go, 100 goroutines that append 100 items each to an unprotected slice lose some of them. In Rust that does not
//! compile. The same race over a store does: read the list, add to the copy, write it back.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mainspring::Store;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<()> {
    let (stored, time) = race(100, |store, task| async move {
        for item in 0..100 {
            // Writes of other tasks between the get and the set are overwritten.
            let entry = store.get("list").await?;
            let mut list = entry.and_then(|entry| entry.value.into_list()).unwrap_or_default();
            list.push(task * 100 + item);
            store.set("list", list).await?;
        }
        Ok(())
    })
    .await?;
    report("100 tasks x 100 items, get and set", 10_000, stored, time);
    ensure!(stored < 10_000, "expected lost items without a condition");

    let (stored, time) = race(100, push_100).await?;
    report("100 tasks x 100 items, push", 10_000, stored, time);
    ensure!(stored == 10_000, "items were lost");

    let (stored, time) = race(5_000, push_100).await?;
    report("5,000 tasks x 100 items, push", 500_000, stored, time);
    ensure!(stored == 500_000, "items were lost");

    let (stored, time) = race(5_000, |store, task| async move {
        // One message and one reply for all items. Each push has its own result.
        let items = task * 100..(task + 1) * 100;
        for pushed in store.push_many("list", items).await? {
            pushed?;
        }
        Ok(())
    })
    .await?;
    report("5,000 tasks x 100 items, push_many", 500_000, stored, time);
    ensure!(stored == 500_000, "items were lost");
    Ok(())
}

async fn push_100(store: Store<u64>, task: u64) -> Result<()> {
    for item in 0..100 {
        store.push("list", task * 100 + item).await?;
    }
    Ok(())
}

/// Run tasks on a new store, and return the number of stored items and the elapsed time.
async fn race<F>(tasks: u64, add: impl Fn(Store<u64>, u64) -> F) -> Result<(usize, Duration)>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let store = Store::builder().spawn();
    let start = Instant::now();
    let tasks: JoinSet<_> = (0..tasks).map(|task| add(store.clone(), task)).collect();
    tasks.join_all().await.into_iter().collect::<Result<()>>()?;
    let time = start.elapsed();
    let stored = store.len("list").await?.unwrap_or(0);
    store.shutdown().await?;
    Ok((stored, time))
}

fn report(what: &str, sent: usize, stored: usize, time: Duration) {
    println!("{what}: {stored} of {sent} stored, {} lost, in {time:.2?}", sent - stored);
}
