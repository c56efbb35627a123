//! Turns that are decided as a whole, before the journal is asked, and applied after it.

use super::Data;
use crate::feed::Turn;
use crate::model::{Error, Timestamp};
use crate::owner::decision::Decision;
use crate::owner::message::{Envelope, Message};
use crate::owner::plan::Plan;

/// What was decided about the commands of a turn, and the changes that it makes.
pub(in crate::owner) struct TurnPlan<T> {
    decisions: Vec<Decision>,
    pub(in crate::owner) turn: Turn<T>,
}

impl<T: Clone + Send + Sync + 'static> Data<T> {
    /// Decide the commands of a turn, and change nothing.
    pub(in crate::owner) fn plan(&self, commands: &[Envelope<T>], now: Timestamp) -> TurnPlan<T> {
        let mut plan = Plan::new(&self.state, now, self.rules);
        let decide = |command: &Envelope<T>| Decision::new(&command.message, &mut plan);
        let decisions = commands.iter().map(decide).collect();
        TurnPlan { decisions, turn: plan.into_changes().into() }
    }

    /// Apply a turn that was recorded, publish it, and answer its commands. Reads are done in their place.
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
        self.count();
        // The values of the commands are dropped here, after publishing: their `Drop` may be slow, or panic.
        for (command, decision, start, popped) in replies {
            command.reply.send(decision.answer(start, popped, now));
        }
    }

    /// Nothing of a turn was recorded. A refusal may have rested on a write of the same turn, so every write gets the
    /// error; reads are done all the same.
    pub(in crate::owner) fn refuse(
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
