//! The log of changes: compare-and-append.
//!
//! A [`Journal`] is what makes a store durable, and on an engine that several machines share, what
//! puts their owners in one order. The owner asks it before it applies anything: what is not in the
//! journal did not happen.

#[cfg(feature = "wire")]
#[cfg_attr(
    not(feature = "file"),
    allow(dead_code, unused_imports, reason = "the journal in a folder uses the rest")
)]
pub(crate) mod codec;
mod compaction;
#[cfg(feature = "file")]
pub mod file;
mod memory;
pub(crate) mod meter;
mod snapshot;

use std::fmt;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;

pub use self::compaction::{Compaction, CompactionReport};
#[cfg(feature = "file")]
pub use self::file::FileJournal;
pub use self::memory::{Fault, MemoryJournal};
pub use self::meter::Meter;
pub use self::snapshot::Snapshot;
pub use crate::model::JournalStats;
use crate::model::{Change, Entry, Key, StoreId};

/// What a journal gives back when it is opened, piece by piece: the entries of its newest snapshot,
/// the revision of that snapshot, and every later change, in order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Recovered<T> {
    /// An entry of the snapshot.
    Entry(Key, Entry<T>),
    /// The end of the snapshot, which is the store at this revision.
    SnapshotEnd(u64),
    /// A change that was made while the snapshot was walked, to a key that it had told of already:
    /// applied as it comes. Its revision is part of the snapshot's.
    Patch(Change<T>),
    /// A change after the snapshot.
    Change(Change<T>),
}

/// Takes what was recovered.
pub type Recover<'a, T> = &'a mut (dyn FnMut(Recovered<T>) + Send);

/// Why changes were not appended. Which it is decides what the owner does next, so a
/// journal that is not certain says [`Unknown`](AppendError::Unknown).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The journal holds changes after the revision given: another owner was first. Nothing was
    /// written. The owner reads theirs, and decides again.
    #[error("another owner has appended first")]
    Conflict,
    /// There is no room, for the cause given, and certainly nothing was written. The writes of the turn fail with
    /// [`Error::JournalFull`](crate::Error::JournalFull).
    #[error("the journal is full: {0}")]
    Full(Arc<str>),
    /// A change cannot be put into a form that could be read back, and nothing was written. Only the
    /// write that it came from is refused.
    #[error("the journal cannot hold this: {0}")]
    Invalid(Arc<str>),
    /// Everything else. The changes may be there or not; the owner appends nothing more until
    /// [`read`](Journal::read) has told.
    #[error("the journal did not say: {0}")]
    Unknown(Arc<str>),
}

/// Why a journal could not be opened, read or closed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JournalError(pub Arc<str>);

impl JournalError {
    /// An error with its cause, which should say what helps.
    pub fn new(cause: impl fmt::Display) -> Self {
        Self(cause.to_string().into())
    }
}

/// Why the changes after a revision could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// They were replaced by a snapshot, which this owner would have to start from: it stops.
    #[error("compacted: the oldest place to resume is {oldest}")]
    Compacted {
        /// The oldest revision after which changes can be read.
        oldest: u64,
    },
    /// They cannot be read now.
    #[error(transparent)]
    Failed(#[from] JournalError),
}

/// How many commands may share an append.
///
/// A command may make several changes: a batch counts once, whatever is in it, and so do up to 256 independent writes of
/// one message. Keys that expire are no commands; up to 1,024 of them share an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnLimit {
    /// The most commands, at least 1.
    pub commands: usize,
    /// About the most bytes, by the weigher of the store, keys included. A single command may have more.
    pub bytes: u64,
}

impl Default for TurnLimit {
    /// 256 commands of any size.
    fn default() -> Self {
        Self { commands: 256, bytes: u64::MAX }
    }
}

