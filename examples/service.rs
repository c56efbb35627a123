//! A small service: one store shared by many tasks, and a shutdown without loss.
//!
//! Clients push jobs, workers pop them, a heartbeat renews its key, and a reporter prints counts. One token stops the
//! tasks; then the store shuts down.

use std::time::Duration;

use anyhow::{Result, ensure};
use mainspring::{Error, Store, View};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<()> {
    let stop = CancellationToken::new();
    // Without `cancel_with(&stop)`: the store would reject the writes of workers that are processing a job.
    let store = Store::<u64>::builder().spawn();

    let (mut clients, mut workers, mut background) =
        (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for id in 0..4 {
        clients.spawn(client(store.clone(), id, stop.clone()));
        workers.spawn(worker(store.clone(), stop.clone()));
    }
    background.spawn(heartbeat(store.clone(), stop.clone()));
    background.spawn(reporter(store.view(), stop.clone()));

    // In a real service: `tokio::signal::ctrl_c().await?`.
    sleep(Duration::from_millis(300)).await;
    println!("stopping");
    stop.cancel();

    // Each task completes its current operation and ends.
    let accepted: u64 = clients.join_all().await.into_iter().sum::<Result<_>>()?;
    let done: u64 = workers.join_all().await.into_iter().sum::<Result<_>>()?;
    background.join_all().await.into_iter().collect::<Result<()>>()?;
    println!("the tasks have ended");

    store.shutdown().await?;
    ensure!(store.push("jobs", 0).await == Err(Error::Closed), "the store is shut down");
    println!("the store has ended");

    // A view can be read after the shutdown.
    let view = store.view();
    let (stored, waiting) = (length(&view, "done")?, length(&view, "jobs")?);
    ensure!(stored == done, "{done} jobs were acknowledged, {stored} are stored");
    ensure!(accepted == done + waiting, "{accepted} accepted, {done} done, {waiting} waiting");
    println!("accepted {accepted} = done {done} + waiting {waiting}: no job was lost");
    Ok(())
}

/// Push jobs, and return the number of acknowledged ones.
async fn client(store: Store<u64>, id: u64, stop: CancellationToken) -> Result<u64> {
    let mut accepted = 0;
    while !stop.is_cancelled() {
        store.push("jobs", id * 1_000_000 + accepted).await?;
        accepted += 1;
        sleep(Duration::from_millis(1)).await;
    }
    Ok(accepted)
}

/// Process jobs, and return their number.
async fn worker(store: Store<u64>, stop: CancellationToken) -> Result<u64> {
    let mut jobs = store.latest("jobs").await?;
    let mut done = 0;
    while !stop.is_cancelled() {
        // Not inside the `select!`: dropping the future of a queued pop would lose the job.
        match store.pop_front("jobs").await {
            Ok(job) => {
                sleep(Duration::from_millis(1)).await; // the work
                store.push("done", job.element).await?;
                done += 1;
            }
            // `changed` also returns for a push between the failed pop and this call, so no job is missed.
            Err(Error::NotFound | Error::ListEmpty) => tokio::select! {
                () = stop.cancelled() => {}
                changed = jobs.changed() => drop(changed?),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

/// Renew a key with a time to live. When the service stops, the key expires.
async fn heartbeat(store: Store<u64>, stop: CancellationToken) -> Result<()> {
    let mut ticks = interval(Duration::from_millis(50));
    for beat in 1.. {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        store.set("heartbeat", beat).ttl(Duration::from_millis(500)).await?;
    }
    Ok(())
}

/// Print counts. A view is enough: reads neither wait for the owner nor slow it down.
async fn reporter(view: View<u64>, stop: CancellationToken) -> Result<()> {
    let mut ticks = interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let (waiting, done) = (length(&view, "jobs")?, length(&view, "done")?);
        println!("{waiting} waiting, {done} done, alive: {}", view.contains("heartbeat"));
    }
}

fn length(view: &View<u64>, list: &str) -> Result<u64> {
    Ok(view.len(list)?.unwrap_or(0) as u64)
}
