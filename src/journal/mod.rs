//! The durable log of changes: the contract that every journal fulfills, and its implementations.
//!
//! A [`Journal`] makes a store durable. The owner appends the changes of a turn before it applies, publishes or
//! acknowledges them, so a reader never sees a change that a crash could undo.
//!
//! # Design
//!
//! **One owner appends.** The owner decides every write of a store, so the order of its appends is the order of the
//! changes. It calls one method at a time, which lets a journal keep its state in plain fields behind `&mut self`. One
//! append per turn also shares one sync between all callers of that turn.
//!
//! **Compare-and-append.** [`append`](Journal::append) names the revision that it follows and succeeds only if that is
//! the newest revision in the journal. On an engine that several machines reach, this is what keeps the log in one
//! order: if two owners append after the same revision, one of them gets [`AppendError::Conflict`] and has written
//! nothing. It then reads the changes of the other owner and decides its writes again. A lock with a timeout would not
//! be enough, because an owner that was suspended for longer than the timeout would still append.
//!
//! **Unknown outcomes.** A sync that failed or a lost reply leaves it open whether the changes are in
//! the journal. If such an append were reported as failed, a write could become visible after its caller got an error;
//! if it were repeated, it could be written twice. The journal therefore returns [`AppendError::Unknown`], the owner
//! appends nothing more until [`read`](Journal::read) has shown whether the changes are in the log, and callers that
//! cannot wait get [`Error::Unknown`](crate::Error::Unknown).

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

/// One part of what a journal holds, passed to [`Recover`] when the journal is opened: the entries of its newest
/// snapshot, the revision of that snapshot, then every later change, in order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Recovered<T> {
    /// An entry of the snapshot.
    Entry(Key, Entry<T>),
    /// The end of the snapshot, which is the store at this revision.
    SnapshotEnd(u64),
    /// A change that was made while the snapshot was written, to a key whose entry is already part of it. It is
    /// applied in the order of arrival; its revision is covered by the revision of the snapshot.
    Patch(Change<T>),
    /// A change after the snapshot.
    Change(Change<T>),
}

/// Callback that receives what [`Journal::open`] recovers.
pub type Recover<'a, T> = &'a mut (dyn FnMut(Recovered<T>) + Send);

/// Error of [`Journal::append`].
///
/// The variant decides what the owner does next. A journal that does not know for certain that nothing was written
/// returns [`Unknown`](AppendError::Unknown).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The newest revision in the journal is not `after`: another owner appended first. Nothing was written. The owner
    /// reads the changes of the other owner and decides its writes again.
    #[error("another owner appended first")]
    Conflict,
    /// There is no space, and certainly nothing was written. The text is the cause. The writes of the turn fail with
    /// [`Error::JournalFull`](crate::Error::JournalFull).
    #[error("the journal is full: {0}")]
    Full(Arc<str>),
    /// A change cannot be encoded such that it can be read back, and nothing was written. Only the write that caused
    /// the change is rejected.
    #[error("the journal cannot store this change: {0}")]
    Invalid(Arc<str>),
    /// Every other failure. The changes may or may not be in the journal. The owner appends nothing more until
    /// [`read`](Journal::read) has shown which.
    #[error("the outcome of the append is unknown: {0}")]
    Unknown(Arc<str>),
}

/// Error of opening, reading, compacting or closing a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JournalError(pub Arc<str>);

impl JournalError {
    /// An error with this cause, which should include what the user can do about it.
    pub fn new(cause: impl fmt::Display) -> Self {
        Self(cause.to_string().into())
    }
}

/// Error of reading the changes after a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The changes were replaced by a snapshot. An owner that gets this error stops, because it could only continue by
    /// starting from that snapshot.
    #[error("compacted: changes can be read only after revision {oldest}")]
    Compacted {
        /// The oldest revision after which changes can be read.
        oldest: u64,
    },
    /// The changes cannot be read now.
    #[error(transparent)]
    Failed(#[from] JournalError),
}

