//! A five-minute tour, from the first `set` to the shutdown.

use std::time::Duration;

use anyhow::{Context, Result};
use mainspring::{ChangeKind, Event, Store, Write};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    // One task owns the data. This handle sends it commands, and can be cloned for other tasks.
    let store = Store::<String>::builder().max_bytes(1 << 20).spawn();

    // An item with a time to live. Each change takes the next revision of the store.
    let revision = store.set("session/1", "ada").ttl(MINUTE).await?;
    let entry = store.get("session/1").await?.context("the key was set above")?;
    println!("revision {revision}: session/1 = {:?}", entry.value);

    // A list, created by the first push.
    store.push("visitors", "ada").await?;
    let pushed = store.push("visitors", "grace").await?;
    let popped = store.pop_front("visitors").await?;
    println!("{} visitors, popped {}", pushed.length, popped.element);

    // A condition: a write whose condition does not hold is rejected.
    let rejected = store.set("session/1", "grace").if_absent().await;
    println!("rejected: {}", rejected.err().context("session/1 exists")?);

    // A subscription delivers all changes from here on, in order.
    let mut changes = store.subscribe().await?;

    // A batch is atomic and is delivered as one event.
    store.batch([Write::set("from", "10"), Write::set("to", "20")]).await?;
    if let Event::Batch { changes, revision } = changes.recv().await? {
        println!("batch of {} changes up to revision {revision}", changes.len());
    }

    // An expiry is a change too.
    store.expire("session/1", Duration::from_millis(20)).await?;
    while let Event::Change(change) = changes.recv().await? {
        if change.kind == ChangeKind::Expired {
            println!("revision {}: {} has expired", change.revision, change.key);
            break;
        }
    }

    // Queued commands finish, later ones are rejected. A view can still be read.
    let view = store.view();
    store.shutdown().await?;
    println!("after the shutdown: {}", store.set("late", "x").await.err().context("closed")?);
    println!("the view has {} entries", view.entries());
    Ok(())
}
