//! The tokens of a login.

use std::time::{Duration, SystemTime};

use mainspring::Timestamp;
use mainspring::internal::rfc3339;
use serde::{Deserialize, Serialize};

use crate::auth::Secret;
use crate::protocol::accounts::TokenPair;

/// The time before its end at which an access token is renewed, so that it does not end while a request is on its way.
const EARLY: Duration = Duration::from_secs(30);

/// The tokens of a login, from [`Accounts::login`](super::Accounts::login).
///
/// They can be stored with serde. Anyone who can read them can use the login, so protect them like a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tokens {
    /// Authenticates requests.
    #[serde(rename = "access_token")]
    pub access: Secret,
    /// The time of renewal, shortly before the access token ends, by the clock of this machine.
    #[serde(with = "rfc3339")]
    pub renew_at: Timestamp,
    /// Valid for one renewal.
    #[serde(rename = "refresh_token")]
    pub refresh: Secret,
}

impl Tokens {
    /// Converts newly issued tokens.
    pub(super) fn new(issued: TokenPair) -> Self {
        let ttl = Duration::from_secs(issued.expires_in);
        let renew_at = now() + (ttl - EARLY.min(ttl / 4));
        Self { access: issued.access_token, renew_at, refresh: issued.refresh_token }
    }

    pub(super) fn are_fresh(&self) -> bool {
        now() < self.renew_at
    }
}

fn now() -> Timestamp {
    SystemTime::now().into()
}
