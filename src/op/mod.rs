//! The operations, as types: what a [`Pending`](crate::Pending) command will do.
//!
//! There is nothing to call here. Commands are made by the methods of [`Store`](crate::Store) and
//! [`Reader`](crate::Reader).

mod read;
mod watch;
mod whole;
mod write;

pub(crate) use self::read::LookAt;
pub use self::read::{Get, Look, Scan};
pub use self::watch::{Subscribe, Watch};
pub use self::whole::{Clear, Compact};
pub use self::write::{Batch, Edit, Many, Modify, Pop, Push, Set, Single, TakesTtl, WriteKind};
use crate::link::Link;
use crate::message::{Envelope, Reply};
use crate::{Error, inbox};

/// What the queue needs to know of an operation. Sealed: the operations are those of this module.
pub trait Operation<T>: Sized {
    /// What it answers.
    type Output;
    /// How it fails.
    type Error: From<Error>;
    #[doc(hidden)]
    type Answer;

    #[doc(hidden)]
    fn message(
        self,
        link: &Link<T>,
        reply: Reply<Self::Answer, Self::Error>,
    ) -> Result<Envelope<T>, Self::Error>;

    #[doc(hidden)]
    fn output(answer: Self::Answer) -> Self::Output;

    /// The queue it goes through.
    #[doc(hidden)]
    fn queue<'l>(&self, link: &'l Link<T>) -> &'l inbox::Sender<Envelope<T>> {
        &link.inbox
    }
}
