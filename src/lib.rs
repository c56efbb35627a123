//! An in-memory key-value store for async Rust: many handles, one owner, many subscribers.
//!
//! One tokio task, the *owner*, holds all data. Cloneable handles send it commands through a bounded
//! queue and await the replies. Each accepted write becomes a numbered *change*, which is delivered to every
//! subscriber in order and without a gap. A [`CancellationToken`] stops the store.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use mainspring::{Event, Store};
//!
//! let store = Store::<f64>::builder().spawn();
//! let mut changes = store.subscribe().prefix("car/").await?;
//!
//! store.set("car/speed", 42.0).ttl(Duration::from_secs(60)).await?;
//! assert_eq!(store.get("car/speed").await?.unwrap().item(), Some(&42.0));
//!
//! let Event::Change(change) = changes.recv().await? else { panic!("one change was made") };
//! assert_eq!((change.revision, change.key.as_str()), (1, "car/speed"));
//!
//! store.shutdown().await?;
//! # Ok(()) }
//! ```
//!
//! # Overview
//!
//! | type | description |
//! |---|---|
//! | [`Store`] | the handle: reads, writes, subscribes |
//! | [`Reader`] | a handle that cannot write |
//! | [`View`] | synchronous reads that bypass the queue |
//! | [`Subscription`] | a stream of all changes, in order |
//! | [`Latest`] | the newest value of one key |
//! | [`Gate`] | a task that may reject writes under a key prefix: a device or a rule |
//! | [`Journal`](journal::Journal) | the log that makes a store durable |
//! | `FileJournal` (feature `file`) | a journal in a directory |
//! | `mainspring_http::server` (crate `mainspring-http`) | the HTTP routes of a store, and a server |
//! | `mainspring_http::Client` (crate `mainspring-http`) | the same methods for a store in a server; code that is generic over [`Backend`] accepts both |
//! | [`Entry`], [`Value`] | an item or a list, with its revision and timestamps |
//! | [`Change`], [`Event`] | the effect of an accepted write; an event of a subscription |
//! | [`Error`] | the error of a command |
//!
//! # Commands
//!
//! Every method of [`Store`] and [`Reader`] that sends a command returns a [`Pending`] command, to which options can
//! be added: `store.set("k", "v").ttl(minute).if_absent()`. Await it, or send it with
//! [`try_send`](Pending::try_send), which does not wait for room and returns the command if there is none, or with
//! [`blocking_send`](Pending::blocking_send) from a thread without a runtime.
//!
//! An absent key is `Ok(None)` for a read, and [`Error::NotFound`] for a write that requires the key.
//!
//! # Guarantees
//!
//! - Commands take effect one after another, in one order that agrees with real time (linearizability).
//! - A write has one of three results: it is acknowledged; it fails with an error that guarantees no effect; or its
//!   result is unknown: [`Error::Unknown`] if the journal did not report it, [`Error::Failed`] if the store failed
//!   before it answered. An acknowledged write is visible to every later read.
//! - Changes are numbered from 1, without duplicates or gaps. A subscription delivers them in order, each once, and
//!   never skips one silently.
//! - A batch is atomic, and no read through the owner observes a part of it.
//! - A key past its deadline is absent to every operation; its `Expired` change follows within 10 ms, and with a
//!   journal after it is recorded.
//! - At a shutdown, queued commands are finished, or fail with [`Error::Closed`]. Subscribers receive every
//!   acknowledged change.
//! - A panic in a gate or a weigher rejects that write. A panic in the code of `T` stops the store: all callers and
//!   subscribers get its message, and views stay readable.
//!
//! # Trade-offs
//!
//! - The round trip to the owner costs about a microsecond, most of it the switch between tasks.
//!   [`View`] reads avoid it; [`set_many`](Store::set_many), [`push_many`](Store::push_many) and
//!   [`batch`](Store::batch) pay it once for many writes.
//! - `T` is cloned: into the history, to readers, to subscribers. Prefer a `T` that is cheap to clone,
//!   such as `Arc<str>` or a struct of small fields.
//! - All writes are decided by one task, on one core.
//! - Nothing is evicted. Writes over a limit are rejected.
//! - Without a journal, the data is lost when the process ends.
//!
//! # Tracing
//!
//! A command carries the caller's span to the owner: at `TRACE` each command is an event in that span. Expiry
//! and lag are `DEBUG` events, recovery is `INFO`, a gate that times out is `WARN`, and a failure is
//! `ERROR`. Without a tracing subscriber, none of this is computed.
//!
//! [`CancellationToken`]: tokio_util::sync::CancellationToken

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod feed;
pub mod journal;
mod model;
mod owner;
mod state;
mod store;

pub use self::feed::Subscription;
pub use self::model::{
    Action, BatchError, Change, ChangeKind, Condition, End, Entry, Error, Event, IntoElement,
    InvalidResumeToken, Key, Page, Popped, Pushed, Refusal, Result, ResumeToken, Stats, StoreId,
    Timestamp, Trimmed, TrySendError, Ttl, Value, Write, Written,
};
pub use self::store::{
    Backend, Builder, Call, Gate, GateOptions, Latest, Local, Pending, PendingPut, PendingScan,
    PendingSubscribe, PendingWrite, Position, Reader, Reply, Store, View,
};

/// JSON of entries, changes and events, and the text of durations.
#[cfg(feature = "wire")]
pub mod wire {
    pub use crate::journal::codec::{
        InvalidJson, InvalidLine, Json, event_line, export_line, read_value, row_line, time_text,
    };
    pub use crate::model::duration::{InvalidDuration, format_duration, parse_duration};
}

/// Items that the other packages of this project use. Not part of the public API: they may change in any release.
#[doc(hidden)]
pub mod internal {
    pub use crate::feed::{ListenerGuard, SubscriptionSource};
    #[cfg(feature = "wire")]
    pub use crate::journal::codec::{
        Row, event_name, parse_value, put_row, put_text, put_value, read_event, rfc3339,
        write_event,
    };
    #[cfg(feature = "file")]
    pub use crate::journal::file::backup::{CutShort, PartName, PartWriter};
    pub use crate::journal::meter::SYNC_TIMES;
    pub use crate::model::panics::catch as catch_panic;
    pub use crate::model::{
        Command, Counts, Filter, Query, Scan, Slice, Start, Subscribe, validate_ttl,
    };
    pub use crate::owner::counters::{Histograms, SIZES};
    pub use crate::owner::message::CommandResult;
    pub use crate::owner::response::Response;
    pub use crate::store::LocalCall;
}

/// The code of the README and the docs, run with the other documented examples.
#[cfg(doctest)]
mod docs {
    #[doc = include_str!("../docs/semantics.md")]
    struct Semantics;

    #[cfg(feature = "file")]
    #[doc = include_str!("../docs/journal.md")]
    struct Journal;
}
