//! What can go wrong, and what to do about it.

use std::fmt;
use std::sync::Arc;

/// The most bytes of a key.
pub(crate) const MAX_KEY_LENGTH: usize = 1024;

/// Why a command was not done, or may not have been done.
///
/// Every variant but two says that **nothing happened**: the store is as it was. The exceptions are
/// [`Unknown`](Error::Unknown), where the write may or may not have happened, and
/// [`Failed`](Error::Failed), where the store stopped while the command was with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key is absent, and the command needs it to be there.
    #[error("no such key: set it first, or use an operation that creates it")]
    NotFound,
    /// The key holds a single item, and the command needs a list.
    #[error("the key holds an item, not a list: update it with a list, or use another key")]
    WrongKind,
    /// The list is there and has no elements to pop.
    #[error("the list is empty: nothing to pop")]
    ListEmpty,
    /// The condition of the write did not hold.
    #[error("condition failed: the key is {}; read it again and retry", current_revision(.current))]
    ConditionFailed {
        /// The revision that the key has now; `None` when it is absent.
        current: Option<u64>,
    },
    /// A key is 1 to 1024 bytes of UTF-8.
    #[error("a key is 1 to {max} bytes long, this one has {length}", max = MAX_KEY_LENGTH)]
    InvalidKey {
        /// The length in bytes of the key that was refused.
        length: usize,
    },
    /// A time to live is more than zero and at most 100 years.
    #[error("a time to live is more than zero and at most 100 years")]
    InvalidTtl,
    /// The entry would weigh more than one entry may.
    #[error("the entry would weigh {weight} bytes, and the limit for one entry is {limit}")]
    TooLarge {
        /// What the entry would weigh, in bytes by the weigher, its key included.
        weight: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The server takes no request of this length. Several writes can be sent in several requests; a single one fits
    /// only after the server's `max_body_bytes` is raised.
    #[error(
        "the request is longer than {}: send less at a time, or raise its max_body_bytes", longest_request(.limit)
    )]
    RequestTooLarge {
        /// The most bytes that the body of a request may have; `None` if the server, or a proxy before it, did not say.
        limit: Option<u64>,
    },
    /// The store is full: it evicts nothing in silence.
    #[error("the store is full ({what} limit {limit}): remove something, or raise the limit")]
    OverLimit {
        /// Which limit was reached: `"entries"` or `"bytes"`.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A gate, or a rule of the store, refused the write.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The queue of commands is full. `.await` waits for room, so only `try_send` says this, and a server, which
    /// has been asked again by then.
    #[error("busy: the queue of commands, or of the gate, is full; retry, or await the command")]
    Busy,
    /// The store has been shut down. The command was not done.
    #[error("the store is closed")]
    Closed,
    /// The store has stopped because of a fault, which is the cause given.
    #[error("the store has failed: {0}")]
    Failed(Arc<str>),
    /// The journal, or the server, did not say whether the write was done. It may or may not have happened:
    /// read the key to find out.
    #[error(
        "outcome unknown: the journal, or the server, did not answer; read the key to find out"
    )]
    Unknown,
    /// The journal has no room, for the cause given: which file, and what the system said. Nothing was written.
    #[error("the journal is full ({0}): nothing was written; make room and retry")]
    JournalFull(Arc<str>),
    /// The log of the journal could not be [compacted](crate::Store::compact), for the cause given. The log stays as
    /// it was, and nothing is lost.
    #[error("the log could not be compacted and stays as it is: {0}")]
    CompactionFailed(Arc<str>),
    /// The store is reading what its journal holds: commands wait in the queue until it is done. Only
    /// [`Reader::health`](crate::Reader::health) says this, and a server.
    #[error("the store is recovering what its journal holds: wait until it is ready")]
    Recovering,
    /// The journal cannot be written to until it is repaired or opened again, and reads go on. Or what a
    /// subscription asked for, and the history does not have any more, cannot be read from it.
    #[error("the journal has failed: {0}")]
    JournalFailed(Arc<str>),
    /// The server could not be reached, so it did not get the command; or it did not answer a read, or was lost while
    /// it told a snapshot.
    #[error("the server cannot be reached: {0}")]
    Unreachable(Arc<str>),
    /// The server did not take the request, for a reason that has no variant of its own.
    #[error("the server refused the request: {0}")]
    Rejected(Arc<str>),
    /// The server wants to know who asks.
    #[error("unauthorized: log in, or give a token that is still valid")]
    Unauthorized,
    /// The server knows who asks, and does not allow it.
    #[error("forbidden: this account may not do that")]
    Forbidden,
    /// The changes after the revision asked for are no longer held, neither in the history nor in a journal.
    /// Start from a snapshot.
    #[error("compacted: the oldest place to resume is {oldest}; subscribe from a snapshot instead")]
    Compacted {
        /// The oldest revision after which every change can be told.
        oldest: u64,
    },
    /// The resume token is from another store, or from before a restore.
    #[error("the resume token is of another store: subscribe from a snapshot instead")]
    WrongStore,
    /// The revision asked for has not been reached yet.
    #[error("revision {asked} is ahead of the store, whose newest is {head}")]
    AheadOfHead {
        /// The revision that was asked for.
        asked: u64,
        /// The newest revision of the store.
        head: u64,
    },
    /// The revision asked for is inside a batch, which travels whole.
    #[error("revision {asked} is inside a batch: resume after {before} or after its last revision")]
    InsideBatch {
        /// The revision that was asked for.
        asked: u64,
        /// The last place to resume before the batch.
        before: u64,
    },
}

fn current_revision(current: &Option<u64>) -> String {
    current.map_or_else(|| "absent".to_owned(), |revision| format!("at revision {revision}"))
}

fn longest_request(limit: &Option<u64>) -> String {
    limit.map_or_else(
        || "the server takes".to_owned(),
        |limit| format!("{limit} bytes, the most that the server takes"),
    )
}

/// The result of a command.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a [`Gate`](crate::Gate) said no, in words for the one who asked.
///
/// # Examples
///
/// ```
/// let no = mainspring::Refusal::new("the brake is on");
/// assert_eq!(no.reason(), "the brake is on");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Arc<str>);

impl Refusal {
    /// A refusal with its reason.
    pub fn new(reason: impl Into<Arc<str>>) -> Self {
        Self(reason.into())
    }

    /// The reason.
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

/// Why a batch was refused: its first part that failed, and how. Nothing of it was applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("part {index} of the batch: {error}")]
pub struct BatchError {
    /// The place of the failing write in the batch, from 0. Errors that are not about one write
    /// (a closed store, a journal) name the first.
    pub index: usize,
    /// What was wrong with it.
    #[source]
    pub error: Error,
}

impl From<Error> for BatchError {
    fn from(error: Error) -> Self {
        Self { index: 0, error }
    }
}

/// A command that found no room in the queue, given back whole with its value and options.
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
/// let refused = store.set("b", "2").if_absent().try_send().unwrap_err();
/// assert_eq!(*refused.error(), Error::Busy);
///
/// first.await.unwrap();
/// refused.into_command().await.unwrap(); // the same command, sent again
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

    /// The same error about what the command is part of.
    pub(crate) fn map<D>(self, whole: impl FnOnce(C) -> D) -> TrySendError<D> {
        TrySendError { command: whole(self.command), error: self.error }
    }

    /// [`Error::Busy`], or why the store takes no commands any more.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The same without the command, which borrows its store: for `?` in functions whose error must
    /// not borrow.
    pub fn into_error(self) -> Error {
        self.error
    }

    /// The command as it was, to be awaited or tried again.
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
