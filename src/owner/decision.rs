//! The decisions on the commands of a turn, before its changes are journaled.

use crate::model::{BatchError, Error, Timestamp, Written};
use crate::owner::message::Message;
use crate::owner::plan::{AcceptedWrite, Plan};
use crate::owner::response::Response;

/// The decision on one command of a turn.
pub(super) struct Decision {
    kind: DecisionKind,
    /// The end of the command's changes in the turn.
    pub(super) end: usize,
}

enum DecisionKind {
    Write(Result<AcceptedWrite, Error>),
    Many(Vec<Result<AcceptedWrite, Error>>),
    Batch(Result<Vec<AcceptedWrite>, BatchError>),
    Clear(usize),
    /// The command changes nothing. It is executed in order when the turn is applied.
    Read,
}

impl Decision {
    /// Decide a command against the state and the decisions of the turn so far.
    pub(super) fn new<T: Clone>(message: &Message<T>, plan: &mut Plan<'_, T>) -> Self {
        let kind = match message {
            Message::Write(prepared) => DecisionKind::Write(plan.write(prepared)),
            Message::Many(writes) => {
                let write = |write: &Result<_, Error>| match write {
                    Ok(prepared) => plan.write(prepared),
                    Err(error) => Err(error.clone()),
                };
                DecisionKind::Many(writes.iter().map(write).collect())
            }
            Message::Batch(writes) => DecisionKind::Batch(plan.batch(writes)),
            Message::Clear => DecisionKind::Clear(plan.clear()),
            _ => DecisionKind::Read,
        };
        Self { kind, end: plan.len() }
    }

    pub(super) fn is_read(&self) -> bool {
        matches!(self.kind, DecisionKind::Read)
    }

    /// The result of the command, after its changes were applied and published. `popped` has the elements that they
    /// removed, beginning with the change `start` of the turn.
    pub(super) fn into_result<T>(
        self,
        start: usize,
        mut popped: Vec<Option<T>>,
        at: Timestamp,
    ) -> Result<Response<T>, Error> {
        let mut written = |AcceptedWrite { change, revision, counts }: AcceptedWrite| {
            let popped = popped.get_mut(change - start).and_then(Option::take);
            Written { popped, ..Written::new(revision, at, counts) }
        };
        Ok(match self.kind {
            DecisionKind::Write(result) => Response::Written(written(result?)),
            DecisionKind::Many(results) => {
                let results = results.into_iter().map(|result| result.map(&mut written));
                Response::Many(results.collect())
            }
            DecisionKind::Batch(result) => {
                Response::Batch(result.map(|parts| parts.into_iter().map(written).collect()))
            }
            DecisionKind::Clear(count) => Response::Cleared(count),
            DecisionKind::Read => unreachable!("a read is executed when the turn is applied"),
        })
    }
}
