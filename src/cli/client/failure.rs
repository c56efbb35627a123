//! Why a command was not done, in the words of the command line: what happened, and what to try.

use std::fmt;

use mainspring::auth::AuthError;
use mainspring::{BatchError, Error, Key};

use super::who::Who;
use crate::cli::exit::Exit;

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

    /// What the library says of it is not all that can be said here.
    pub fn explain(error: anyhow::Error, who: &Who, url: &str) -> anyhow::Error {
        let cause = error.downcast_ref::<Error>();
        let cause = match error.downcast_ref::<AuthError>() {
            Some(AuthError::Store(Error::Unknown)) => {
                let text = "the answer is lost, and it may or may not have been done: look with \"mainspring user list\"";
                return Self::error(Exit::Unknown, text);
            }
            Some(AuthError::Store(error)) => Some(error),
            Some(AuthError::Denied) => Some(&Error::Unauthorized),
            Some(AuthError::Forbidden) => Some(&Error::Forbidden),
            Some(error) => return Self::of_accounts(error),
            None => cause,
        };
        let cause =
            cause.or_else(|| error.downcast_ref::<BatchError>().map(|failed| &failed.error));
        let Some(cause) = cause else { return error };
        let text = match cause {
            Error::Unreachable(why) => {
                let why = why.strip_prefix(url).unwrap_or(why).trim_start_matches([':', ' ', '/']);
                if url.trim().starts_with("https:") {
                    return Self::error(
                        Exit::of_refusal(cause),
                        format!("cannot talk to the server at {url}: {why}"),
                    );
                }
                format!(
                    "no server at {url}: start one with \"mainspring serve\", or name it with --url ({why})"
                )
            }
            Error::Closed => format!("the server at {url} is shutting down: try again when it is back"),
            Error::Rejected(why) => why.to_string(),
            Error::Unauthorized => who.is_unknown(url),
            Error::Forbidden => who.may_not(url),
            Error::Unknown => format!(
                "the answer is lost, and a write may or may not have happened: look with \"mainspring get\" ({cause})"
            ),
            Error::Compacted { oldest } => format!(
                "what has changed since then is not kept any more (only what came after revision {oldest}): start over \
                 with --from snapshot"
            ),
            Error::WrongStore => "the server has another store than the one that this place is in: it was restored, or \
                                  it has no journal and was restarted. Start over with --from snapshot"
                .into(),
            cause => cause.to_string(),
        };
        Self::error(Exit::of_refusal(cause), text)
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
