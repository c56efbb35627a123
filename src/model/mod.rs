//! Data types of the store: keys, values, entries, writes, changes, events, errors, and the decision on a write.
//!
//! Plain data and pure functions: no I/O, no locks, no clock, and no access to the map. That is what lets the owner
//! decide a write against a plan of a few numbers, and lets the client and the tools use the same types.

mod change;
mod command;
pub(crate) mod decide;
#[cfg(feature = "wire")]
pub(crate) mod duration;
mod entry;
mod error;
mod event;
mod filter;
mod key;
pub(crate) mod panics;
mod stats;
mod store_id;
mod timestamp;
mod value;
mod weigh;
mod write;
mod written;

pub use self::change::{Change, ChangeKind};
pub use self::command::{Command, Query, Scan, Subscribe};
pub use self::entry::{Entry, Page, Slice};
pub use self::error::{BatchError, Error, Refusal, Result, TrySendError};
pub use self::event::Event;
pub use self::filter::{Filter, Start};
pub use self::key::Key;
pub use self::stats::{JournalStats, Stats};
pub use self::store_id::{InvalidResumeToken, ResumeToken, StoreId};
pub use self::timestamp::Timestamp;
pub(crate) use self::timestamp::nanos_of;
pub use self::value::{End, IntoElement, Value};
pub(crate) use self::weigh::Weigher;
#[cfg(test)]
pub(crate) use self::write::MAX_TTL;
pub(crate) use self::write::PreparedWrite;
pub use self::write::{Action, Condition, Ttl, Write, validate_ttl};
pub(crate) use self::written::ReplacedItem;
pub use self::written::{Counts, Popped, Pushed, Trimmed, Written};
