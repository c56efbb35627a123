//! Subscriptions: a snapshot and then changes, a reader that lags, one that is too slow, and one that
//! comes back.

use anyhow::{Context, Result, bail, ensure};
use mainspring::{Error, Event, ResumeToken, Store, Subscription};

#[tokio::main]
async fn main() -> Result<()> {
    snapshot_then_changes().await?;
    lagging().await?;
    too_slow().await?;
    coming_back().await
}

/// What is there, a mark, and then everything that changes: nothing missing, nothing twice.
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
            // What was told so far is exactly the store at this revision.
            Event::SnapshotEnd { revision } => {
                println!("snapshot: {entries} entries at revision {revision}");
                break;
            }
            other => bail!("nobody writes meanwhile: {other:?}"),
        }
    }

    store.set("house/doors", 3).await?; // not told: another prefix
    store.set("car/speed", 50).await?;
    match car.recv().await? {
        Event::Change(change) => println!("then: {} at revision {}", change.key, change.revision),
        other => bail!("expected the change of the speed: {other:?}"),
    }
    Ok(())
}

/// A reader that is slower than the writer falls out of the broadcast channel. It reads the rest from
/// the history, and the store does not wait for it.
async fn lagging() -> Result<()> {
    let store = Store::<u64>::builder().spawn();
    let mut changes = store.subscribe().await?;
    write(&store, 2_000).await?;

    let last = read_to(&mut changes, 0, 2_000).await?;
    let lagged = store.stats().lagged;
    ensure!(lagged > 0, "2,000 turns fit no channel");
    println!("lagging: fell behind {lagged} times, read revisions 1 to {last} without a gap");
    Ok(())
}

/// A history is finite. A reader that it does not reach back to is told so, and starts over.
async fn too_slow() -> Result<()> {
    let store = Store::<u64>::builder().history_changes(100).spawn();
    let mut changes = store.subscribe().await?;
    write(&store, 2_000).await?;

    match changes.recv().await {
        Err(Error::Compacted { oldest }) => println!("too slow: compacted up to {oldest}"),
        other => bail!("the history cannot reach back that far: {other:?}"),
    }

    // Changes alone cannot tell what was missed: only a snapshot can.
    let mut changes = store.subscribe().from_snapshot().await?;
    let mut entries = 0;
    let revision = loop {
        match changes.recv().await? {
            Event::Entry { .. } => entries += 1,
            Event::SnapshotEnd { revision } => break revision,
            other => bail!("nobody writes meanwhile: {other:?}"),
        }
    };
    println!("too slow: started over with {entries} entries at revision {revision}");

    write(&store, 5).await?;
    let last = read_to(&mut changes, revision, revision + 5).await?;
    println!("too slow: and on to revision {last}");
    Ok(())
}

/// A token is text: keep it, and go on from there later, perhaps in another process.
async fn coming_back() -> Result<()> {
    let store = Store::<u64>::builder().spawn();
    let mut changes = store.subscribe().await?;
    write(&store, 10).await?;
    read_to(&mut changes, 0, 4).await?;
    let token = changes.resume_token().context("there is no snapshot to wait for")?.to_string();
    drop(changes);

    let token: ResumeToken = token.parse()?;
    let mut changes = store.subscribe().after(token).await?;
    let last = read_to(&mut changes, 4, 10).await?;
    println!(
        "coming back: after revision {} came {} to {last}",
        token.revision,
        token.revision + 1
    );

    // A store without a journal starts over with a new id: there, the token means nothing.
    let another = Store::<u64>::builder().spawn();
    match another.subscribe().after(token).await {
        Err(error @ Error::WrongStore) => println!("coming back: {error}"),
        other => bail!("a token of another store must be refused: {other:?}"),
    }
    Ok(())
}

async fn write(store: &Store<u64>, changes: u64) -> Result<()> {
    for n in 0..changes {
        store.set(format!("key/{}", n % 10), n).await?;
    }
    Ok(())
}

/// Read the changes after one revision up to another, and check that each follows the one before.
async fn read_to(changes: &mut Subscription<u64>, after: u64, last: u64) -> Result<u64> {
    let mut seen = after;
    while seen < last {
        if let Event::Change(change) = changes.recv().await? {
            ensure!(change.revision == seen + 1, "a gap after {seen}: {}", change.revision);
            seen = change.revision;
        }
    }
    Ok(seen)
}
