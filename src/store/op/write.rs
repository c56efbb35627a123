//! Writes: one, several, or all or nothing.

use std::fmt;
use std::marker::PhantomData;

use tokio::time::Instant;

use super::Operation;
use crate::model::{
    BatchError, Condition, Error, Outcome, Popped, Prepared, Pushed, Refusal, Written,
};
use crate::owner::message::{Envelope, Gated, Message, Reply};
use crate::owner::queue;
use crate::store::link::Link;

/// A write; `K` says which answer it has.
pub struct Single<T, K> {
    pub(crate) write: crate::model::Write<T>,
    kind: PhantomData<fn() -> K>,
}

/// A set or an update: answers the revision, takes a time to live.
#[derive(Debug)]
pub enum Set {}

/// A push: answers [`Pushed`](crate::Pushed), takes a time to live.
#[derive(Debug)]
pub enum Push {}

/// A pop: answers [`Popped`](crate::Popped).
#[derive(Debug)]
pub enum Pop {}

/// A remove, an expire or a persist: answers the revision.
#[derive(Debug)]
pub enum Edit {}

/// Any write, as a value: answers [`Written`](crate::Written), takes a time to live.
#[derive(Debug)]
pub enum Any {}

/// Writes to which a time to live can be added.
pub trait TakesTtl {}

impl TakesTtl for Set {}
impl TakesTtl for Push {}
impl TakesTtl for Any {}

impl<T, K> Single<T, K> {
    pub(crate) fn new(write: crate::model::Write<T>) -> Self {
        Self { write, kind: PhantomData }
    }

    pub(crate) fn map(
        self,
        option: impl FnOnce(crate::model::Write<T>) -> crate::model::Write<T>,
    ) -> Self {
        Self::new(option(self.write))
    }
}

impl<T: Send + Sync + 'static, K: WriteKind<T>> Operation<T> for Single<T, K> {
    type Output = K::Output;
    type Error = Error;
    type Answer = Outcome<T>;

    fn message(self, link: &Link<T>, reply: Reply<Outcome<T>>) -> Result<Envelope<T>, Error> {
        let gated = link.gate_of(self.write.key()).is_some();
        if gated && self.write.condition() != Condition::Any {
            // The device would have acted before the owner could check.
            return Err(Refusal::new("a write to a gated key takes no conditions").into());
        }
        let prepared = link.prepare(self.write)?;
        Ok(if gated {
            Message::Gated(Box::new(Gated { prepared, reply, since: Instant::now() })).into()
        } else {
            Message::Write { prepared, reply }.into()
        })
    }

    fn output(_: &Link<T>, accepted: Outcome<T>) -> K::Output {
        K::output(accepted.into())
    }

    fn queue<'l>(&self, link: &'l Link<T>) -> &'l queue::Sender<Envelope<T>> {
        link.gate_of(self.write.key()).map_or(&link.queue, |gate| &gate.queue)
    }
}

/// A write that goes to the owner together with others, which no gate could look at one by one.
fn prepare_ungated<T>(link: &Link<T>, write: crate::model::Write<T>) -> Result<Prepared<T>, Error> {
    if let Some(gate) = link.gate_of(write.key()) {
        let reason = format!("keys under {:?} are gated: write to them one by one", gate.prefix);
        return Err(Refusal::new(reason).into());
    }
    link.prepare(write)
}

/// Several independent writes in one message; `K` says which answer each has.
pub struct Many<T, K> {
    pub(crate) writes: Vec<crate::model::Write<T>>,
    pub(crate) kind: PhantomData<fn() -> K>,
}

impl<T: Send + Sync + 'static, K: WriteKind<T>> Operation<T> for Many<T, K> {
    type Output = Vec<Result<K::Output, Error>>;
    type Error = Error;
    type Answer = Vec<Result<Outcome<T>, Error>>;

    fn message(self, link: &Link<T>, reply: Reply<Self::Answer>) -> Result<Envelope<T>, Error> {
        let writes = self.writes.into_iter().map(|write| prepare_ungated(link, write)).collect();
        Ok(Message::Many { writes, reply }.into())
    }

    fn output(_: &Link<T>, answer: Self::Answer) -> Self::Output {
        let output = |accepted: Outcome<T>| K::output(accepted.into());
        answer.into_iter().map(|accepted| accepted.map(output)).collect()
    }
}

/// Several writes, all or nothing.
pub struct Batch<T> {
    pub(crate) writes: Vec<crate::model::Write<T>>,
}

impl<T: Send + Sync + 'static> Operation<T> for Batch<T> {
    type Output = Vec<Written<T>>;
    type Error = BatchError;
    type Answer = Vec<Outcome<T>>;

    fn message(
        self,
        link: &Link<T>,
        reply: Reply<Vec<Outcome<T>>, BatchError>,
    ) -> Result<Envelope<T>, BatchError> {
        let prepare = |(index, write)| {
            prepare_ungated(link, write).map_err(|error| BatchError { index, error })
        };
        let writes = self.writes.into_iter().enumerate().map(prepare).collect::<Result<_, _>>()?;
        Ok(Message::Batch { writes, reply }.into())
    }

    fn output(_: &Link<T>, answer: Vec<Outcome<T>>) -> Vec<Written<T>> {
        answer.into_iter().map(Written::from).collect()
    }
}

/// What a kind of write answers.
pub trait WriteKind<T> {
    /// The answer.
    type Output: Send;

    #[doc(hidden)]
    fn output(written: Written<T>) -> Self::Output;
}

impl<T: Send> WriteKind<T> for Set {
    type Output = u64;

    fn output(written: Written<T>) -> u64 {
        written.revision
    }
}

impl<T: Send> WriteKind<T> for Edit {
    type Output = u64;

    fn output(written: Written<T>) -> u64 {
        written.revision
    }
}

impl<T: Send> WriteKind<T> for Any {
    type Output = Written<T>;

    fn output(written: Written<T>) -> Written<T> {
        written
    }
}

impl<T: Send> WriteKind<T> for Push {
    type Output = Pushed;

    fn output(written: Written<T>) -> Pushed {
        Pushed { revision: written.revision, length: written.length }
    }
}

impl<T: Send> WriteKind<T> for Pop {
    type Output = Popped<T>;

    fn output(written: Written<T>) -> Popped<T> {
        let Written { revision, length, popped, .. } = written;
        match popped {
            Some(element) => Popped { element, revision, length },
            None => unreachable!("a pop that was accepted has popped"),
        }
    }
}

impl<T, K> fmt::Debug for Single<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Single").finish_non_exhaustive()
    }
}

impl<T, K> fmt::Debug for Many<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Many").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}