/// The most commands that share an append.
///
/// A command may make several changes: a batch counts once, whatever its size, and so do up to 256 independent writes
/// of one message. Expiries are not commands; up to 1,024 of them share an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnLimit {
    /// The most commands, at least 1.
    pub commands: usize,
    /// The approximate limit in bytes, as measured by the weigher of the store, keys included. A single command may
    /// exceed it.
    pub bytes: u64,
}

impl Default for TurnLimit {
    /// Returns a limit of 256 commands, without a limit in bytes.
    fn default() -> Self {
        Self { commands: 256, bytes: u64::MAX }
    }
}

/// A log of changes in which each append names the revision that it follows.
///
/// # The contract
///
/// - **Order.** Revisions in the journal start at 1 and have no gaps and no duplicates.
/// - **Compare-and-append.** [`append`](Self::append) writes all of its changes or none, and only if
///   the newest revision in the journal is `after`.
/// - **Durability.** When `append` has returned `Ok`, the changes survive every failure that the journal promises
///   to
///   survive. The owner publishes no change before that.
/// - **Atomic batches.** The changes of one append stay together; a reader never sees a part of a batch.
///
/// The owner calls one method at a time. It drops the journal before it publishes that the store has ended, so that
/// the journal can then be opened again.
///
/// # Cancel safety
///
/// The owner drops a future of [`tail`](Self::tail) whenever it has other work, and one of [`open`](Self::open) if the
/// store is shut down while it starts. It polls the futures of all other methods to completion, also during a
/// shutdown, so these need not be cancel safe.
pub trait Journal<T>: Send + 'static {
    /// Recovers the content: passes the newest snapshot to `recover`, then every later change, in order. Returns the
    /// id of the store. Called once, before every other method except [`turn_limit`](Self::turn_limit) and
    /// [`meter`](Self::meter).
    ///
    /// # Errors
    ///
    /// If the content cannot be recovered. The store stops with this error as the cause.
    ///
    /// # Cancel safety
    ///
    /// The future is dropped if the store is shut down while it starts; the journal is dropped next. What was
    /// recovered so far is discarded.
    fn open(
        &mut self,
        recover: Recover<'_, T>,
    ) -> impl Future<Output = Result<StoreId, JournalError>> + Send;

    /// Appends changes that follow the revision `after`: all of them, or none.
    ///
    /// # Errors
    ///
    /// [`AppendError::Conflict`] if `after` is not the newest revision, [`AppendError::Full`] and
    /// [`AppendError::Invalid`] if certainly nothing was written, and [`AppendError::Unknown`] for every other
    /// failure.
    ///
    /// # Cancel safety
    ///
    /// Need not be cancel safe: the future is never dropped before it completes, not even by a shutdown.
    fn append(
        &mut self,
        after: u64,
        changes: Arc<[Change<T>]>,
    ) -> impl Future<Output = Result<(), AppendError>> + Send;

    /// Reads changes after a revision, oldest first: changes of other owners, and changes that an append of unknown
    /// outcome has written.
    ///
    /// Returns one page, as large as the journal wants to keep in memory. A page has whole batches, and is empty only
    /// if there are no changes. The owner reads the next page when [`tail`](Self::tail) resolves or after the next
    /// [conflict](AppendError::Conflict).
    ///
    /// # Errors
    ///
    /// While this [fails](ReadError::Failed), the store rejects writes, and the owner tries again at growing
    /// intervals.
    /// If the changes are [compacted](ReadError::Compacted), the store ends.
    ///
    /// # Cancel safety
    ///
    /// Need not be cancel safe: the future is polled to completion.
    fn read(
        &mut self,
        after: u64,
    ) -> impl Future<Output = Result<Vec<Change<T>>, ReadError>> + Send;

    /// Waits until the journal holds changes that neither [`append`](Self::append) wrote nor [`read`](Self::read)
    /// returned.
    ///
    /// The default never resolves, which is right for a journal with a single owner.
    ///
    /// # Cancel safety
    ///
    /// Must be cancel safe: the owner drops the future whenever it has other work, and no change may be missed by
    /// that.
    fn tail(&mut self) -> impl Future<Output = ()> + Send {
        pending()
    }

    /// Starts a compaction, which replaces the log up to the revision of a snapshot by that snapshot.
    ///
    /// The work continues in a task of the journal while the owner appends. The returned [`Compaction`] resolves when
    /// the work is done or has failed.
    ///
    /// The owner polls the compaction to completion before it calls this method again; only the end of the store drops
    /// it earlier. [`close`](Self::close) stops a compaction that is still running.
    ///
    /// # Errors
    ///
    /// If the compaction cannot be started. The log stays as it is, in this case and if the compaction fails later.
    ///
    /// # Cancel safety
    ///
    /// Need not be cancel safe: the future is polled to completion.
    fn compact(
        &mut self,
        snapshot: Snapshot<T>,
    ) -> impl Future<Output = Result<Compaction, JournalError>> + Send;

    /// Returns whether the log has grown so much that it should be compacted. The owner checks this after a turn that
    /// was appended, unless a compaction is running, and then calls [`compact`](Self::compact). After a failure it
    /// waits before the next check, twice as long each time.
    fn wants_compaction(&self) -> bool {
        false
    }

    /// Returns how many commands may share an append. A journal with slow appends should allow many. The store calls
    /// this method once, before [`open`](Self::open).
    fn turn_limit(&self) -> TurnLimit {
        TurnLimit::default()
    }

    /// Returns a reader of changes that have left the history, or `None` if the journal has none. The store calls this
    /// method once, after [`open`](Self::open).
    ///
    /// Without such a reader, a subscription that needs changes before the history ends with
    /// [`Error::Compacted`](crate::Error::Compacted). Subscribers read the changes to the end, also after the store
    /// has ended.
    fn past(&self) -> Option<Arc<dyn Past<T>>> {
        None
    }

    /// Returns the counters of the journal, for [`Reader::stats`](crate::Reader::stats). Called once, before
    /// [`open`](Self::open).
    fn meter(&self) -> Arc<Meter> {
        Arc::default()
    }

    /// Writes everything that is not written yet, and closes the journal. Called once, after every other method.
    ///
    /// # Errors
    ///
    /// If changes that were acknowledged may be lost.
    ///
    /// # Cancel safety
    ///
    /// Need not be cancel safe: the future is polled to completion.
    fn close(&mut self) -> impl Future<Output = Result<(), JournalError>> + Send;
}

/// Reader of changes that have left the history and are still in the journal.
///
/// Subscribers read it concurrently with the owner, any number at a time.
pub trait Past<T>: Send + Sync {
    /// Returns the oldest revision after which every change can be read.
    fn oldest(&self) -> u64;

    /// Reads changes after a revision and up to another one, oldest first.
    ///
    /// Returns one page of whole batches, which is empty only if there are no changes. Nothing after `up_to` is read,
    /// so `up_to` must be the revision of a change that does not [continue](Change::continues). If `after` is inside a
    /// batch, the page begins with the first change of that batch, so the reader can detect this by the revision.
    ///
    /// # Errors
    ///
    /// [`ReadError::Compacted`] if the changes are no longer in the journal, [`ReadError::Failed`] if they cannot be
    /// read now.
    ///
    /// # Cancel safety
    ///
    /// Must be cancel safe: a subscriber may be dropped at any time. Reading has no side effects.
    fn read(&self, after: u64, up_to: u64) -> PastChanges<'_, T>;
}

/// The future that [`Past::read`] returns.
pub type PastChanges<'a, T> =
    Pin<Box<dyn Future<Output = Result<Vec<Change<T>>, ReadError>> + Send + 'a>>;

/// The journal type of a store without a journal. The type has no values.
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
