//! The five-minute tour: from the first `set` to the shutdown.

use std::time::Duration;

use anyhow::{Context, Result};
use mainspring::{ChangeKind, Event, Store, Write};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<()> {
    // One task owns the data. This handle sends it commands; clone it for whoever needs one.
    let store = Store::<String>::builder().max_bytes(1 << 20).spawn();

    // An item that will not stay for ever. Every change takes the next revision of the store.
    let revision = store.set("session/1", "ada").ttl(MINUTE).await?;
    let entry = store.get("session/1").await?.context("set a moment ago")?;
    println!("revision {revision}: session/1 = {:?}", entry.value);

    // A list, made by the first push.
    store.push("visitors", "ada").await?;
    let pushed = store.push("visitors", "grace").await?;
    let popped = store.pop_front("visitors").await?;
    println!("{} visitors, {} left first", pushed.length, popped.element);

    // A condition: a write that does not hold is refused, with what to do about it.
    let refused = store.set("session/1", "grace").if_absent().await;
    println!("refused: {}", refused.err().context("session/1 is there")?);

    // From here on this reader is told of every change, in order.
    let mut changes = store.subscribe().await?;

    // A batch is all or nothing, and travels whole.
    store.batch([Write::set("from", "10"), Write::set("to", "20")]).await?;
    if let Event::Batch { changes, revision } = changes.recv().await? {
        println!("a batch of {} changes, up to revision {revision}", changes.len());
    }

    // An expiry is a change like any other.
    store.expire("session/1", Duration::from_millis(20)).await?;
    while let Event::Change(change) = changes.recv().await? {
        if change.kind == ChangeKind::Expired {
            println!("revision {}: {} has expired", change.revision, change.key);
            break;
        }
    }

    // What was queued is finished; what comes later is refused. A view can still be read.
    let view = store.view();
    store.shutdown().await?;
    println!("after the shutdown: {}", store.set("late", "x").await.err().context("closed")?);
    println!("{} entries to the end", view.entries());
    Ok(())
}
