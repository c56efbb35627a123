//! Turns: decide, journal, apply, publish, reply.
//!
//! Without a journal, a command is decided and applied in one step. With one, or for a batch, all
//! commands of the turn are decided before the first is applied.

use std::vec::Drain;

use super::Owner;
use super::data::is_direct;
use super::log::AppendOutcome;
use super::partial::PartialCommand;
use crate::journal::Journal;
use crate::model::Timestamp;
use crate::owner::counters::add;
use crate::owner::message::{Envelope, Message, SLICE};
use crate::owner::response::Response;

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Process the commands that were taken from the queue, turn by turn. At the shutdown deadline, the remaining
    /// commands are left, and their callers get the error with which the store ends.
    pub(super) async fn serve(&mut self, queue: &mut Drain<'_, Envelope<T>>, mut now: Timestamp) {
        while let Some(first) = queue.as_slice().first() {
            if self.is_past_deadline() {
                tracing::warn!("the shutdown deadline has passed with commands in the queue");
                return;
            }
            now = self.now_after(now);
            if matches!(first.message, Message::Compact) {
                self.compact(queue.next(), now).await;
            } else if first.message.is_sliced() {
                now = self.process_in_slices(queue.next(), now).await;
            } else {
                let is_planned = self.log.has_journal() || !is_direct(first);
                let length = self.length_of_turn(queue.as_slice());
                if self.data.may_meet_limit(&queue.as_slice()[..length], now) {
                    // If the expiry cannot be recorded, neither can the turn, which then returns the error.
                    let _ = self.expire_all(now).await;
                    now = self.now_after(now);
                }
                if is_planned {
                    let commands: Vec<_> = queue.take(length).collect();
                    commands.iter().for_each(|command| drop(command.enter()));
                    self.planned_turn(commands, now).await;
                } else {
                    self.data.direct_turns(queue, now);
                }
            }
        }
    }

    /// How many of these commands are processed next, in one turn or several.
    fn length_of_turn(&self, queue: &[Envelope<T>]) -> usize {
        if self.log.has_journal() {
            let limit = self.log.turn_limit();
            let mut bytes = 0_u64;
            let fits = |(n, command): &(usize, &Envelope<T>)| {
                bytes = bytes.saturating_add(command.message.max_growth().1);
                *n == 0 || (bytes <= limit.bytes && !begins_turn(command))
            };
            queue.iter().take(limit.commands.max(1)).enumerate().take_while(fits).count()
        } else if queue.first().is_some_and(is_direct) {
            queue.len()
        } else {
            1
        }
    }

    /// Process a command of many independent writes in several turns, so that due keys expire in between. Returns the
    /// time after it.
    async fn process_in_slices(
        &mut self,
        command: Option<Envelope<T>>,
        mut now: Timestamp,
    ) -> Timestamp {
        let Some(Envelope { message: Message::Many(writes), reply, .. }) = command else {
            return now;
        };
        let mut results = Vec::with_capacity(writes.len());
        let mut writes = writes.into_iter();
        while writes.len() > 0 {
            let (part, command) = PartialCommand::new(writes.by_ref().take(SLICE).collect());
            if self.data.may_meet_limit(std::slice::from_ref(&command), now) {
                let _ = self.expire_all(now).await;
                now = self.now_after(now);
            }
            if self.log.has_journal() {
                self.planned_turn(vec![command], now).await;
            } else {
                self.data.direct_turns(&mut vec![command].drain(..), now);
            }
            if !part.add_to(&mut results) {
                return now;
            }
            tokio::task::coop::consume_budget().await;
            now = self.clock.now();
            self.expire(now).await;
        }
        reply.send(Ok(Response::Many(results)));
        now
    }

    /// A turn that is decided completely, recorded, and then applied.
    pub(super) async fn planned_turn(&mut self, commands: Vec<Envelope<T>>, mut now: Timestamp) {
        add(&self.counters.turns, 1);
        self.counters.sizes.add(commands.len());
        let planned = loop {
            if commands.first().is_some_and(|first| matches!(first.message, Message::Clear)) {
                // A clear returns the number of live keys, so overdue keys expire before it.
                if let Err(error) = self.expire_all(now).await {
                    return self.data.reject(commands, &error, now);
                }
                now = self.now_after(now);
            }
            let planned = self.data.plan(&commands, now);
            match self.record(&planned.turn).await {
                AppendOutcome::Done => break planned,
                // Another owner has appended first: decide again, at a later time.
                AppendOutcome::Conflict => now = self.now_after(now),
                AppendOutcome::Invalid(cause) => {
                    return self.split_turn(commands, cause, now).await;
                }
                AppendOutcome::Failed(error) => return self.data.reject(commands, &error, now),
            }
        };
        self.data.finish_turn(commands, planned, now);
    }
}

/// Whether a command has to be the first of its turn, if there is a journal. For a subscription, the changes of
/// earlier commands have to be in the history.
fn begins_turn<T>(envelope: &Envelope<T>) -> bool {
    use Message::{Clear, Compact, Subscribe};
    matches!(envelope.message, Clear | Compact | Subscribe(_)) || envelope.message.is_sliced()
}
