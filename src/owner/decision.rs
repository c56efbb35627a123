//! What was decided about the commands of a turn before the journal was asked.

use crate::model::{BatchError, Error, Timestamp, Written};
use crate::owner::message::Message;
use crate::owner::plan::{Accepted, Plan};
use crate::owner::response::Response;

/// What was decided about one command of a turn.
pub(super) struct Decision {
    outcome: Outcome,
    /// Where the changes of the command end in the turn.
    pub(super) end: usize,
}

enum Outcome {
    Write(Result<Accepted, Error>),
    Many(Vec<Result<Accepted, Error>>),
    Batch(Result<Vec<Accepted>, BatchError>),
    Clear(usize),
    /// The command changes nothing, and is done in its place in the order.
    Read,
}

impl Decision {
    /// Decide a command against the state and what the turn has decided so far.
    pub(super) fn new<T: Clone>(message: &Message<T>, plan: &mut Plan<'_, T>) -> Self {
        let outcome = match message {
            Message::Write(prepared) => Outcome::Write(plan.write(prepared)),
            Message::Many(writes) => {
                let write = |write: &Result<_, Error>| match write {
                    Ok(prepared) => plan.write(prepared),
                    Err(error) => Err(error.clone()),
                };
                Outcome::Many(writes.iter().map(write).collect())
            }
            Message::Batch(writes) => Outcome::Batch(plan.batch(writes)),
            Message::Clear => Outcome::Clear(plan.clear()),
            _ => Outcome::Read,
        };
        Self { outcome, end: plan.len() }
    }

    pub(super) fn is_read(&self) -> bool {
        matches!(self.outcome, Outcome::Read)
    }

    /// The answer, now that the changes are applied and published. `popped` is what they took out, from the change
    /// `start` of the turn on.
    pub(super) fn answer<T>(
        self,
        start: usize,
        mut popped: Vec<Option<T>>,
        at: Timestamp,
    ) -> Result<Response<T>, Error> {
        let mut written = |Accepted { change, revision, counts }: Accepted| {
            let popped = popped.get_mut(change - start).and_then(Option::take);
            Written { popped, ..Written::new(revision, at, counts) }
        };
        Ok(match self.outcome {
            Outcome::Write(result) => Response::Written(written(result?)),
            Outcome::Many(results) => {
                let results = results.into_iter().map(|result| result.map(&mut written));
                Response::Many(results.collect())
            }
            Outcome::Batch(result) => {
                Response::Batch(result.map(|parts| parts.into_iter().map(written).collect()))
            }
            Outcome::Clear(count) => Response::Cleared(count),
            Outcome::Read => unreachable!("a read is answered in its place"),
        })
    }
}
