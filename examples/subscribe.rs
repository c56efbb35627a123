//! Subscriptions: a snapshot followed by changes, a subscriber that lags, one that is too slow, and one that resumes.

use anyhow::{Context, Result, bail, ensure};
use mainspring::{Error, Event, ResumeToken, Store, Subscription};

#[tokio::main]
async fn main() -> Result<()> {
    snapshot_then_changes().await?;
    lagging().await?;
    too_slow().await?;
    resuming().await
}

/// All entries, an end marker, and then all changes: no gap and no duplicate.
async fn snapshot_then_changes() -> Result<()> {
    let store = Store::<u64>::builder().spawn();
    store.set("car/speed", 40).await?;
    store.set("car/fuel", 7).await?;
    store.set("house/doors", 2).await?;

    let mut car = store.subscribe().prefix("car/").from_snapshot().await?;
    let mut entries = 0;
    loop {
        match car.recv().await? {
            Event::Entry { .. } => entries += 1,
            // The delivered entries equal the store at this revision.
            Event::SnapshotEnd { revision } => {
                println!("snapshot: {entries} entries at revision {revision}");
                break;
            }
            other => bail!("unexpected event: {other:?}"),
        }
    }

    store.set("house/doors", 3).await?; // not delivered: another prefix
    store.set("car/speed", 50).await?;
    match car.recv().await? {
        Event::Change(change) => println!("then: {} at revision {}", change.key, change.revision),
        other => bail!("expected a change of car/speed: {other:?}"),
    }
    Ok(())
}

/// A subscriber that is slower than the writer loses its position in the broadcast channel. It reads the missed changes
/// from the history, and the store does not wait for it.
async fn lagging() -> Result<()> {
    let store = Store::<u64>::builder().spawn();
    let mut changes = store.subscribe().await?;
    write(&store, 2_000).await?;

    let last = read_to(&mut changes, 0, 2_000).await?;
    let lagged = store.stats().lagged;
    ensure!(lagged > 0, "2,000 turns exceed the capacity of the channel");
    println!("lagging: lagged {lagged} times, read revisions 1 to {last} without a gap");
    Ok(())
}

/// The history is limited. A subscriber whose position it no longer contains gets `Compacted`, and starts again.
async fn too_slow() -> Result<()> {
    let store = Store::<u64>::builder().history_changes(100).spawn();
    let mut changes = store.subscribe().await?;
    write(&store, 2_000).await?;

    match changes.recv().await {
        Err(Error::Compacted { oldest }) => println!("too slow: compacted up to {oldest}"),
        other => bail!("expected Compacted: {other:?}"),
    }

    // The missed changes are gone, so start from a snapshot.
    let mut changes = store.subscribe().from_snapshot().await?;
    let mut entries = 0;
    let revision = loop {
        match changes.recv().await? {
            Event::Entry { .. } => entries += 1,
            Event::SnapshotEnd { revision } => break revision,
            other => bail!("unexpected event: {other:?}"),
        }
    };
    println!("too slow: started again with {entries} entries at revision {revision}");

    write(&store, 5).await?;
    let last = read_to(&mut changes, revision, revision + 5).await?;
    println!("too slow: continued to revision {last}");
    Ok(())
}

/// A resume token is a text that can be stored, and used later or in another process.
async fn resuming() -> Result<()> {
    let store = Store::<u64>::builder().spawn();
    let mut changes = store.subscribe().await?;
    write(&store, 10).await?;
    read_to(&mut changes, 0, 4).await?;
    let token = changes.resume_token().context("no token yet")?.to_string();
    drop(changes);

    let token: ResumeToken = token.parse()?;
    let mut changes = store.subscribe().after(token).await?;
    let last = read_to(&mut changes, 4, 10).await?;
    println!(
        "resuming: after revision {}: revisions {} to {last}",
        token.revision,
        token.revision + 1
    );

    // A store without a journal has a new id, so the token is not valid there.
    let another = Store::<u64>::builder().spawn();
    match another.subscribe().after(token).await {
        Err(error @ Error::WrongStore) => println!("resuming: {error}"),
        other => bail!("expected WrongStore: {other:?}"),
    }
    Ok(())
}

async fn write(store: &Store<u64>, changes: u64) -> Result<()> {
    for n in 0..changes {
        store.set(format!("key/{}", n % 10), n).await?;
    }
    Ok(())
}

/// Read the changes after one revision up to another, and check that revisions are consecutive.
async fn read_to(changes: &mut Subscription<u64>, after: u64, last: u64) -> Result<u64> {
    let mut seen = after;
    while seen < last {
        if let Event::Change(change) = changes.recv().await? {
            ensure!(change.revision == seen + 1, "gap after revision {seen}: {}", change.revision);
            seen = change.revision;
        }
    }
    Ok(seen)
}
