//! A turn: decide, journal, apply, publish, reply.
//!
//! Without a journal the first three are one step for each command; with one, or for a batch, all
//! commands of the turn are decided before the first is applied.

use super::job::{Job, Verdict};
use super::journaling::Recorded;
use super::{EXPIRE_AT_ONCE, Owner, SHARED_TURN};
use crate::change::{Change, ChangeKind};
use crate::history::Turn;
use crate::journal::Journal;
use crate::message::{Envelope, Message};
use crate::plan::Plan;
use crate::stats::add;
use crate::{Key, Timestamp};

/// Commands that were taken from the inbox and have not had their turn.
pub(super) type Queue<'a, T> = std::vec::Drain<'a, Envelope<T>>;

/// How many commands share a turn when there is a journal.
const JOURNALED_TURN: usize = 256;

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Serve what is queued, turn by turn.
    pub(super) async fn serve(&mut self, queue: &mut Queue<'_, T>, now: Timestamp) {
        while let Some(first) = queue.as_slice().first() {
            add(&self.shared.counters.turns, 1);
            match first.message {
                Message::Compact { .. } => self.compact(queue.next(), now).await,
                Message::Clear { .. } => {
                    // It says how many live keys went: what is overdue goes before it, by itself.
                    self.expire_all(now).await;
                    self.planned_turn(queue.next().map(Job::from).into_iter().collect(), now).await;
                }
                _ if self.journal.is_some() => {
                    let next = queue.as_slice()[1..].iter().position(begins_turn);
                    let length = next.map_or(queue.len(), |next| next + 1).min(JOURNALED_TURN);
                    self.planned_turn(queue.take(length).map(Job::from).collect(), now).await;
                }
                Message::Batch { .. } => {
                    self.planned_turn(queue.next().map(Job::from).into_iter().collect(), now).await;
                }
                _ => self.direct_turn(queue, now),
            }
        }
    }

    /// A turn without a journal: nothing can go wrong between deciding and applying, so each command
    /// is both at once.
    fn direct_turn(&mut self, queue: &mut Queue<'_, T>, now: Timestamp) {
        let shared = self.publisher.has_audience();
        let limit = if shared { SHARED_TURN } else { 1 };
        for _ in 0..limit {
            if queue.as_slice().first().is_some_and(is_planned) {
                break;
            }
            let Some(envelope) = queue.next() else { break };
            let _span = envelope.enter();
            let (publisher, changes) = (&mut self.publisher, &mut self.changes);
            let mut tell = |change| {
                if shared { changes.push(change) } else { publisher.record(change) }
            };
            match envelope.message {
                Message::Write { prepared, reply } => {
                    let written = self.state.commit(prepared, now, &self.rules, &mut tell);
                    if shared {
                        self.answers.push((reply, written));
                    } else {
                        let _ = reply.send(written);
                    }
                }
                Message::Many { writes, reply } => {
                    let mut results = Vec::with_capacity(writes.len());
                    for write in writes {
                        results.push(write.and_then(|write| {
                            self.state.commit(write, now, &self.rules, &mut tell)
                        }));
                    }
                    self.publisher.publish(&mut self.changes);
                    let _ = reply.send(Ok(results));
                }
                message => self.read(message, now),
            }
        }
        self.publisher.publish(&mut self.changes);
        for (reply, written) in self.answers.drain(..) {
            let _ = reply.send(written);
        }
    }

    /// A turn that is decided as a whole, recorded, and then applied.
    async fn planned_turn(&mut self, jobs: Vec<Job<T>>, now: Timestamp) {
        let (verdicts, turn) = loop {
            let mut plan = Plan::new(&self.state, now, self.rules);
            let verdicts: Vec<Verdict> = jobs.iter().map(|job| job.decide(&mut plan)).collect();
            let turn: Turn<T> = plan.into_changes().into();
            match self.record(&turn).await {
                Recorded::Yes => break (verdicts, turn),
                // Another owner was first, and the plan with its changes is void.
                Recorded::Conflict => {}
                Recorded::No(error) => {
                    for job in jobs {
                        if let Some(read) = job.refuse(&error) {
                            self.read(read.message, now);
                        }
                    }
                    return;
                }
            }
        };
        let mut replies = Vec::with_capacity(jobs.len());
        let mut applied = 0;
        for (job, verdict) in jobs.into_iter().zip(verdicts) {
            let start = applied;
            let changes = &turn[start..verdict.end];
            applied = verdict.end;
            let popped = changes.iter().map(|change| self.state.apply(change)).collect();
            match job {
                Job::Read(envelope) => {
                    let _span = envelope.enter();
                    self.read(envelope.message, now);
                }
                job => replies.push((job, verdict, start, popped)),
            }
        }
        self.publisher.publish_turn(Turn::clone(&turn));
        for (job, verdict, start, popped) in replies {
            job.reply(verdict, start, popped, now);
        }
    }

    /// Let every due key expire.
    pub(super) async fn expire_all(&mut self, now: Timestamp) {
        while self.expire(now).await {}
        let keys = self.state.due_in_this_tick(now);
        self.expire_keys(keys, now).await;
    }

    /// Let due keys expire, a bounded number of them. Says whether there may be more.
    pub(super) async fn expire(&mut self, now: Timestamp) -> bool {
        if self.state.next_wake().is_none_or(|next| next > now) {
            return false;
        }
        let (keys, more) = self.state.due(now, EXPIRE_AT_ONCE);
        self.expire_keys(keys, now).await && more
    }

    /// Let these keys expire. Says whether that could be recorded.
    async fn expire_keys(&mut self, keys: Vec<Key>, now: Timestamp) -> bool {
        if keys.is_empty() {
            return true;
        }
        let revisions = self.state.totals().revision + 1..;
        let expired = |(revision, key)| Change::new(revision, now, key, ChangeKind::Expired);
        let turn: Turn<T> = revisions.zip(keys).map(expired).collect();
        match self.record(&turn).await {
            Recorded::Yes => {
                for change in turn.iter() {
                    self.state.apply(change);
                }
                add(&self.shared.counters.expired, turn.len());
                tracing::debug!(count = turn.len(), "expired");
                self.publisher.publish_turn(turn);
                true
            }
            Recorded::Conflict | Recorded::No(_) => {
                // They are absent all the same; the change is made up for when the journal is back.
                let again = now + std::time::Duration::from_millis(100);
                turn.iter().for_each(|change| self.state.look_again(&change.key, again));
                false
            }
        }
    }
}

/// Whether a command is planned before anything of it is applied, also without a journal.
fn is_planned<T>(envelope: &Envelope<T>) -> bool {
    use Message::{Batch, Clear, Compact};
    matches!(envelope.message, Batch { .. } | Clear { .. } | Compact { .. })
}

/// Whether a command begins a turn where there is a journal. A subscription has to find the turns
/// before it in the history.
fn begins_turn<T>(envelope: &Envelope<T>) -> bool {
    use Message::{Clear, Compact, Subscribe};
    matches!(envelope.message, Clear { .. } | Compact { .. } | Subscribe(_))
}
