//! What can go wrong with accounts.

use std::time::Duration;

use mainspring::Error;

/// Why something about accounts was not done.
///
/// # Examples
///
/// ```
/// use mainspring_http::auth::AuthError;
///
/// // Whoever guesses learns nothing: not even whether there is such an account.
/// assert_eq!(AuthError::Denied.to_string(), "unauthorized: log in, or give a token that is still valid");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The name, the password or the token is not right. Which of them is not said.
    #[error("unauthorized: log in, or give a token that is still valid")]
    Denied,
    /// The account is known, and not allowed to do that.
    #[error("forbidden: this account may not do that")]
    Forbidden,
    /// There were too many failures of this account or from this address.
    #[error("too many attempts: try again in {} s", .wait.as_secs().max(1))]
    TooManyAttempts {
        /// How long to wait.
        wait: Duration,
    },
    /// There is an account of this name already.
    #[error("there is an account of this name already")]
    Exists,
    /// There is no account, or no token, of this name.
    #[error("there is no such account or token")]
    NotFound,
    /// What was given cannot be taken.
    #[error("{0}")]
    Invalid(&'static str),
    /// Too many passwords are being looked at. Try again.
    #[error("busy: too many logins at once; try again")]
    Busy,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
    /// The signing keys cannot be read or written.
    #[error("{0}")]
    Keys(String),
    /// The store of the accounts said no.
    #[error(transparent)]
    Store(#[from] Error),
}
