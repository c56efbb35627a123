//! What is done to the store as a whole.

use super::Operation;
use crate::journal::Compacted;
use crate::model::Error;
use crate::owner::message::{Envelope, Message, Reply};
use crate::store::link::Link;

/// Remove everything.
#[derive(Debug)]
pub struct Clear {}

impl<T: Send + Sync + 'static> Operation<T> for Clear {
    type Output = usize;
    type Error = Error;
    type Answer = usize;

    fn message(self, _: &Link<T>, reply: Reply<usize>) -> Result<Envelope<T>, Error> {
        Ok(Message::Clear { reply }.into())
    }

    fn output(_: &Link<T>, answer: usize) -> usize {
        answer
    }
}

/// Replace the journal's log by a snapshot.
#[derive(Debug)]
pub struct Compact {}

impl<T: Send + Sync + 'static> Operation<T> for Compact {
    type Output = Compacted;
    type Error = Error;
    type Answer = Compacted;

    fn message(self, _: &Link<T>, reply: Reply<Compacted>) -> Result<Envelope<T>, Error> {
        Ok(Message::Compact { reply }.into())
    }

    fn output(_: &Link<T>, compacted: Compacted) -> Compacted {
        compacted
    }
}
