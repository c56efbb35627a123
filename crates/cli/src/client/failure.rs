//! Why a command was not done, in the words of the command line: what happened, and what to try.

use std::fmt;

use mainspring::{BatchError, Error, Key};
use mainspring_http::auth::AuthError;

use crate::exit::Exit;

/// An error with what it was about.
#[derive(Debug)]
pub struct Failure {
    text: String,
    exit: Exit,
}

impl Failure {
    pub fn error(exit: Exit, text: impl Into<String>) -> anyhow::Error {
        Self { text: text.into(), exit }.into()
    }

    /// What the user gave makes no sense.
    pub fn misused(text: String) -> anyhow::Error {
        Self::error(Exit::Misused, text)
    }

    /// A write or a read of one key was not done.
    pub fn of_key(error: &Error, key: &str) -> anyhow::Error {
        let exit = Exit::of_refusal(error);
        match error {
            Error::NotFound => Self::error(exit, format!("there is no key {key:?}")),
            Error::ConditionFailed { current: None } => {
                Self::error(exit, format!("the condition does not hold: there is no key {key:?}"))
            }
            Error::ConditionFailed { current: Some(revision) } => Self::error(
                exit,
                format!("the condition does not hold: {key:?} is there, at revision {revision}"),
            ),
            Error::WrongKind => Self::error(exit, format!("{key:?} holds an item, not a list")),
            Error::ListEmpty => Self::error(exit, format!("the list {key:?} is empty")),
            error => error.clone().into(),
        }
    }

    /// A batch was not done. `place` says where the write is that failed.
    pub fn of_batch(failed: BatchError, keys: &[Key], place: &str) -> anyhow::Error {
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
            ) => Self::error(
                Exit::of_refusal(error),
                format!("{place}{}; nothing was done", Self::of_key(error, key)),
            ),
            // About all of it, and not about one of the keys.
            _ => failed.into(),
        }
    }

    /// Something about accounts was not done, by a server or in a folder.
    pub fn of_accounts(error: &AuthError) -> anyhow::Error {
        let exit = match error {
            AuthError::Denied | AuthError::Forbidden => Exit::Unauthorized,
            AuthError::NotFound => Exit::NotFound,
            AuthError::Busy => Exit::Unreachable,
            AuthError::Keys(_) | AuthError::NoRandomness => Exit::Failed,
            AuthError::Store(error) => Exit::of_refusal(error),
            _ => Exit::Refused,
        };
        Self::error(exit, error.to_string())
    }

    pub fn exit(&self) -> Exit {
        self.exit
    }
}

/// What is wrong, without who said so.
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
