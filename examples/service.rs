//! A small service: one store shared by many tasks, and a shutdown that loses nothing.
//!
//! Clients push jobs, workers take them, a periodic job keeps a heartbeat alive and a reporter watches.
//! One token stops them: the tasks first, then the store.

use std::time::Duration;

use anyhow::{Result, ensure};
use mainspring::{Error, Store, View};
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> Result<()> {
    let stop = CancellationToken::new();
    // Not `cancel_with(&stop)`: the store would refuse the tasks that still have a job in hand.
    let store = Store::<u64>::builder().spawn();

    let (mut clients, mut workers, mut others) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for id in 0..4 {
        clients.spawn(client(store.clone(), id, stop.clone()));
        workers.spawn(worker(store.clone(), stop.clone()));
    }
    others.spawn(heartbeat(store.clone(), stop.clone()));
    others.spawn(reporter(store.view(), stop.clone()));

    // In a service of your own: `tokio::signal::ctrl_c().await?`.
    sleep(Duration::from_millis(300)).await;
    println!("stopping");
    stop.cancel();

    // Every task ends by itself, with what it has begun finished and acknowledged.
    let accepted: u64 = clients.join_all().await.into_iter().sum::<Result<_>>()?;
    let done: u64 = workers.join_all().await.into_iter().sum::<Result<_>>()?;
    others.join_all().await.into_iter().collect::<Result<()>>()?;
    println!("the tasks have ended");

    // Nobody needs the store any more.
    store.shutdown().await?;
    ensure!(store.push("jobs", 0).await == Err(Error::Closed), "the store is shut down");
    println!("the store has ended");

    // A view outlives the owner, which makes it the place to count.
    let view = store.view();
    let (stored, waiting) = (length(&view, "done")?, length(&view, "jobs")?);
    ensure!(stored == done, "{done} jobs were acknowledged as done, {stored} are stored");
    ensure!(accepted == done + waiting, "{accepted} accepted, {done} done, {waiting} waiting");
    println!("accepted {accepted} = done {done} + waiting {waiting}: nothing is lost");
    Ok(())
}

/// Hands in jobs, and counts those that were acknowledged.
async fn client(store: Store<u64>, id: u64, stop: CancellationToken) -> Result<u64> {
    let mut accepted = 0;
    while !stop.is_cancelled() {
        store.push("jobs", id * 1_000_000 + accepted).await?;
        accepted += 1;
        sleep(Duration::from_millis(1)).await;
    }
    Ok(accepted)
}

/// Takes jobs, and counts those that it has done.
async fn worker(store: Store<u64>, stop: CancellationToken) -> Result<u64> {
    let mut jobs = store.latest("jobs").await?;
    let mut done = 0;
    while !stop.is_cancelled() {
        // Not inside the `select!`: a pop that is dropped half-way takes its job along.
        match store.pop_front("jobs").await {
            Ok(job) => {
                sleep(Duration::from_millis(1)).await; // the work
                store.push("done", job.element).await?;
                done += 1;
            }
            // Whatever was pushed after the pop was refused counts as changed, so no job is missed.
            Err(Error::NotFound | Error::ListEmpty) => tokio::select! {
                () = stop.cancelled() => {}
                changed = jobs.changed() => drop(changed?),
            },
            Err(error) => return Err(error.into()),
        }
    }
    Ok(done)
}

/// Says again and again that the service lives. When it stops, the key expires by itself.
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

/// Only looks, and so needs a view and no more: it never waits for the owner, or makes it wait.
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
