//! An in-memory store for async Rust: many handles, one owner, many watchers.
//!
//! One tokio task, the *owner*, has all data. Cloneable handles send it commands through a bounded
//! channel and await the answers; what it accepts becomes a numbered *change*, which every subscriber
//! is told of, in order and without a gap. One [`CancellationToken`] stops all of it.
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
//! # What is where
//!
//! | type | what it is |
//! |---|---|
//! | [`Store`] | the handle: reads, writes, subscribes |
//! | [`Reader`] | a handle that cannot write |
//! | [`View`] | synchronous reads that skip the channel |
//! | [`Subscription`] | a stream of changes: each one, in order |
//! | [`Latest`] | the newest value of one key |
//! | [`Gate`] | a device or a rule that may refuse writes |
//! | [`Journal`](journal::Journal) | the log that makes a store durable |
//! | `FileJournal` (feature `file`) | that log in a folder |
//! | `mainspring_http::server` (crate `mainspring-http`) | the store as routes, and as a server |
//! | `mainspring_http::Client` (crate `mainspring-http`) | the same methods, of a store in a server; code that is generic over [`Backend`] takes both |
//! | [`Entry`], [`Value`] | what a key holds: an item or a list, with its revision and times |
//! | [`Change`], [`Event`] | what was done; what a subscription tells |
//! | [`Error`] | why a command was not done |
//!
//! # Commands
//!
//! Every method of [`Store`] and [`Reader`] makes a [`Pending`] command, a value to add options to:
//! `store.set("k", "v").ttl(minute).if_absent()`. Await it, or
//! [`try_send`](Pending::try_send) it (does not wait for room, and gives the command back), or
//! [`blocking_send`](Pending::blocking_send) it from a thread without a runtime.
//!
//! Absence is `Ok(None)` for a read, and [`Error::NotFound`] for a write that needs the key.
//!
//! # Guarantees
//!
//! - Commands take effect one after another, in one order that agrees with real time.
//! - A write is acknowledged, or refused with an error that says nothing happened, or, if a journal
//!   did not answer, [`Error::Unknown`]. An acknowledged write is visible to every later read.
//! - Changes are numbered from 1: no number twice, none skipped. A subscription tells them in order,
//!   each once, and never skips one in silence.
//! - A batch is all or nothing, and nobody who reads through the owner sees it half done.
//! - A key past its deadline is absent to every operation; its `Expired` change follows within 10 ms.
//! - At a shutdown what is queued is finished, or answered with [`Error::Closed`]. Subscribers read to
//!   the end.
//! - A panic in the code of a gate or a weigher refuses that write. A panic in the code of `T` stops
//!   the store, tells everybody why, and leaves views readable.
//!
//! # Trade-offs
//!
//! - The way to the owner and back costs about a microsecond, most of it the hand-over between tasks.
//!   [`View`] reads do not pay it; [`set_many`](Store::set_many), [`push_many`](Store::push_many) and
//!   [`batch`](Store::batch) pay it once.
//! - `T` is cloned: into the history, to readers, to subscribers. Prefer a `T` that is cheap to clone,
//!   such as `Arc<str>` or a struct of small fields.
//! - All writes are decided by one task, on one core.
//! - Nothing is evicted. Over a limit, writes are refused.
//! - Without a journal the data is gone with the process.
//!
//! # Tracing
//!
//! A command carries the caller's span to the owner: at `TRACE` each command is an event in it. Expiry
//! and lag are `DEBUG` events, recovery is `INFO`, a gate that is late is `WARN`, and a failure is
//! `ERROR`. When no subscriber is installed, none of it is computed.
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

/// What the other packages of this project need. No part of the public API: it may change in any release.
#[doc(hidden)]
pub mod internal {
    pub use crate::feed::{ListenerGuard, SubscriptionSource};
    pub use crate::journal::SYNC_TIMES;
    #[cfg(feature = "wire")]
    pub use crate::journal::codec::{
        Row, event_name, parse_value, put_row, put_text, put_value, read_event, rfc3339,
        write_event,
    };
    #[cfg(feature = "file")]
    pub use crate::journal::file::backup::{CutShort, PartName, PartWriter};
    #[cfg(feature = "file")]
    pub use crate::journal::file::tools::check_backup;
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
