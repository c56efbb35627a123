//! Authentication, and the handlers about accounts.

pub(super) mod accounts;
mod body;
mod caller;
mod key;
pub(super) mod session;
#[cfg(test)]
mod tests;

pub(super) use self::caller::{Caller, Context, Ending, Note};
pub(super) use self::key::PathKey;
