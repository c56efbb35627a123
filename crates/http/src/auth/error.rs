//! Errors of accounts.

use std::time::Duration;

use mainspring::Error;

/// An error of an operation on accounts.
///
/// # Examples
///
/// ```
/// use mainspring_http::auth::AuthError;
///
/// // The text does not reveal whether the account exists.
/// assert_eq!(AuthError::Denied.to_string(), "unauthorized: log in, or give a token that is still valid");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The name, the password or the token is invalid. The error does not reveal which one.
    #[error("unauthorized: log in, or give a token that is still valid")]
    Denied,
    /// The account is authenticated, but not allowed to do that.
    #[error("forbidden: this account may not do that")]
    Forbidden,
    /// Too many attempts have failed for this account or from this address.
    #[error("too many attempts: try again in {} s", .wait.as_secs().max(1))]
    TooManyAttempts {
        /// The time to wait before the next attempt.
        wait: Duration,
    },
    /// An account with this name exists.
    #[error("an account with this name already exists; choose another name")]
    Exists,
    /// No account, or no token, has this name.
    #[error("no such account or token")]
    NotFound,
    /// An argument is invalid.
    #[error("{0}")]
    Invalid(&'static str),
    /// Too many passwords are being verified.
    #[error("busy: too many logins at once; try again")]
    Busy,
    /// The system returned no random bytes.
    #[error("the system returned no random bytes")]
    NoRandomness,
    /// The signing keys cannot be read or written.
    #[error("{0}")]
    Keys(String),
    /// The store of the accounts returned an error.
    #[error(transparent)]
    Store(#[from] Error),
}
