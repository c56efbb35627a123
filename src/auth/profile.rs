//! What may be known of accounts and tokens, as it is answered and sent.

use serde::{Deserialize, Serialize};

use super::access::Access;
use super::secret::Secret;
use crate::Timestamp;
use crate::wire::rfc3339;

/// What may be known of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// What it may do.
    #[serde(flatten)]
    pub access: Access,
    /// When it was made.
    #[serde(with = "rfc3339", rename = "created_at")]
    pub created: Timestamp,
    /// Logins that have not ended.
    pub logins: usize,
    /// Its API tokens.
    pub tokens: Vec<TokenInfo>,
}

/// What may be known of an API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenInfo {
    /// Names it, for who wants to remove it.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// What it may do at most. Its account may be allowed less by now.
    #[serde(flatten)]
    pub access: Access,
    /// When it was made.
    #[serde(with = "rfc3339", rename = "created_at")]
    pub created: Timestamp,
    /// When it ends; `None`: never.
    #[serde(default, with = "rfc3339::option", rename = "expires_at")]
    pub expires: Option<Timestamp>,
}

/// A token that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NewToken {
    /// The token itself: nobody can see it again.
    pub token: Secret,
    /// What is known of it.
    #[serde(flatten)]
    pub info: TokenInfo,
}
