//! Turns with a change that the journal cannot hold: only the write at fault is refused.

use std::sync::Arc;

use super::Owner;
use super::job::Job;
use crate::journal::Journal;
use crate::model::{Error, Outcome, Prepared, Timestamp};
use crate::owner::message::Reply;
use crate::owner::reply;

type Writes<T> = Vec<Result<Prepared<T>, Error>>;
type Answers<T> = Vec<Result<Outcome<T>, Error>>;

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Nothing of a turn was recorded, because of one of its changes. Each half is a turn of its own, and so on
    /// down to the write at fault: one in a turn of 256 costs 16 appends instead of 256.
    pub(super) async fn serve_apart(
        &mut self,
        mut jobs: Vec<Job<T>>,
        cause: Arc<str>,
        mut now: Timestamp,
    ) {
        if jobs.len() > 1 {
            let rest = jobs.split_off(jobs.len() / 2);
            for half in [jobs, rest] {
                Box::pin(self.planned_turn(half, now)).await;
                now = self.now_after(now);
            }
            return;
        }
        match jobs.pop() {
            Some(Job::Many { writes, reply }) => self.halve(writes, reply, cause, now).await,
            job => self.refuse(job.into_iter().collect(), &Error::Refused(cause.into()), now),
        }
    }

    /// The same with writes that are independent of each other.
    async fn halve(
        &mut self,
        mut writes: Writes<T>,
        reply: Reply<Answers<T>>,
        cause: Arc<str>,
        mut now: Timestamp,
    ) {
        if writes.len() < 2 {
            return reply.send(Ok(vec![Err(Error::Refused(cause.into()))]));
        }
        let mut answers = Vec::with_capacity(writes.len());
        let rest = writes.split_off(writes.len() / 2);
        for half in [writes, rest] {
            let (part, answer) = Part::of(half.len());
            Box::pin(self.planned_turn(vec![Job::Many { writes: half, reply: part }], now)).await;
            if !answer.add_to(&mut answers) {
                return;
            }
            now = self.now_after(now);
        }
        reply.send(Ok(answers));
    }
}

/// The answer to a part of many writes.
pub(super) struct Part<T> {
    answer: reply::Answer<Result<Answers<T>, Error>>,
    length: usize,
}

impl<T> Part<T> {
    pub(super) fn of(length: usize) -> (Reply<Answers<T>>, Self) {
        let (reply, answer) = reply::channel(None);
        (reply, Self { answer, length })
    }

    /// Add what each of its writes is answered. Says whether there is an answer: a turn answers all of its
    /// commands, unless the owner is about to end.
    pub(super) fn add_to(self, answers: &mut Answers<T>) -> bool {
        match self.answer.try_take() {
            Some(Ok(part)) => answers.extend(part),
            Some(Err(error)) => answers.extend((0..self.length).map(|_| Err(error.clone()))),
            None => return false,
        }
        true
    }
}
