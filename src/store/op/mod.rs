//! The operations, as types: what a [`Pending`](crate::Pending) command will do.
//!
//! There is nothing to call here. Commands are made by the methods of [`Store`](crate::Store) and
//! [`Reader`](crate::Reader).

mod read;
mod watch;
mod whole;
mod write;

pub use self::read::{Contains, Get, Last, Len, Look, LookKind, Part, Range, Scan};
pub use self::watch::{Subscribe, Watch};
pub use self::whole::{Clear, Compact};
pub use self::write::{Any, Batch, Edit, Many, Pop, Push, Set, Single, TakesTtl, WriteKind};
use crate::model::Error;
use crate::owner::message::{Envelope, Reply};
use crate::owner::queue;
use crate::store::link::Link;

/// What the queue needs to know of an operation. Sealed: the operations are those of this module.
pub trait Operation<T>: Sized + Send {
    /// What it answers.
    type Output: Send;
    /// How it fails.
    type Error: From<Error> + Send;
    #[doc(hidden)]
    type Answer: Send;

    #[doc(hidden)]
    fn message(
        self,
        link: &Link<T>,
        reply: Reply<Self::Answer, Self::Error>,
    ) -> Result<Envelope<T>, Self::Error>;

    #[doc(hidden)]
    fn output(_: &Link<T>, answer: Self::Answer) -> Self::Output;

    /// The queue it goes through.
    #[doc(hidden)]
    fn queue<'l>(&self, link: &'l Link<T>) -> &'l queue::Sender<Envelope<T>> {
        &link.queue
    }
}
