//! A turn: decide, journal, apply, publish, reply.
//!
//! Without a journal the first three are one step for each command; with one, or for a batch, all
//! commands of the turn are decided before the first is applied.

use super::apart::Part;
use super::job::{Job, Verdict};
use super::journaling::Recorded;
use super::{Owner, SHARED_TURN};
use crate::feed::Turn;
use crate::journal::Journal;
use crate::model::{Error, Timestamp};
use crate::owner::counters::add;
use crate::owner::message::{Envelope, Message};
use crate::owner::plan::Plan;

/// Commands that were taken from the inbox and have not had their turn.
pub(super) type Queue<'a, T> = std::vec::Drain<'a, Envelope<T>>;

/// How many commands share a turn when there is a journal.
const JOURNALED_TURN: usize = 256;

/// How many writes of one command, at most, share a turn.
const SLICE: usize = 256;

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Serve what is queued, turn by turn. Leaves the rest, whose callers are told how the store has
    /// ended, when a shutdown takes too long.
    pub(super) async fn serve(&mut self, queue: &mut Queue<'_, T>, mut now: Timestamp) {
        while let Some(first) = queue.as_slice().first() {
            if self.is_too_late() {
                tracing::warn!("the shutdown deadline has passed with commands in the queue");
                return;
            }
            now = self.now_after(now);
            match &first.message {
                Message::Compact { .. } => self.compact(queue.next(), now).await,
                Message::Many { writes, .. } if writes.len() > SLICE => {
                    now = self.sliced(queue.next(), now).await;
                }
                _ => {
                    let planned = self.journal.is_some() || !is_direct(first);
                    let length = self.length_of_turn(queue.as_slice());
                    if self.may_meet_limit(&queue.as_slice()[..length], now) {
                        // What cannot be recorded is refused by the turn itself.
                        let _ = self.expire_all(now).await;
                        now = self.now_after(now);
                    }
                    if planned {
                        let jobs = queue.take(length).map(Job::from).collect();
                        self.planned_turn(jobs, now).await;
                    } else {
                        self.direct_turns(queue, now);
                    }
                }
            }
        }
    }

    /// How many of these commands are served next, in one turn or several.
    fn length_of_turn(&self, queue: &[Envelope<T>]) -> usize {
        if self.journal.is_some() {
            let next = queue.iter().skip(1).take(JOURNALED_TURN - 1).position(begins_turn);
            next.map_or(JOURNALED_TURN, |next| next + 1).min(queue.len())
        } else if queue.first().is_some_and(is_direct) {
            queue.len()
        } else {
            1
        }
    }

    /// Many writes that are independent of each other, in turns of their own, so that what is due
    /// meanwhile need not wait for all of them. Answers what time it is then.
    async fn sliced(&mut self, command: Option<Envelope<T>>, mut now: Timestamp) -> Timestamp {
        let Some(Envelope { message: Message::Many { writes, reply }, .. }) = command else {
            return now;
        };
        let mut results = Vec::with_capacity(writes.len());
        let mut writes = writes.into_iter();
        while writes.len() > 0 {
            let slice: Vec<_> = writes.by_ref().take(SLICE).collect();
            let (part, answer) = Part::of(slice.len());
            let part =
                Envelope { message: Message::Many { writes: slice, reply: part }, span: None };
            if self.may_meet_limit(std::slice::from_ref(&part), now) {
                let _ = self.expire_all(now).await;
                now = self.now_after(now);
            }
            if self.journal.is_some() {
                self.planned_turn(vec![Job::from(part)], now).await;
            } else {
                self.direct_turns(&mut vec![part].drain(..), now);
            }
            if !answer.add_to(&mut results) {
                return now;
            }
            tokio::task::coop::consume_budget().await;
            now = self.clock.now();
            self.expire(now).await;
        }
        reply.send(Ok(results));
        now
    }

    /// Turns without a journal, up to the first command that has to be planned: nothing can go wrong
    /// between deciding and applying, so each command is both at once.
    pub(super) fn direct_turns(&mut self, queue: &mut Queue<'_, T>, now: Timestamp) {
        while queue.as_slice().first().is_some_and(is_direct) {
            if self.publisher.has_audience() {
                self.shared_turn(queue, now);
            } else {
                self.quiet_turns(queue, now);
            }
        }
    }

    /// Nobody is told of anything: each command is a turn of its own.
    fn quiet_turns(&mut self, queue: &mut Queue<'_, T>, now: Timestamp) {
        while queue.as_slice().first().is_some_and(is_direct) {
            let Some(envelope) = queue.next() else { break };
            add(&self.counters.turns, 1);
            let _span = envelope.enter();
            match envelope.message {
                Message::Write { prepared, reply } => {
                    let mut tell = |change| self.publisher.record(change);
                    reply.send(self.state.commit(prepared, now, &self.rules, &mut tell));
                }
                Message::Many { writes, reply } => {
                    let mut tell = |change| self.publisher.record(change);
                    let mut commit = |write| self.state.commit(write, now, &self.rules, &mut tell);
                    let results = writes.into_iter().map(|write| write.and_then(&mut commit));
                    reply.send(Ok(results.collect()));
                }
                message => {
                    self.read(message, now);
                    if self.publisher.has_audience() {
                        break; // it was a subscription
                    }
                }
            }
        }
    }

    /// Somebody is told: some commands share a turn, and are answered after it is published.
    fn shared_turn(&mut self, queue: &mut Queue<'_, T>, now: Timestamp) {
        let before = queue.len();
        for _ in 0..SHARED_TURN {
            if !queue.as_slice().first().is_some_and(is_direct) {
                break;
            }
            let Some(envelope) = queue.next() else { break };
            let _span = envelope.enter();
            let mut tell = |change| self.changes.push(change);
            match envelope.message {
                Message::Write { prepared, reply } => {
                    let written = self.state.commit(prepared, now, &self.rules, &mut tell);
                    self.answers.push((reply, written));
                }
                Message::Many { writes, reply } => {
                    let mut commit = |write| self.state.commit(write, now, &self.rules, &mut tell);
                    let results = writes.into_iter().map(|write| write.and_then(&mut commit));
                    let results = results.collect();
                    self.publisher.publish(&mut self.changes);
                    reply.send(Ok(results));
                }
                message => self.read(message, now),
            }
        }
        add(&self.counters.turns, 1);
        self.counters.sizes.add(before - queue.len());
        self.publisher.publish(&mut self.changes);
        self.count();
        for (reply, written) in self.answers.drain(..) {
            reply.send(written);
        }
    }

    /// A turn that is decided as a whole, recorded, and then applied.
    pub(super) async fn planned_turn(&mut self, jobs: Vec<Job<T>>, mut now: Timestamp) {
        add(&self.counters.turns, 1);
        self.counters.sizes.add(jobs.len());
        let (verdicts, turn) = loop {
            if let Some(Job::Clear { .. }) = jobs.first() {
                // It says how many live keys went: what is overdue goes before it, by itself.
                if let Err(error) = self.expire_all(now).await {
                    return self.refuse(jobs, &error, now);
                }
                now = self.now_after(now);
            }
            let mut plan = Plan::new(&self.state, now, self.rules);
            let verdicts: Vec<Verdict> = jobs.iter().map(|job| job.decide(&mut plan)).collect();
            let turn: Turn<T> = plan.into_changes().into();
            match self.record(&turn).await {
                Recorded::Yes => break (verdicts, turn),
                // Another owner was first: the plan with its changes is void, and the time is later.
                Recorded::Conflict => now = self.now_after(now),
                Recorded::Invalid(cause) => return self.serve_apart(jobs, cause, now).await,
                Recorded::No(error) => return self.refuse(jobs, &error, now),
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
        self.count();
        for (job, verdict, start, popped) in replies {
            job.reply(verdict, start, popped, now);
        }
    }

    /// Nothing of a turn could be recorded: its reads are done all the same.
    pub(super) fn refuse(&mut self, jobs: Vec<Job<T>>, error: &Error, now: Timestamp) {
        for job in jobs {
            if let Some(read) = job.refuse(error) {
                self.read(read.message, now);
            }
        }
    }
}

/// Whether a command needs no plan where there is no journal.
fn is_direct<T>(envelope: &Envelope<T>) -> bool {
    use Message::{Batch, Clear, Compact};
    !matches!(envelope.message, Batch { .. } | Clear { .. } | Compact { .. })
        && !is_sliced(envelope)
}

/// Whether a command has turns of its own.
fn is_sliced<T>(envelope: &Envelope<T>) -> bool {
    matches!(&envelope.message, Message::Many { writes, .. } if writes.len() > SLICE)
}

/// Whether a command begins a turn where there is a journal. A subscription has to find the turns
/// before it in the history.
fn begins_turn<T>(envelope: &Envelope<T>) -> bool {
    use Message::{Clear, Compact, Subscribe};
    matches!(envelope.message, Clear { .. } | Compact { .. } | Subscribe(_)) || is_sliced(envelope)
}
