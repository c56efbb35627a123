//! Authentication of requests, and the handlers for accounts.

pub(super) mod accounts;
mod body;
mod caller;
mod key;
pub(super) mod session;
#[cfg(test)]
mod tests;

pub(super) use self::caller::{AuditRecord, Caller, Context, Ending};
pub(super) use self::key::PathKey;
