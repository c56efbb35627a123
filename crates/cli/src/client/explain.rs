//! Error messages of the command line for errors of the library.

use mainspring::{BatchError, Error};
use mainspring_http::auth::AuthError;

use super::failure::Failure;
use super::identity::Identity;
use crate::exit::Exit;

/// Add what only the command line knows to an error: the URL, the account, and commands that help.
pub fn explain(error: anyhow::Error, identity: &Identity, url: &str) -> anyhow::Error {
    let cause = error.downcast_ref::<Error>();
    let cause = match error.downcast_ref::<AuthError>() {
        Some(AuthError::Store(Error::Unknown)) => {
            let text = "the answer was lost, and the change may or may not be done: check with \"mainspring user list\"";
            return Failure::with_exit(Exit::Unknown, text);
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
                return Failure::with_exit(
                    Exit::from_error(cause),
                    format!("cannot connect to the server at {url}: {why}"),
                );
            }
            format!(
                "no server at {url}: start one with \"mainspring serve\", or set --url ({why})"
            )
        }
        Error::Closed => format!("the server at {url} is shutting down: try again after its restart"),
        Error::Rejected(why) => why.to_string(),
        Error::Unauthorized => identity.unauthorized_text(url),
        Error::Forbidden => identity.forbidden_text(url),
        Error::Unknown => format!(
            "the answer was lost, and a write may or may not have happened: check with \"mainspring get\" ({cause})"
        ),
        Error::Compacted { oldest } => format!(
            "changes since then are no longer available (the oldest are those after revision {oldest}): start again \
             with --from snapshot"
        ),
        Error::WrongStore => {
            "the token belongs to another store: the server was restored, or restarted without a journal; start again \
             with --from snapshot"
                .into()
        }
        cause => cause.to_string(),
    };
    Failure::with_exit(Exit::from_error(cause), text)
}
