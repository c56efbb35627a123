//! Many writers and one list: what a read and a write lose between them, and what one owner does not.
//!
//! In Go, 100 goroutines that append 100 items each to a slice without protection lose some of them.
//! In Rust that does not compile. What does compile, over any store, is its twin: read the list, add to
//! the copy, write it back.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mainspring::Store;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<()> {
    let (kept, time) = race(100, |store, task| async move {
        for item in 0..100 {
            // Between these two, others write, and this one writes over what they wrote.
            let entry = store.get("list").await?;
            let mut list = entry.and_then(|entry| entry.value.into_list()).unwrap_or_default();
            list.push(task * 100 + item);
            store.set("list", list).await?;
        }
        Ok(())
    })
    .await?;
    report("100 tasks x 100 items, get and set", 10_000, kept, time);
    ensure!(kept < 10_000, "without a condition, somebody's items are overwritten");

    let (kept, time) = race(100, push_100).await?;
    report("100 tasks x 100 items, push", 10_000, kept, time);
    ensure!(kept == 10_000, "the owner loses nothing");

    let (kept, time) = race(5_000, push_100).await?;
    report("5,000 tasks x 100 items, push", 500_000, kept, time);
    ensure!(kept == 500_000, "the owner loses nothing");

    let (kept, time) = race(5_000, |store, task| async move {
        // One message and one answer for all of them; each has a result of its own.
        let items = task * 100..(task + 1) * 100;
        for pushed in store.push_many("list", items).await? {
            pushed?;
        }
        Ok(())
    })
    .await?;
    report("5,000 tasks x 100 items, push_many", 500_000, kept, time);
    ensure!(kept == 500_000, "the owner loses nothing");
    Ok(())
}

async fn push_100(store: Store<u64>, task: u64) -> Result<()> {
    for item in 0..100 {
        store.push("list", task * 100 + item).await?;
    }
    Ok(())
}

/// Run so many tasks on a new store, and answer how many items it kept, and the time it took.
async fn race<F>(tasks: u64, add: impl Fn(Store<u64>, u64) -> F) -> Result<(usize, Duration)>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let store = Store::builder().spawn();
    let start = Instant::now();
    let tasks: JoinSet<_> = (0..tasks).map(|task| add(store.clone(), task)).collect();
    tasks.join_all().await.into_iter().collect::<Result<()>>()?;
    let time = start.elapsed();
    let kept = store.len("list").await?.unwrap_or(0);
    store.shutdown().await?;
    Ok((kept, time))
}

fn report(what: &str, sent: usize, kept: usize, time: Duration) {
    println!("{what}: {kept} of {sent} kept, {} lost, in {time:.2?}", sent - kept);
}
