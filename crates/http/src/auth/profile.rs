//! Public information about accounts and tokens.

use mainspring::Timestamp;
use mainspring::internal::rfc3339;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::secret::Secret;

/// Information about an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = Account))]
#[non_exhaustive]
pub struct Profile {
    /// Its name.
    /// Its name.
    pub name: String,
    /// Its role and prefix.
    #[serde(flatten)]
    pub access: Access,
    /// The time of its creation.
    #[serde(with = "rfc3339", rename = "created_at")]
    #[cfg_attr(feature = "server", schema(value_type = String, format = DateTime))]
    pub created: Timestamp,
    /// The number of active logins.
    pub logins: usize,
    /// Its API tokens.
    pub tokens: Vec<TokenInfo>,
}

/// Information about an API token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = Token))]
#[non_exhaustive]
pub struct TokenInfo {
    /// Identifies it among the tokens of its account.
    pub id: String,
    /// What it is for.
    pub label: String,
    /// The most that it may do. The access of its account may be smaller.
    #[serde(flatten)]
    pub access: Access,
    /// The time of its creation.
    #[serde(with = "rfc3339", rename = "created_at")]
    #[cfg_attr(feature = "server", schema(value_type = String, format = DateTime))]
    pub created: Timestamp,
    /// The time at which it expires, if it does.
    #[serde(default, with = "rfc3339::option", rename = "expires_at")]
    #[cfg_attr(feature = "server", schema(value_type = Option<String>, format = DateTime, required = true))]
    pub expires: Option<Timestamp>,
}

/// A new token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct NewToken {
    /// The token itself. It is not shown again.
    #[cfg_attr(feature = "server", schema(value_type = String))]
    pub token: Secret,
    /// Information about it.
    #[serde(flatten)]
    pub info: TokenInfo,
}
