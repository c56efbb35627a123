//! What the owner does with its journal: recover, append, and find out what became of an append.

use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::Owner;
use crate::feed::Turn;
use crate::journal::{AppendError, Journal, JournalError, ReadError, Recovered};
use crate::model::{Change, Error, Timestamp};

const FIRST_RETRY: Duration = Duration::from_millis(10);
const LONGEST_RETRY: Duration = Duration::from_secs(5);

/// How many foreign changes are published together, if they are not one batch.
const FOREIGN_TURN: usize = 256;

/// Nothing is appended until the journal has told what it holds.
pub(crate) struct Halt {
    pub(super) cause: Arc<str>,
    retry_at: Timestamp,
    wait: Duration,
}

impl Halt {
    pub(super) fn retry_at(&self) -> Timestamp {
        self.retry_at
    }
}

/// What became of the changes of a turn.
pub(super) enum Recorded {
    /// They are as durable as the journal promises, or there is no journal.
    Yes,
    /// Another owner was first. Its changes are applied by now.
    Conflict,
    /// One of them cannot be, for this reason, and so none was.
    Invalid(Arc<str>),
    /// They are not, or nobody knows: this is the answer for those who asked for them.
    No(Error),
}

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Take everything that the journal has, and let expire what is overdue.
    pub(super) async fn recover(&mut self) -> Result<(), JournalError> {
        let Some(journal) = &mut self.journal else { return Ok(()) };
        let (state, history, clock) = (&mut self.state, &self.hub.history, &self.clock);
        let mut parts = Vec::new();
        let mut count = 0_u64;
        let mut broken = None;
        let mut recover = |recovered| match recovered {
            Recovered::Entry(key, entry) => {
                count += 1;
                clock.not_before(entry.updated_at);
                state.restore(&key, entry);
            }
            Recovered::SnapshotEnd(revision) => {
                state.resume_at(revision);
                history.start_at(revision);
            }
            Recovered::Patch(mut change) => {
                clock.not_before(change.at);
                state.weigh_change(&mut change);
                state.apply(&change);
            }
            Recovered::Change(_) if broken.is_some() => {}
            Recovered::Change(change) if change.revision != state.totals().revision + 1 => {
                broken = Some(skips(state.totals().revision, change.revision));
            }
            Recovered::Change(mut change) => {
                count += 1;
                clock.not_before(change.at);
                state.weigh_change(&mut change);
                state.apply(&change);
                let more = change.continues;
                parts.push(change);
                if !more {
                    history.push_turn(parts.drain(..).collect());
                }
            }
        };
        let span = tracing::info_span!("recover");
        let id = journal.open(&mut recover).instrument(span).await?;
        if let Some(broken) = broken {
            return Err(broken);
        }
        if let Some(part) = parts.last() {
            let revision = part.revision;
            return Err(JournalError::new(format!(
                "the journal ends inside a batch, at {revision}"
            )));
        }
        self.hub.set_id(id);
        if let Some(past) = journal.past() {
            self.hub.set_past(past);
        }
        let revision = self.state.totals().revision;
        self.hub.history.set_head(revision);
        if count > 0 {
            tracing::info!(store = %id, revision, count, "recovered");
        }
        // If that cannot be recorded, they are absent all the same.
        let _ = self.expire_all(self.clock.now()).await;
        self.count();
        Ok(())
    }

    /// Append the changes of a turn.
    pub(super) async fn record(&mut self, turn: &Turn<T>) -> Recorded {
        let Some(journal) = &mut self.journal else { return Recorded::Yes };
        if turn.is_empty() {
            return Recorded::Yes;
        }
        if let Some(halt) = &self.halt {
            return Recorded::No(Error::JournalFailed(halt.cause.clone()));
        }
        let after = self.state.totals().revision;
        match journal.append(after, Turn::clone(turn)).await {
            Ok(()) => {
                self.appended = true;
                Recorded::Yes
            }
            Err(AppendError::Conflict) => {
                tracing::debug!(after, "another owner has appended first");
                self.take_foreign().await;
                if let Some(JournalError(cause)) = &self.lost {
                    return Recorded::No(Error::JournalFailed(cause.clone()));
                }
                if self.halt.is_none() && self.state.totals().revision == after {
                    // Asking again at once would ask for ever.
                    self.halt("it has a conflict and no newer change".into());
                }
                Recorded::Conflict
            }
            Err(AppendError::Invalid(cause)) => {
                tracing::warn!(after, %cause, "the journal cannot hold a change");
                Recorded::Invalid(cause)
            }
            Err(AppendError::Full(cause)) => {
                tracing::warn!(after, %cause, "the journal is full");
                Recorded::No(Error::JournalFull(cause))
            }
            Err(AppendError::Unknown(cause)) => {
                tracing::error!(after, %cause, "the outcome of an append is unknown");
                self.halt(cause);
                Recorded::No(Error::Unknown)
            }
        }
    }

    /// Apply and publish what others have appended.
    pub(super) async fn take_foreign(&mut self) {
        let Some(journal) = &mut self.journal else { return };
        let after = self.state.totals().revision;
        match journal.read(after).await {
            Ok(changes) => {
                self.halt = None;
                self.apply_foreign(changes);
                self.hub.status.set_halted(None);
            }
            Err(ReadError::Compacted { oldest }) => {
                let behind = Error::Compacted { oldest };
                self.lost = Some(JournalError::new(format!("this owner is at {after}: {behind}")));
            }
            Err(ReadError::Failed(JournalError(cause))) => {
                // It is asked again and again: once is enough.
                if self.halt.as_ref().is_none_or(|halt| halt.cause != cause) {
                    tracing::error!(%cause, "the journal cannot be read");
                }
                self.halt(cause);
            }
        }
    }

    /// In turns, so that nobody gets too much at once; a batch stays whole.
    fn apply_foreign(&mut self, changes: Vec<Change<T>>) {
        tracing::debug!(count = changes.len(), "took foreign changes");
        let mut turn = Vec::new();
        for mut change in changes {
            let revision = self.state.totals().revision;
            if change.revision != revision + 1 {
                self.lost = Some(skips(revision, change.revision));
                break;
            }
            self.clock.not_before(change.at);
            self.state.weigh_change(&mut change);
            self.state.apply(&change);
            let whole = !change.continues;
            turn.push(change);
            if whole && turn.len() >= FOREIGN_TURN {
                self.publisher.publish_turn(turn.drain(..).collect());
            }
        }
        self.publisher.publish_turn(turn.into());
    }

    /// If the journal has not told yet what became of an append, ask it again when it is time.
    pub(super) async fn resolve(&mut self) {
        if self.halt.as_ref().is_some_and(|halt| halt.retry_at <= self.clock.now()) {
            self.take_foreign().await;
            if self.halt.is_none() {
                tracing::info!("the journal takes writes again");
            }
        }
    }

    fn halt(&mut self, cause: Arc<str>) {
        let now = self.clock.now();
        let wait = self.halt.as_ref().map(|halt| (halt.wait * 2).min(LONGEST_RETRY));
        // The first question is asked at once: most answers that got lost can be had again.
        let retry_at = now + wait.unwrap_or_default();
        self.hub.status.set_halted(Some(Arc::clone(&cause)));
        self.halt = Some(Halt { cause, retry_at, wait: wait.unwrap_or(FIRST_RETRY) });
    }
}

fn skips(before: u64, after: u64) -> JournalError {
    JournalError::new(format!("the journal goes from revision {before} to {after}"))
}
