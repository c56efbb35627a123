//! The error type of commands: a message and an exit code.

use std::fmt;

use mainspring::{BatchError, Error, Key};
use mainspring_http::auth::AuthError;

use crate::exit::Exit;

/// An error message with its exit code.
#[derive(Debug)]
pub struct Failure {
    text: String,
    exit: Exit,
}

impl Failure {
    pub fn with_exit(exit: Exit, text: impl Into<String>) -> anyhow::Error {
        Self { text: text.into(), exit }.into()
    }

    /// An error for invalid input.
    pub fn usage(text: String) -> anyhow::Error {
        Self::with_exit(Exit::Usage, text)
    }

    /// The error of a command on one key.
    pub fn of_key(error: &Error, key: &str) -> anyhow::Error {
        let exit = Exit::from_error(error);
        match error {
            Error::NotFound => Self::with_exit(exit, format!("key {key:?} not found")),
            Error::ConditionFailed { current: None } => {
                Self::with_exit(exit, format!("condition failed: key {key:?} not found"))
            }
            Error::ConditionFailed { current: Some(revision) } => Self::with_exit(
                exit,
                format!("condition failed: key {key:?} has revision {revision}"),
            ),
            Error::WrongKind => {
                Self::with_exit(exit, format!("key {key:?} holds an item; expected a list"))
            }
            Error::ListEmpty => Self::with_exit(exit, format!("list {key:?} is empty")),
            error => error.clone().into(),
        }
    }

    /// The error of a batch. `position` is that of the failed write in the input.
    pub fn of_batch(failed: BatchError, keys: &[Key], position: &str) -> anyhow::Error {
        match (keys.get(failed.index), &failed.error) {
            (
                Some(key),
                error @ (Error::NotFound
                | Error::WrongKind
                | Error::ListEmpty
                | Error::ConditionFailed { .. }
                | Error::InvalidKey { .. }
                | Error::InvalidTtl
                | Error::TooLarge { .. }
                | Error::OverLimit { .. }
                | Error::Refused(_)),
            ) => Self::with_exit(
                Exit::from_error(error),
                format!("{position}{}; nothing was done", Self::of_key(error, key)),
            ),
            // An error of the batch, not of a key.
            _ => failed.into(),
        }
    }

    /// The error of a command on accounts.
    pub fn of_accounts(error: &AuthError) -> anyhow::Error {
        let exit = match error {
            AuthError::Denied | AuthError::Forbidden => Exit::Unauthorized,
            AuthError::NotFound => Exit::NotFound,
            AuthError::Busy => Exit::Unreachable,
            AuthError::Keys(_) | AuthError::NoRandomness => Exit::Failed,
            AuthError::Store(error) => Exit::from_error(error),
            _ => Exit::Rejected,
        };
        Self::with_exit(exit, error.to_string())
    }

    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// The message of an error, without the prefix that names the server as its source.
pub fn reason(error: &Error) -> String {
    match error {
        Error::Rejected(why) => why.to_string(),
        error => error.to_string(),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Failure {}