/// A log of changes in which each append names the revision that it follows.
///
/// # The contract
///
/// - **Order.** Revisions in the journal start at 1, have no gap and no number twice.
/// - **Compare-and-append.** [`append`](Self::append) writes all of its changes or none, and only if
///   the newest revision in the journal is `after`.
/// - **Durability.** When `append` has returned `Ok`, the changes survive whatever the journal
///   promises to survive. The owner shows a change to no reader before that.
/// - **Batches travel whole.** Changes of one append stay together; a reader never sees a part of
///   them.
///
/// The owner calls one method at a time. It drops a future of [`tail`](Self::tail) whenever
/// something else comes up, one of [`open`](Self::open) if the store is shut down meanwhile, and no
/// other. It drops the journal before it publishes that the store has ended, so that it can be
/// opened again.
pub trait Journal<T>: Send + 'static {
    /// Give back everything: the newest snapshot, then every later change, in order. Called once,
    /// before anything else.
    ///
    /// # Errors
    ///
    /// What cannot be recovered stops the store, with this error as the cause.
    fn open(
        &mut self,
        recover: Recover<'_, T>,
    ) -> impl Future<Output = Result<StoreId, JournalError>> + Send;

    /// Write changes that follow the revision `after`. Never cut off by a shutdown.
    fn append(
        &mut self,
        after: u64,
        changes: Arc<[Change<T>]>,
    ) -> impl Future<Output = Result<(), AppendError>> + Send;

    /// Changes after a revision, oldest first: what others appended, or what an append with an unknown outcome
    /// left behind. Some of them, as many as the journal wants to hold in memory, but whole batches, and none only if
    /// there are none. The owner reads on when [`tail`](Self::tail) says so, or after the next
    /// [conflict](AppendError::Conflict).
    ///
    /// # Errors
    ///
    /// As long as this [fails](ReadError::Failed), the store takes no writes; it asks again, at
    /// growing intervals. It ends if the changes are [compacted](ReadError::Compacted).
    fn read(
        &mut self,
        after: u64,
    ) -> impl Future<Output = Result<Vec<Change<T>>, ReadError>> + Send;

    /// Wait until there are changes that neither [`append`](Self::append) wrote nor [`read`](Self::read) returned.
    /// Must be cancel safe. A journal with a single owner leaves it as it is.
    fn tail(&mut self) -> impl Future<Output = ()> + Send {
        pending()
    }

    /// Start to replace the log up to a snapshot by that snapshot. The work goes on in a task of the journal's
    /// own, while the owner appends. The [`Compaction`] that is returned resolves when the work is
    /// done or has failed.
    ///
    /// The owner polls the compaction to its end before it calls this again; only the end of the store drops it
    /// earlier. [`close`](Self::close) stops a compaction that is still running.
    ///
    /// # Errors
    ///
    /// If it cannot be started. The log stays as it is, then and if the compaction fails.
    fn compact(
        &mut self,
        snapshot: Snapshot<T>,
    ) -> impl Future<Output = Result<Compaction, JournalError>> + Send;

    /// Whether the log has grown so much that it should be compacted. The owner asks after turns that were
    /// appended, unless a compaction is running, and then calls [`compact`](Self::compact). After a failure it
    /// waits before it asks again, twice as long each time.
    fn wants_compaction(&self) -> bool {
        false
    }

    /// How many commands may share an append. A journal that takes long for each append wants many. Asked for once, before
    /// [`open`](Self::open).
    fn turn_limit(&self) -> TurnLimit {
        TurnLimit::default()
    }

    /// Where changes that have left the history can be read. Asked for once, after
    /// [`open`](Self::open). A journal that has none leaves it as it is, and subscriptions that ask for
    /// changes older than the history are told so. Subscribers read it to the end, also when the store has
    /// ended.
    fn past(&self) -> Option<Arc<dyn Past<T>>> {
        None
    }

    /// How the journal is doing, in numbers: for [`Reader::stats`](crate::Reader::stats). Asked for once,
    /// before [`open`](Self::open).
    fn meter(&self) -> Arc<Meter> {
        Arc::default()
    }

    /// Make sure that everything is written. Called once, as the last thing.
    ///
    /// # Errors
    ///
    /// If something that was acknowledged may be lost.
    fn close(&mut self) -> impl Future<Output = Result<(), JournalError>> + Send;
}

/// Changes that a journal still has, for subscribers that ask for more than the history holds. Read beside
/// the owner, by any number of them.
pub trait Past<T>: Send + Sync {
    /// The oldest revision after which every change can be read.
    fn oldest(&self) -> u64;

    /// Changes after a revision and up to another one, oldest first: some, but at least one unless there is
    /// none, and whole batches. Nothing after `up_to` is read, so it is the revision of a change that does
    /// not [continue](Change::continues). If `after` is inside a batch, the first change is the first of that
    /// batch, which is how the reader is told.
    ///
    /// # Errors
    ///
    /// [`ReadError::Compacted`] if they are no longer there.
    fn read(&self, after: u64, up_to: u64) -> PastChanges<'_, T>;
}

/// What [`Past::read`] answers.
pub type PastChanges<'a, T> =
    Pin<Box<dyn Future<Output = Result<Vec<Change<T>>, ReadError>> + Send + 'a>>;

/// The journal of a store that has none. There are no values of it.
#[derive(Debug, Clone, Copy)]
pub enum NoJournal {}

impl<T: Send + Sync + 'static> Journal<T> for NoJournal {
    async fn open(&mut self, _: Recover<'_, T>) -> Result<StoreId, JournalError> {
        match *self {}
    }

    async fn append(&mut self, _: u64, _: Arc<[Change<T>]>) -> Result<(), AppendError> {
        match *self {}
    }

    async fn read(&mut self, _: u64) -> Result<Vec<Change<T>>, ReadError> {
        match *self {}
    }

    async fn compact(&mut self, _: Snapshot<T>) -> Result<Compaction, JournalError> {
        match *self {}
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        match *self {}
    }
}
