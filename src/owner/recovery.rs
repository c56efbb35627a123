//! Recovery from the journal, and the changes of other owners.

use tracing::Instrument;

use super::Owner;
use super::data::gap_error;
use super::log::AppendOutcome;
use crate::feed::Turn;
use crate::journal::{Journal, JournalError, Recovered};
use crate::model::Error;

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Restore the content of the journal, and expire overdue keys.
    pub(super) async fn recover(&mut self) -> Result<(), JournalError> {
        let (data, history, clock) = (&mut self.data, &self.hub.history, &self.clock);
        let mut batch = Vec::new();
        let mut count = 0_u64;
        let mut broken = None;
        let mut recover = |recovered| match recovered {
            Recovered::Entry(key, entry) => {
                count += 1;
                clock.not_before(entry.updated_at);
                data.restore(&key, entry);
            }
            Recovered::SnapshotEnd(revision) => data.resume_at(revision),
            Recovered::Patch(mut change) => {
                clock.not_before(change.at);
                data.replay(&mut change);
            }
            Recovered::Change(_) if broken.is_some() => {}
            Recovered::Change(change) if change.revision != data.revision() + 1 => {
                broken = Some(gap_error(data.revision(), change.revision));
            }
            Recovered::Change(mut change) => {
                count += 1;
                clock.not_before(change.at);
                data.replay(&mut change);
                let more = change.continues;
                batch.push(change);
                if !more {
                    history.push_turn(batch.drain(..).collect());
                }
            }
        };
        let span = tracing::info_span!("recover");
        let Some((id, past)) = self.log.open(&mut recover).instrument(span).await? else {
            return Ok(());
        };
        if let Some(broken) = broken {
            return Err(broken);
        }
        if let Some(change) = batch.last() {
            let revision = change.revision;
            return Err(JournalError::new(format!(
                "the journal ends inside a batch, at {revision}"
            )));
        }
        self.hub.set_id(id);
        if let Some(past) = past {
            self.hub.set_past(past);
        }
        let revision = self.data.revision();
        self.hub.history.set_head(revision);
        if count > 0 {
            tracing::info!(store = %id, revision, count, "recovered");
        }
        // If the expiry cannot be recorded, the keys are absent nevertheless.
        let _ = self.expire_all(self.clock.now()).await;
        self.data.update_counters();
        Ok(())
    }

    /// Append the changes of a turn. After a conflict, apply the changes of the other owner.
    pub(super) async fn record(&mut self, turn: &Turn<T>) -> AppendOutcome {
        let after = self.data.revision();
        let outcome = self.log.append(after, turn).await;
        if matches!(outcome, AppendOutcome::Conflict) {
            self.apply_foreign_changes().await;
            if let Some(JournalError(cause)) = self.log.failure() {
                return AppendOutcome::Failed(Error::JournalFailed(cause.clone()));
            }
            self.log.check_conflict(self.data.revision() > after);
        }
        outcome
    }

    /// Apply and publish the changes that other owners have appended.
    pub(super) async fn apply_foreign_changes(&mut self) {
        let Some(changes) = self.log.read(self.data.revision()).await else { return };
        if let Err(error) = self.data.apply_foreign(changes, &self.clock) {
            self.log.fail(error);
        }
        self.log.resume();
    }

    /// Read a halted journal again, if its retry is due.
    pub(super) async fn resolve(&mut self) {
        if self.log.retry_at().is_some_and(|at| at <= self.clock.now()) {
            self.apply_foreign_changes().await;
            if self.log.retry_at().is_none() {
                tracing::info!("the journal accepts writes again");
            }
        }
    }
}
