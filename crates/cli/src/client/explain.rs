//! Errors of the library in the words of the command line.

use mainspring::{BatchError, Error};
use mainspring_http::auth::AuthError;

use super::failure::Failure;
use super::who::Who;
use crate::exit::Exit;

/// The error of a command as its user needs it: with what the command line knows beyond the library.
pub fn explain(error: anyhow::Error, who: &Who, url: &str) -> anyhow::Error {
    let cause = error.downcast_ref::<Error>();
    let cause = match error.downcast_ref::<AuthError>() {
        Some(AuthError::Store(Error::Unknown)) => {
            let text = "the answer is lost, and it may or may not have been done: look with \"mainspring user list\"";
            return Failure::error(Exit::Unknown, text);
        }
        Some(AuthError::Store(error)) => Some(error),
        Some(AuthError::Denied) => Some(&Error::Unauthorized),
        Some(AuthError::Forbidden) => Some(&Error::Forbidden),
        Some(error) => return Failure::of_accounts(error),
        None => cause,
    };
    let cause = cause.or_else(|| error.downcast_ref::<BatchError>().map(|failed| &failed.error));
    let Some(cause) = cause else { return error };
    let text = match cause {
        Error::Unreachable(why) => {
            let why = why.strip_prefix(url).unwrap_or(why).trim_start_matches([':', ' ', '/']);
            if url.trim().starts_with("https:") {
                return Failure::error(
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
        Error::WrongStore => {
            "the server has another store than the one that this place is in: it was restored, or \
                              it has no journal and was restarted. Start over with --from snapshot"
                .into()
        }
        cause => cause.to_string(),
    };
    Failure::error(Exit::of_refusal(cause), text)
}
