//! The log: the owner's access to the journal, and its state after a failure.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::feed::{Status, Turn};
use crate::journal::{
    AppendError, Compaction, Journal, JournalError, Meter, Past, ReadError, Recover, Snapshot,
    TurnLimit,
};
use crate::model::{Change, Error, StoreId, Timestamp};
use crate::owner::clock::Clock;

const FIRST_RETRY: Duration = Duration::from_millis(10);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// The journal of a store, if it has one, and whether it accepts writes. Separate from the data, so that one can be
/// borrowed while the other is in use.
pub(crate) struct Log<T, J> {
    journal: Option<J>,
    element: PhantomData<fn() -> T>,
    halt: Option<Halt>,
    /// An error of the journal after which the store has to stop.
    failure: Option<JournalError>,
    /// Something was appended since [`take_appended`](Self::take_appended).
    appended: bool,
    status: Arc<Status>,
    clock: Arc<Clock>,
    meter: Arc<Meter>,
    turn_limit: TurnLimit,
}

/// Nothing is appended until the journal has been read again.
struct Halt {
    cause: Arc<str>,
    retry_at: Timestamp,
    wait: Duration,
}

/// The outcome of an append.
pub(super) enum AppendOutcome {
    /// The changes are as durable as the journal guarantees, or there is no journal.
    Done,
    /// Another owner has appended first. Nothing was written.
    Conflict,
    /// The journal cannot hold one of the changes, for this reason. Nothing was written.
    Invalid(Arc<str>),
    /// The changes were not written, or the outcome is unknown: this is the error for their callers.
    Failed(Error),
}

impl<T, J> Log<T, J> {
    /// Drop the journal, so that it can be opened again.
    pub(super) fn drop_journal(&mut self) {
        drop(self.journal.take());
    }
}

