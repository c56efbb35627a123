//! The commands of a planned turn: decided together, answered together.

use crate::model::{BatchError, Error, Outcome, Prepared, Taken, Timestamp};
use crate::owner::message::{Envelope, Message, Reply};
use crate::owner::plan::{Accepted, Plan};

/// A write, or several, whose changes wait for the journal.
pub(super) enum Job<T> {
    Write {
        prepared: Prepared<T>,
        reply: Reply<Outcome<T>>,
    },
    Many {
        writes: Vec<Result<Prepared<T>, Error>>,
        reply: Reply<Vec<Result<Outcome<T>, Error>>>,
    },
    Batch {
        writes: Vec<Prepared<T>>,
        reply: Reply<Vec<Outcome<T>>, BatchError>,
    },
    Clear {
        reply: Reply<usize>,
    },
    /// Runs in its place in the order.
    Read(Envelope<T>),
}

/// What was decided about a job, and where its changes in the turn end.
pub(super) struct Verdict {
    kind: Kind,
    pub(super) end: usize,
}

enum Kind {
    Write(Result<Accepted, Error>),
    Many(Vec<Result<Accepted, Error>>),
    Batch(Result<Vec<Accepted>, BatchError>),
    Clear(usize),
    Read,
}

impl<T> From<Envelope<T>> for Job<T> {
    fn from(envelope: Envelope<T>) -> Self {
        let _span = envelope.enter();
        match envelope.message {
            Message::Write { prepared, reply } => Self::Write { prepared, reply },
            Message::Many { writes, reply } => Self::Many { writes, reply },
            Message::Batch { writes, reply } => Self::Batch { writes, reply },
            Message::Clear { reply } => Self::Clear { reply },
            message => Self::Read(Envelope { message, span: envelope.span }),
        }
    }
}

impl<T: Clone> Job<T> {
    pub(super) fn decide(&self, plan: &mut Plan<'_, T>) -> Verdict {
        let kind = match self {
            Self::Write { prepared, .. } => Kind::Write(plan.write(prepared)),
            Self::Many { writes, .. } => Kind::Many(
                writes
                    .iter()
                    .map(|write| write.as_ref().map_err(Clone::clone).and_then(|w| plan.write(w)))
                    .collect(),
            ),
            Self::Batch { writes, .. } => Kind::Batch(plan.batch(writes)),
            Self::Clear { .. } => Kind::Clear(plan.clear()),
            Self::Read(_) => Kind::Read,
        };
        Verdict { kind, end: plan.len() }
    }
}

impl<T> Job<T> {
    /// Nothing of the turn was recorded. A refusal may have rested on a write of the same turn, so
    /// every write gets the error; a read is given back to be done.
    pub(super) fn refuse(self, error: &Error) -> Option<Envelope<T>> {
        let error = error.clone();
        match self {
            Self::Write { reply, .. } => reply.send(Err(error)),
            Self::Many { reply, .. } => reply.send(Err(error)),
            Self::Batch { reply, .. } => reply.send(Err(error.into())),
            Self::Clear { reply } => reply.send(Err(error)),
            Self::Read(envelope) => return Some(envelope),
        }
        None
    }

    /// Answer, now that the changes are applied and published. `popped` is what they took out, from
    /// the change `start` of the turn on.
    pub(super) fn reply(
        self,
        verdict: Verdict,
        start: usize,
        mut popped: Vec<Option<T>>,
        at: Timestamp,
    ) {
        let mut written = |accepted: Accepted| Outcome {
            revision: accepted.revision,
            at,
            length: accepted.length,
            taken: popped
                .get_mut(accepted.change - start)
                .and_then(Option::take)
                .map_or(Taken::Nothing, Taken::Popped),
        };
        match (self, verdict.kind) {
            (Self::Write { reply, .. }, Kind::Write(result)) => {
                reply.send(result.map(written));
            }
            (Self::Many { reply, .. }, Kind::Many(results)) => {
                let results = results.into_iter().map(|result| result.map(&mut written));
                reply.send(Ok(results.collect()));
            }
            (Self::Batch { reply, .. }, Kind::Batch(result)) => {
                reply.send(result.map(|parts| parts.into_iter().map(written).collect()));
            }
            (Self::Clear { reply }, Kind::Clear(count)) => reply.send(Ok(count)),
            _ => {}
        }
    }
}
