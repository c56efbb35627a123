//! The data of a store: decide, apply, publish, read.
//!
//! Separate from the journal, so that one can be borrowed while the other is in use.

mod direct;
mod planned;
mod read;

use std::sync::Arc;
use std::sync::atomic::Ordering;

pub(super) use self::direct::is_direct;
use crate::feed::{Hub, Publisher, Turn};
use crate::journal::JournalError;
use crate::model::decide::Rules;
use crate::model::{Change, Entry, Key, Scan, Timestamp};
use crate::owner::clock::Clock;
use crate::owner::counters::Counters;
use crate::owner::message::{CommandReply, CommandResult, Envelope};
use crate::state::State;
use crate::state::wheel::TICK;

/// How many foreign changes are published together, if they are not one batch.
const FOREIGN_TURN: usize = 256;

/// The state, its limits, the publisher of its changes, and the replies of the current turn.
pub(crate) struct Data<T> {
    state: State<T>,
    rules: Rules,
    publisher: Publisher<T>,
    hub: Arc<Hub<T>>,
    counters: Arc<Counters>,
    /// Scans that wait for the index.
    scans: Vec<(Scan, CommandReply<T>)>,
    /// The changes of the current turn.
    changes: Vec<Change<T>>,
    /// The results of the current turn, held back until its changes are published.
    results: Vec<(CommandReply<T>, CommandResult<T>)>,
}

impl<T> Data<T> {
    pub(crate) fn new(
        state: State<T>,
        rules: Rules,
        hub: Arc<Hub<T>>,
        counters: Arc<Counters>,
    ) -> Self {
        let publisher =
            Publisher::new(Arc::clone(&hub.history), hub.listeners.clone(), hub.watchers.clone());
        let (scans, changes, results) = (Vec::new(), Vec::new(), Vec::new());
        Self { state, rules, publisher, hub, counters, scans, changes, results }
    }

    /// The newest revision that was applied.
    pub(super) fn revision(&self) -> u64 {
        self.state.totals().revision
    }

    /// Update the counters for `stats`.
    pub(super) fn update_counters(&self) {
        let totals = self.state.totals();
        self.counters.entries.store(totals.entries as u64, Ordering::Relaxed);
        self.counters.bytes.store(totals.bytes, Ordering::Relaxed);
        self.counters.expired.store(self.state.expired(), Ordering::Relaxed);
    }

    /// When to check for due keys again.
    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.state.next_wake()
    }

    /// Whether a key may be overdue: the wheel fires its token only after the tick of its deadline.
    pub(super) fn is_wake_near(&self, now: Timestamp) -> bool {
        self.state.next_wake().is_some_and(|next| next <= now + TICK)
    }

    /// At most `limit` due keys, and whether there may be more.
    pub(super) fn due(&mut self, now: Timestamp, limit: usize) -> (Vec<Key>, bool) {
        self.state.due(now, limit)
    }

    /// Let [`due_exactly`](Self::due_exactly) find all due keys, including those of the current tick.
    pub(super) fn fire_current_tick(&mut self) {
        self.state.fire_current_tick();
    }

    /// As [`due`](Self::due), to the nanosecond.
    pub(super) fn due_exactly(&mut self, now: Timestamp, limit: usize) -> (Vec<Key>, bool) {
        self.state.due_exactly(now, limit)
    }

    pub(super) fn is_overdue(&self, key: &str, now: Timestamp) -> bool {
        self.state.is_overdue(key, now)
    }

    /// A key whose expiry was not recorded stays due.
    pub(super) fn keep_due(&mut self, key: &str) {
        self.state.rearm(key);
    }

    /// Whether these commands may reach a limit, so that overdue keys have to expire first.
    pub(super) fn may_meet_limit(&self, commands: &[Envelope<T>], now: Timestamp) -> bool {
        let rules = &self.rules;
        let limited = rules.max_entries < usize::MAX || rules.max_bytes < u64::MAX;
        if !limited || !self.is_wake_near(now) {
            return false;
        }
        let totals = self.state.totals();
        let (mut entries, mut bytes) = (totals.entries, totals.bytes);
        for envelope in commands {
            let (more, weight) = envelope.message.max_growth();
            entries = entries.saturating_add(more);
            bytes = bytes.saturating_add(weight);
        }
        entries > rules.max_entries || bytes > rules.max_bytes
    }

    /// Whether there is background work.
    pub(super) fn has_background_work(&self) -> bool {
        self.state.has_background_work()
    }

    /// Whether scans wait for the index.
    pub(super) fn has_waiting_scans(&self) -> bool {
        !self.scans.is_empty()
    }
}

impl<T: Clone + Send + Sync + 'static> Data<T> {
    /// Do a slice of background work, and reply to the scans that waited for it.
    pub(super) fn do_background_work(&mut self, now: Timestamp) {
        if self.has_background_work() || self.has_waiting_scans() {
            self.state.do_background_work();
            self.run_scans(now);
        }
    }

    /// Restore an entry of the journal's snapshot.
    pub(super) fn restore(&mut self, key: &Key, entry: Entry<T>) {
        self.state.restore(key, entry);
    }

    /// Continue from this revision, after the snapshot was restored.
    pub(super) fn resume_at(&mut self, revision: u64) {
        self.state.resume_at(revision);
        self.hub.history.start_at(revision);
    }

    /// Apply a change that was read from the journal, without publishing it.
    pub(super) fn replay(&mut self, change: &mut Change<T>) {
        self.state.weigh_change(change);
        self.state.apply(change);
    }

    /// Apply recorded changes, and publish them.
    pub(super) fn apply_turn(&mut self, turn: Turn<T>) {
        for change in turn.iter() {
            self.state.apply(change);
        }
        self.publisher.publish_turn(turn);
    }

    /// Apply and publish the changes of other owners, in turns of a bounded size that do not split a batch.
    pub(super) fn apply_foreign(
        &mut self,
        changes: Vec<Change<T>>,
        clock: &Clock,
    ) -> Result<(), JournalError> {
        tracing::debug!(count = changes.len(), "applying the changes of another owner");
        let mut turn = Vec::new();
        let mut result = Ok(());
        for mut change in changes {
            let revision = self.revision();
            if change.revision != revision + 1 {
                result = Err(gap_error(revision, change.revision));
                break;
            }
            clock.not_before(change.at);
            self.replay(&mut change);
            let is_whole = !change.continues;
            turn.push(change);
            if is_whole && turn.len() >= FOREIGN_TURN {
                self.publisher.publish_turn(turn.drain(..).collect());
            }
        }
        self.publisher.publish_turn(turn.into());
        result
    }
}

/// The error of a gap between the revisions of a journal.
pub(super) fn gap_error(before: u64, after: u64) -> JournalError {
    JournalError::new(format!("the journal has a gap: revision {before} is followed by {after}"))
}