impl<T: Send + Sync + 'static, J: Journal<T>> Log<T, J> {
    pub(crate) fn new(journal: Option<J>, status: Arc<Status>, clock: Arc<Clock>) -> Self {
        let meter = journal.as_ref().map_or_else(Arc::default, Journal::meter);
        let turn_limit = journal.as_ref().map(Journal::turn_limit).unwrap_or_default();
        Self {
            journal,
            element: PhantomData,
            halt: None,
            failure: None,
            appended: false,
            status,
            clock,
            meter,
            turn_limit,
        }
    }

    pub(crate) fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    /// The limits of a turn that is appended.
    pub(super) fn turn_limit(&self) -> TurnLimit {
        self.turn_limit
    }

    /// Whether the store has a journal.
    pub(super) fn has_journal(&self) -> bool {
        self.journal.is_some()
    }

    /// Why nothing is appended now.
    pub(super) fn halted(&self) -> Option<Error> {
        self.halt.as_ref().map(|halt| Error::JournalFailed(Arc::clone(&halt.cause)))
    }

    /// When a halted journal is read again.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        self.halt.as_ref().map(|halt| halt.retry_at)
    }

    fn halt(&mut self, cause: Arc<str>) {
        let now = self.clock.now();
        let wait = self.halt.as_ref().map(|halt| (halt.wait * 2).min(LONGEST_RETRY));
        // The first read is immediate: it resolves most unknown outcomes.
        let retry_at = now + wait.unwrap_or_default();
        self.status.set_halted(Some(Arc::clone(&cause)));
        self.halt = Some(Halt { cause, retry_at, wait: wait.unwrap_or(FIRST_RETRY) });
    }

    /// Set an error after which the store has to stop. Only the first one is kept.
    pub(super) fn fail(&mut self, error: JournalError) {
        self.failure.get_or_insert(error);
    }

    /// The error after which the store has to stop.
    pub(super) fn failure(&self) -> Option<&JournalError> {
        self.failure.as_ref()
    }

    pub(super) fn take_failure(&mut self) -> Option<JournalError> {
        self.failure.take()
    }

    /// Whether something was appended since the last call.
    pub(super) fn take_appended(&mut self) -> bool {
        std::mem::take(&mut self.appended)
    }

    pub(super) fn has_appended(&self) -> bool {
        self.appended
    }

    /// Halt after a conflict without a newer change in the journal, which would repeat for ever.
    pub(super) fn check_conflict(&mut self, is_newer: bool) {
        if self.halt.is_none() && !is_newer {
            self.halt("it reported a conflict and has no newer change".into());
        }
    }

    /// Open the journal, and recover its content. `None` if there is no journal.
    pub(super) async fn open(
        &mut self,
        recover: Recover<'_, T>,
    ) -> Result<Option<(StoreId, Option<Arc<dyn Past<T>>>)>, JournalError> {
        let Some(journal) = &mut self.journal else { return Ok(None) };
        let id = journal.open(recover).await?;
        Ok(Some((id, journal.past())))
    }

    /// Append the changes of a turn, which follow the revision `after`.
    pub(super) async fn append(&mut self, after: u64, turn: &Turn<T>) -> AppendOutcome {
        if turn.is_empty() {
            return AppendOutcome::Done;
        }
        if let Some(halted) = self.halted() {
            return AppendOutcome::Failed(halted);
        }
        let Some(journal) = &mut self.journal else { return AppendOutcome::Done };
        match journal.append(after, Turn::clone(turn)).await {
            Ok(()) => {
                self.appended = true;
                AppendOutcome::Done
            }
            Err(AppendError::Conflict) => {
                tracing::debug!(after, "another owner has appended first");
                AppendOutcome::Conflict
            }
            Err(AppendError::Invalid(cause)) => {
                tracing::warn!(after, %cause, "the journal cannot hold a change");
                AppendOutcome::Invalid(cause)
            }
            Err(AppendError::Full(cause)) => {
                tracing::warn!(after, %cause, "the journal is full");
                AppendOutcome::Failed(Error::JournalFull(cause))
            }
            Err(AppendError::Unknown(cause)) => {
                tracing::error!(after, %cause, "the outcome of an append is unknown");
                self.halt(cause);
                AppendOutcome::Failed(Error::Unknown)
            }
        }
    }

    /// Read the changes after a revision. `None` if they cannot be read: the log is then halted, or has failed.
    pub(super) async fn read(&mut self, after: u64) -> Option<Vec<Change<T>>> {
        match self.journal.as_mut()?.read(after).await {
            Ok(changes) => Some(changes),
            Err(ReadError::Compacted { oldest }) => {
                let behind = Error::Compacted { oldest };
                self.fail(JournalError::new(format!("this owner is at {after}: {behind}")));
                None
            }
            Err(ReadError::Failed(JournalError(cause))) => {
                // Reads are retried: log each cause once.
                if self.halt.as_ref().is_none_or(|halt| halt.cause != cause) {
                    tracing::error!(%cause, "the journal cannot be read");
                }
                self.halt(cause);
                None
            }
        }
    }

    /// Accept writes again, after the content of the journal was read and applied.
    pub(super) fn resume(&mut self) {
        self.halt = None;
        self.status.set_halted(None);
    }

    /// Wait until another owner has appended.
    pub(super) async fn tail(&mut self) {
        match &mut self.journal {
            Some(journal) => journal.tail().await,
            None => std::future::pending().await,
        }
    }

    pub(super) fn wants_compaction(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::wants_compaction)
    }

    /// Start a compaction. `None` if there is no journal.
    pub(super) async fn compact(
        &mut self,
        snapshot: Snapshot<T>,
    ) -> Option<Result<Compaction, JournalError>> {
        Some(self.journal.as_mut()?.compact(snapshot).await)
    }

    pub(super) async fn close(&mut self) -> Result<(), JournalError> {
        match &mut self.journal {
            Some(journal) => journal.close().await,
            None => Ok(()),
        }
    }
}
