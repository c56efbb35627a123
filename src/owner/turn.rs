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
use crate::{Key, Timestamp};

/// How many commands share a turn when there is a journal.
const JOURNALED_TURN: usize = 256;

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// One turn of what is queued.
    pub(super) async fn turn(&mut self, mut now: Timestamp) {
        if let Some(Envelope { message: Message::Clear { .. }, .. }) = self.queue.front() {
            // A clear says how many live keys went: what is overdue goes before it, by itself.
            self.expire_all(now).await;
            now = self.now_after(now);
        }
        if let Some(Envelope { message: Message::Compact { .. }, .. }) = self.queue.front() {
            return self.compact(now).await;
        }
        if self.journal.is_none() {
            if let Some(envelope) = self.direct_turn(now) {
                self.planned_turn(vec![Job::from(envelope)], now).await;
            }
            return;
        }
        // Those come first in their turn: a subscription must find the turns before it in the history.
        let first = |envelope: &Envelope<T>| {
            matches!(
                envelope.message,
                Message::Clear { .. } | Message::Compact { .. } | Message::Subscribe(_)
            )
        };
        let length =
            self.queue.iter().skip(1).position(first).map_or(self.queue.len(), |at| at + 1);
        let jobs = self.queue.drain(..length.min(JOURNALED_TURN)).map(Job::from).collect();
        self.planned_turn(jobs, now).await;
    }

    /// A turn without a journal: nothing can go wrong between deciding and applying. Gives back a
    /// command that has to be planned first.
    fn direct_turn(&mut self, now: Timestamp) -> Option<Envelope<T>> {
        let limit = if self.publisher.has_listeners() { SHARED_TURN } else { 1 };
        let mut planned = None;
        for place in 0..limit {
            let Some(envelope) = self.queue.pop_front() else { break };
            match envelope.message {
                // Those two come first in their turn.
                Message::Clear { .. } | Message::Compact { .. } if place > 0 => {
                    self.queue.push_front(envelope);
                    break;
                }
                Message::Batch { .. } | Message::Clear { .. } => {
                    planned = Some(envelope);
                    break;
                }
                _ => {}
            }
            let _span = envelope.enter();
            match envelope.message {
                Message::Write { prepared, reply } => {
                    let written = self.state.commit(prepared, now, &self.rules, &mut self.changes);
                    self.answers.push((reply, written));
                }
                Message::Many { writes, reply } => {
                    let mut results = Vec::with_capacity(writes.len());
                    for write in writes {
                        results.push(write.and_then(|write| {
                            self.state.commit(write, now, &self.rules, &mut self.changes)
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
        planned
    }

    /// A turn that is decided as a whole, recorded, and then applied.
    async fn planned_turn(&mut self, jobs: Vec<Job<T>>, mut now: Timestamp) {
        let (verdicts, turn) = loop {
            let mut plan = Plan::new(&self.state, now, self.rules);
            let verdicts: Vec<Verdict> = jobs.iter().map(|job| job.decide(&mut plan)).collect();
            let turn: Turn<T> = plan.into_changes().into();
            match self.record(&turn).await {
                Recorded::Yes => break (verdicts, turn),
                // Another owner was first: the plan with its changes is void, and the time is later.
                Recorded::Conflict => {
                    if let Some(Job::Clear { .. }) = jobs.first() {
                        self.expire_all(self.now_after(now)).await;
                    }
                    now = self.now_after(now);
                }
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
        let (keys, more) = self.state.due(now, EXPIRE_AT_ONCE);
        self.expire_keys(keys, now).await && more
    }

    /// Let these keys expire. Says whether that could be recorded.
    async fn expire_keys(&mut self, mut keys: Vec<Key>, mut now: Timestamp) -> bool {
        while !keys.is_empty() {
            now = self.now_after(now);
            let revisions = self.state.totals().revision + 1..;
            let expired = |(revision, key): (u64, &Key)| {
                Change::new(revision, now, key.clone(), ChangeKind::Expired)
            };
            let turn: Turn<T> = revisions.zip(&keys).map(expired).collect();
            match self.record(&turn).await {
                Recorded::Yes => {
                    for change in turn.iter() {
                        self.state.apply(change);
                    }
                    tracing::debug!(count = turn.len(), "expired");
                    self.publisher.publish_turn(turn);
                    return true;
                }
                // The other owner may have let them expire, or live.
                Recorded::Conflict => {
                    now = self.now_after(now);
                    keys.retain(|key| self.state.is_overdue(key, now));
                }
                Recorded::No(_) => {
                    // They are absent all the same; the change is made up for when the journal is
                    // back.
                    let again = now + std::time::Duration::from_millis(100);
                    keys.iter().for_each(|key| self.state.look_again(key, again));
                    return false;
                }
            }
        }
        true
    }
}
