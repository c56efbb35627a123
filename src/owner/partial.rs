//! Turns with a change that the journal cannot hold: only the write at fault is rejected.

use std::sync::Arc;

use super::Owner;
use crate::journal::Journal;
use crate::model::{Error, PreparedWrite, Timestamp, Written};
use crate::owner::message::{CommandReply, CommandResult, Envelope, Message};
use crate::owner::reply;
use crate::owner::response::Response;

type Writes<T> = Vec<Result<PreparedWrite<T>, Error>>;
type Results<T> = Vec<Result<Written<T>, Error>>;

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Retry a turn of which nothing was recorded, because of one of its changes. Each half becomes a turn of its own,
    /// and so on down to the write at fault: one in a turn of 256 costs 16 appends instead of 256.
    pub(super) async fn split_turn(
        &mut self,
        mut commands: Vec<Envelope<T>>,
        cause: Arc<str>,
        mut now: Timestamp,
    ) {
        if commands.len() > 1 {
            let rest = commands.split_off(commands.len() / 2);
            for half in [commands, rest] {
                Box::pin(self.planned_turn(half, now)).await;
                now = self.now_after(now);
            }
            return;
        }
        let Some(command) = commands.pop() else { return };
        match command.message {
            Message::Many(writes) => self.split_writes(writes, command.reply, cause, now).await,
            _ => self.data.reject(vec![command], &Error::Refused(cause.into()), now),
        }
    }

    /// The same for the writes of one command, which are independent of each other.
    async fn split_writes(
        &mut self,
        mut writes: Writes<T>,
        reply: CommandReply<T>,
        cause: Arc<str>,
        mut now: Timestamp,
    ) {
        if writes.len() < 2 {
            return reply.send(Ok(Response::Many(vec![Err(Error::Refused(cause.into()))])));
        }
        let mut results = Vec::with_capacity(writes.len());
        let rest = writes.split_off(writes.len() / 2);
        for half in [writes, rest] {
            let (part, command) = PartialCommand::new(half);
            Box::pin(self.planned_turn(vec![command], now)).await;
            if !part.add_to(&mut results) {
                return;
            }
            now = self.now_after(now);
        }
        reply.send(Ok(Response::Many(results)));
    }
}

/// Some of the writes of one command, as a command of its own.
pub(super) struct PartialCommand<T> {
    receiver: reply::ReplyReceiver<CommandResult<T>>,
    length: usize,
}

impl<T> PartialCommand<T> {
    pub(super) fn new(writes: Writes<T>) -> (Self, Envelope<T>) {
        let (reply, receiver) = reply::channel(None);
        let length = writes.len();
        let message = Message::Many(writes);
        (Self { receiver, length }, Envelope { message, reply, span: None })
    }

    /// Add the results of its writes. Returns whether there was a reply: a turn replies to all of its
    /// commands, unless the owner is about to end.
    pub(super) fn add_to(self, results: &mut Results<T>) -> bool {
        match self.receiver.try_take() {
            Some(Ok(Response::Many(part))) => results.extend(part),
            Some(Err(error)) => results.extend((0..self.length).map(|_| Err(error.clone()))),
            Some(Ok(_)) | None => return false,
        }
        true
    }
}
