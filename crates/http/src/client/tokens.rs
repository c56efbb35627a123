//! What a login gave.

use std::time::{Duration, SystemTime};

use mainspring::Timestamp;
use mainspring::internal::rfc3339;
use serde::{Deserialize, Serialize};

use crate::auth::Secret;
use crate::protocol::accounts::TokenPair;

/// How long before its end an access token is renewed: a request that takes a moment shall not come too late.
const EARLY: Duration = Duration::from_secs(30);

/// The tokens of a login, from [`Accounts::login`](super::Accounts::login).
///
/// They are written and read with serde, for who keeps them. Whoever has them is logged in, so nobody else may read them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tokens {
    /// Goes with each request.
    #[serde(rename = "access_token")]
    pub access: Secret,
    /// When it is time to renew them, a little before the access token ends. By the clock of this machine.
    #[serde(with = "rfc3339")]
    pub renew_at: Timestamp,
    /// Is good for one renewal.
    #[serde(rename = "refresh_token")]
    pub refresh: Secret,
}

impl Tokens {
    /// Those that were just given.
    pub(super) fn of(issued: TokenPair) -> Self {
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
