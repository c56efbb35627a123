//! Errors of commands.

use std::fmt;
use std::sync::Arc;

/// The maximum length of a key, in bytes.
pub(crate) const MAX_KEY_LENGTH: usize = 1024;

/// The error of a command.
///
/// With two exceptions, an error means that the command had **no effect**. The exceptions are
/// [`Unknown`](Error::Unknown), after which the write may or may not have been applied, and
/// [`Failed`](Error::Failed), where the store stopped while it was processing the command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key is absent, and the command requires it.
    #[error("no such key: set it first, or use an operation that creates it")]
    NotFound,
    /// The key holds an item, and the command requires a list.
    #[error("the key holds an item, not a list: update it with a list, or use another key")]
    WrongKind,
    /// The list is empty, so there is no element to pop.
    #[error("the list is empty: there is no element to pop")]
    ListEmpty,
    /// The condition of the write is not met.
    #[error("condition failed: the key is {}; read it again and retry", current_revision(.current))]
    ConditionFailed {
        /// The current revision of the key; `None` if it is absent.
        current: Option<u64>,
    },
    /// The key is empty or too long: a key is 1 to 1024 bytes of UTF-8.
    #[error("a key is 1 to {max} bytes long, this one has {length}", max = MAX_KEY_LENGTH)]
    InvalidKey {
        /// The length of the rejected key in bytes.
        length: usize,
    },
    /// The time to live is zero or more than 100 years.
    #[error("invalid time to live: expected more than zero and at most 100 years")]
    InvalidTtl,
    /// The entry would exceed the limit for one entry.
    #[error("the entry would weigh {weight} bytes, and the limit for one entry is {limit}")]
    TooLarge {
        /// The weight that the entry would have, in bytes by the weigher, including its key.
        weight: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The request exceeds the maximum body length of the server. Several writes can be sent in several requests; a
    /// single one fits only after the server's `max_body_bytes` is raised.
    #[error(
        "the request is longer than {}: send less at a time, or raise its max_body_bytes", longest_request(.limit)
    )]
    RequestTooLarge {
        /// The maximum length of a request body in bytes; `None` if the server, or a proxy in front of it, did not
        /// report it.
        limit: Option<u64>,
    },
    /// A limit of the store is reached. The store evicts nothing.
    #[error("the store is full ({what} limit {limit}): remove entries, or raise the limit")]
    OverLimit {
        /// Which limit was reached: `"entries"` or `"bytes"`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A gate, or a rule of the store, rejected the write.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The command queue, or the queue of the gate, is full. An awaited command waits for room, so only `try_send`
    /// returns this, and a client whose retries have all failed.
    #[error("busy: the command queue, or that of the gate, is full; retry, or await the command")]
    Busy,
    /// The store has been shut down. The command had no effect.
    #[error("the store is closed")]
    Closed,
    /// The store has stopped because of the given fault.
    #[error("the store has failed: {0}")]
    Failed(Arc<str>),
    /// The journal, or the server, did not report the outcome of the write. It may or may not have been applied:
    /// read the key to find out.
    #[error(
        "outcome unknown: the journal, or the server, did not answer; read the key to find out"
    )]
    Unknown,
    /// The journal has no room. The cause names the file and the error of the operating system. Nothing was written.
    #[error("the journal is full ({0}): nothing was written; free disk space and retry")]
    JournalFull(Arc<str>),
    /// The log of the journal could not be [compacted](crate::Store::compact), for the given cause. The log is
    /// unchanged, and nothing is lost.
    #[error("the log could not be compacted and is unchanged: {0}")]
    CompactionFailed(Arc<str>),
    /// The store is reading its journal: commands wait in the queue until that is done. Only
    /// [`Reader::health`](crate::Reader::health) and a server return this.
    #[error("the store is recovering from its journal: wait until it is ready")]
    Recovering,
    /// The journal accepts no writes until it is repaired or opened again; reads still work. Or a subscription
    /// needs changes that have left the history, and the journal cannot be read.
    #[error("the journal has failed: {0}")]
    JournalFailed(Arc<str>),
    /// The server could not be reached, so it did not receive the command; or it did not answer a read; or the
    /// connection was lost while it delivered a snapshot.
    #[error("the server cannot be reached: {0}")]
    Unreachable(Arc<str>),
    /// The server rejected the request, for a reason that has no variant of its own.
    #[error("the server rejected the request: {0}")]
    Rejected(Arc<str>),
    /// The server requires authentication.
    #[error("unauthorized: log in, or give a token that is still valid")]
    Unauthorized,
    /// The account lacks the right to this operation.
    #[error("forbidden: this account may not do that")]
    Forbidden,
    /// The changes after the requested revision are no longer available, neither in the history nor in a journal.
    /// Subscribe from a snapshot.
    #[error(
        "compacted: the oldest revision to resume after is {oldest}; subscribe from a snapshot instead"
    )]
    Compacted {
        /// The oldest revision after which every change can be delivered.
        oldest: u64,
    },
    /// The resume token is from another store, or from before a restore.
    #[error("the resume token is from another store: subscribe from a snapshot instead")]
    WrongStore,
    /// The requested revision has not been reached yet.
    #[error("revision {asked} is ahead of the store, whose newest is {head}")]
    AheadOfHead {
        /// The requested revision.
        asked: u64,
        /// The newest revision of the store.
        head: u64,
    },
    /// The requested revision is inside a batch, which is delivered as one event.
    #[error(
        "revision {asked} is inside a batch: resume after {before} or after the last revision of the batch"
    )]
    InsideBatch {
        /// The requested revision.
        asked: u64,
        /// The last revision before the batch.
        before: u64,
    },
}

