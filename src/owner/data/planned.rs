//! Planned turns: decided completely, then journaled, then applied.

use super::Data;
use crate::feed::Turn;
use crate::model::{Error, Timestamp};
use crate::owner::decision::Decision;
use crate::owner::message::{Envelope, Message};
use crate::owner::plan::Plan;

/// The decisions on the commands of a turn, and its changes.
pub(in crate::owner) struct TurnPlan<T> {
    decisions: Vec<Decision>,
    pub(in crate::owner) turn: Turn<T>,
}

impl<T: Clone + Send + Sync + 'static> Data<T> {
    /// Decide the commands of a turn, without changing the state.
    pub(in crate::owner) fn plan(&self, commands: &[Envelope<T>], now: Timestamp) -> TurnPlan<T> {
        let mut plan = Plan::new(&self.state, now, self.rules);
        let decide = |command: &Envelope<T>| Decision::new(&command.message, &mut plan);
        let decisions = commands.iter().map(decide).collect();
        TurnPlan { decisions, turn: plan.into_changes().into() }
    }

    /// Apply a recorded turn, publish it, and send its replies. Reads are executed in the order of the commands.
    pub(in crate::owner) fn finish_turn(
        &mut self,
        commands: Vec<Envelope<T>>,
        TurnPlan { decisions, turn }: TurnPlan<T>,
        now: Timestamp,
    ) {
        let mut replies = Vec::with_capacity(commands.len());
        let mut applied = 0;
        for (command, decision) in commands.into_iter().zip(decisions) {
            let start = applied;
            let changes = &turn[start..decision.end];
            applied = decision.end;
            let popped = changes.iter().map(|change| self.state.apply(change)).collect();
            if decision.is_read() {
                let _span = command.enter();
                self.read(command.message, command.reply, now);
            } else {
                replies.push((command, decision, start, popped));
            }
        }
        self.publisher.publish_turn(turn);
        self.update_counters();
        // The values of the commands are dropped here, after the turn is published: their `Drop` may be slow, or panic.
        for (command, decision, start, popped) in replies {
            command.reply.send(decision.into_result(start, popped, now));
        }
    }

    /// Reject the writes of a turn of which nothing was recorded, and execute its reads. Writes that were rejected by
    /// their own decision get this error too, because that decision may depend on a write of the same turn.
    pub(in crate::owner) fn reject(
        &mut self,
        commands: Vec<Envelope<T>>,
        error: &Error,
        now: Timestamp,
    ) {
        for Envelope { message, reply, .. } in commands {
            match message {
                Message::Write(_) | Message::Many(_) | Message::Batch(_) | Message::Clear => {
                    reply.send(Err(error.clone()));
                }
                read => self.read(read, reply, now),
            }
        }
    }
}
