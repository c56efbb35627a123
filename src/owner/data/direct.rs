//! Turns without a journal: nothing can fail between deciding and applying, so both are one step for each command.

use std::vec::Drain;

use super::Data;
use crate::model::Timestamp;
use crate::owner::counters::add;
use crate::owner::message::{Envelope, Message};
use crate::owner::response::Response;

/// How many commands share a turn if there are subscribers. Publishing them together costs a tenth; holding
/// their replies back for longer would idle the callers.
const SHARED_TURN: usize = 16;

/// Whether a command needs no plan if there is no journal.
pub(in crate::owner) fn is_direct<T>(envelope: &Envelope<T>) -> bool {
    use Message::{Batch, Clear, Compact};
    !matches!(envelope.message, Batch(_) | Clear | Compact) && !envelope.message.is_sliced()
}

impl<T: Clone + Send + Sync + 'static> Data<T> {
    /// Process commands up to the first that needs a plan.
    pub(in crate::owner) fn direct_turns(
        &mut self,
        queue: &mut Drain<'_, Envelope<T>>,
        now: Timestamp,
    ) {
        while queue.as_slice().first().is_some_and(is_direct) {
            if self.publisher.has_subscribers() {
                self.shared_turn(queue, now);
            } else {
                self.single_turns(queue, now);
            }
        }
    }

    /// Without subscribers: each command is a turn of its own.
    fn single_turns(&mut self, queue: &mut Drain<'_, Envelope<T>>, now: Timestamp) {
        while queue.as_slice().first().is_some_and(is_direct) {
            let Some(envelope) = queue.next() else { break };
            add(&self.counters.turns, 1);
            let _span = envelope.enter();
            match envelope.message {
                Message::Write(prepared) => {
                    let mut emit = |change| self.publisher.record(change);
                    let written = self.state.commit(prepared, now, &self.rules, &mut emit);
                    envelope.reply.send(written.map(Response::Written));
                }
                Message::Many(writes) => {
                    let mut emit = |change| self.publisher.record(change);
                    let mut commit = |write| self.state.commit(write, now, &self.rules, &mut emit);
                    let results = writes.into_iter().map(|write| write.and_then(&mut commit));
                    envelope.reply.send(Ok(Response::Many(results.collect())));
                }
                Message::Read { key, hash, query } => {
                    envelope.reply.send(self.query(hash, &key, query, now));
                }
                message => {
                    self.read(message, envelope.reply, now);
                    if self.publisher.has_subscribers() {
                        break; // the command was a subscription
                    }
                }
            }
        }
    }

    /// With subscribers: some commands share a turn, and get their replies after it is published.
    fn shared_turn(&mut self, queue: &mut Drain<'_, Envelope<T>>, now: Timestamp) {
        let before = queue.len();
        for _ in 0..SHARED_TURN {
            if !queue.as_slice().first().is_some_and(is_direct) {
                break;
            }
            let Some(envelope) = queue.next() else { break };
            let _span = envelope.enter();
            let mut emit = |change| self.changes.push(change);
            match envelope.message {
                Message::Write(prepared) => {
                    let written = self.state.commit(prepared, now, &self.rules, &mut emit);
                    self.results.push((envelope.reply, written.map(Response::Written)));
                }
                Message::Many(writes) => {
                    let mut commit = |write| self.state.commit(write, now, &self.rules, &mut emit);
                    let results = writes.into_iter().map(|write| write.and_then(&mut commit));
                    let results = results.collect();
                    self.publisher.publish(&mut self.changes);
                    envelope.reply.send(Ok(Response::Many(results)));
                }
                message => self.read(message, envelope.reply, now),
            }
        }
        add(&self.counters.turns, 1);
        self.counters.sizes.add(before - queue.len());
        self.publisher.publish(&mut self.changes);
        self.update_counters();
        for (reply, result) in self.results.drain(..) {
            reply.send(result);
        }
    }
}
