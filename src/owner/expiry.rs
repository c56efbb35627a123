//! Expiry of due keys, which is a change like any other.

use std::time::Duration;

use super::Owner;
use super::log::AppendOutcome;
use crate::feed::Turn;
use crate::journal::Journal;
use crate::model::{Change, ChangeKind, Error, Key, Timestamp};

/// How many due keys expire in one turn, before the next commands are processed.
const MAX_PER_TURN: usize = 1_024;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A pause after an expiry that could not be recorded. The keys are absent nevertheless.
pub(super) struct ExpiryPause {
    until: Timestamp,
    length: Duration,
}

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Expire due keys, a bounded number of them. Returns whether there may be more.
    pub(super) async fn expire(&mut self, now: Timestamp) -> bool {
        if !self.is_expiry_due(now) {
            return false;
        }
        let (keys, more) = self.data.due(now, MAX_PER_TURN);
        self.expire_keys(keys, now).await.is_ok() && more
    }

    /// Expire all due keys, to the nanosecond: before commands for which the number of keys matters.
    pub(super) async fn expire_all(&mut self, now: Timestamp) -> Result<(), Error> {
        self.data.fire_current_tick();
        loop {
            let (keys, more) = self.data.due_exactly(now, MAX_PER_TURN);
            self.expire_keys(keys, now).await?;
            if !more {
                return Ok(());
            }
        }
    }

    async fn expire_keys(&mut self, mut keys: Vec<Key>, mut now: Timestamp) -> Result<(), Error> {
        while !keys.is_empty() {
            now = self.now_after(now);
            let revisions = self.data.revision() + 1..;
            let expired = |(revision, key): (u64, &Key)| {
                Change::new(revision, now, key.clone(), ChangeKind::Expired)
            };
            let turn: Turn<T> = revisions.zip(&keys).map(expired).collect();
            match self.record(&turn).await {
                AppendOutcome::Done => {
                    self.pause = None;
                    tracing::debug!(count = turn.len(), "expired");
                    self.data.apply_turn(turn);
                    break;
                }
                // The other owner may have expired these keys, or moved their deadlines.
                AppendOutcome::Conflict => {
                    now = self.now_after(now);
                    keys.retain(|key| self.data.is_overdue(key, now));
                }
                AppendOutcome::Failed(error) => return Err(self.postpone(&keys, now, error)),
                // A journal should never return this for an expiry.
                AppendOutcome::Invalid(cause) => {
                    return Err(self.postpone(&keys, now, Error::JournalFull(cause)));
                }
            }
        }
        Ok(())
    }

    /// Retry the expiry of these keys, which could not be recorded, after a pause.
    fn postpone(&mut self, keys: &[Key], now: Timestamp, error: Error) -> Error {
        let length = self.pause.as_ref().map_or(FIRST_PAUSE, |pause| pause.length * 2);
        let length = length.min(LONGEST_PAUSE);
        self.pause = Some(ExpiryPause { until: now + length, length });
        keys.iter().for_each(|key| self.data.keep_due(key));
        error
    }

    pub(super) fn is_expiry_due(&self, now: Timestamp) -> bool {
        self.next_expiry().is_some_and(|next| next <= now)
    }

    /// When to check for due keys again.
    pub(super) fn next_expiry(&self) -> Option<Timestamp> {
        if self.log.retry_at().is_some() {
            return None; // a halted journal records nothing
        }
        let next = self.data.next_wake()?;
        Some(self.pause.as_ref().map_or(next, |pause| pause.until.max(next)))
    }
}