fn current_revision(current: &Option<u64>) -> String {
    current.map_or_else(|| "absent".to_owned(), |revision| format!("at revision {revision}"))
}

fn longest_request(limit: &Option<u64>) -> String {
    limit.map_or_else(
        || "the server accepts".to_owned(),
        |limit| format!("{limit} bytes, the maximum that the server accepts"),
    )
}

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why a [`Gate`](crate::Gate) rejected a write, as a message for the caller.
///
/// # Examples
///
/// ```
/// let refusal = mainspring::Refusal::new("the brake is on");
/// assert_eq!(refusal.reason(), "the brake is on");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Arc<str>);

impl Refusal {
    /// Creates a refusal with its reason.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self(reason.into())
    }

    /// Returns the reason.
    pub fn reason(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<S: Into<Arc<str>>> From<S> for Refusal {
    fn from(reason: S) -> Self {
        Self::new(reason)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The error of a batch: the first write that failed, and its error. Nothing of the batch was applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write {index} of the batch: {error}")]
pub struct BatchError {
    /// The index of the failed write in the batch, from 0. It is 0 for errors that do not concern a single write,
    /// such as a closed store or a failed journal.
    pub index: usize,
    /// The error of that write.
    #[source]
    pub error: Error,
}

impl From<Error> for BatchError {
    fn from(error: Error) -> Self {
        Self { index: 0, error }
    }
}

/// The error of `try_send`, which returns the command unchanged, with its value and options.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use mainspring::{Error, Store};
///
/// let store = Store::<String>::builder().queue_capacity(1).spawn();
/// let first = store.set("a", "1").try_send().unwrap(); // fills the queue: the owner has not run yet
/// let rejected = store.set("b", "2").if_absent().try_send().unwrap_err();
/// assert_eq!(*rejected.error(), Error::Busy);
///
/// first.await.unwrap();
/// rejected.into_command().await.unwrap(); // the same command, sent again
/// # }
/// ```
pub struct TrySendError<C> {
    command: C,
    error: Error,
}

impl<C> TrySendError<C> {
    pub(crate) fn new(command: C, error: Error) -> Self {
        Self { command, error }
    }

    /// Converts the command.
    pub(crate) fn map<D>(self, convert: impl FnOnce(C) -> D) -> TrySendError<D> {
        TrySendError { command: convert(self.command), error: self.error }
    }

    /// Returns [`Error::Busy`], or the reason why the store accepts no commands any more.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// Converts into the error without the command, which borrows its store: for `?` in functions whose error must
    /// not borrow.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// Converts into the unchanged command, which can be awaited or sent again.
    pub fn into_command(self) -> C {
        self.command
    }
}

impl<C> fmt::Debug for TrySendError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrySendError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<C> fmt::Display for TrySendError<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<C> std::error::Error for TrySendError<C> {}
