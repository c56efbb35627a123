//! Bodies of requests and responses about accounts.

use serde::{Deserialize, Serialize};

use crate::auth::{Access, Profile, Role, Secret};

/// The name and the password of an account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct Login {
    #[cfg_attr(feature = "server", schema(min_length = 1, max_length = 64, example = "ada"))]
    pub(crate) name: String,
    #[cfg_attr(feature = "server", schema(value_type = String, max_length = 1024, example = "wheels within wheels"))]
    pub(crate) password: Secret,
}

/// The tokens of a login, with the member names of OAuth (RFC 6749, section 5.1).
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct TokenPair {
    /// Authenticates requests, as `Authorization: Bearer`.
    #[cfg_attr(feature = "server", schema(value_type = String))]
    pub(crate) access_token: Secret,
    /// `Bearer`.
    pub(crate) token_type: String,
    /// For how many seconds the access token is valid.
    pub(crate) expires_in: u64,
    /// Valid for one `POST /auth/refresh`.
    #[cfg_attr(feature = "server", schema(value_type = String))]
    pub(crate) refresh_token: Secret,
    /// For how many seconds the refresh token is valid.
    pub(crate) refresh_expires_in: u64,
}

/// A refresh token.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct Refresh {
    #[cfg_attr(feature = "server", schema(value_type = String))]
    pub(crate) refresh_token: Secret,
}

/// Selects the logins that end.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct Logout {
    /// Ends every login of the account instead of this one.
    #[serde(default)]
    pub(crate) all: bool,
}

/// A new account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct NewAccount {
    #[cfg_attr(
        feature = "server",
        schema(pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", example = "ada")
    )]
    pub(crate) name: String,
    #[cfg_attr(feature = "server", schema(value_type = String, min_length = 8, max_length = 1024, example = "wheels within wheels"))]
    pub(crate) password: Secret,
    pub(crate) role: Role,
    /// Restricts the account to keys with this prefix. Not allowed for an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(min_length = 1, max_length = 1024, nullable = false))]
    pub(crate) prefix: Option<String>,
}

/// The new access of an account or a token. Unlike [`Access`], it rejects unknown members: a misspelled `prefix` would
/// otherwise mean no restriction.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccess {
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
}

impl From<NewAccess> for Access {
    fn from(NewAccess { role, prefix }: NewAccess) -> Self {
        Self { role, prefix }
    }
}

impl From<Access> for NewAccess {
    fn from(Access { role, prefix }: Access) -> Self {
        Self { role, prefix }
    }
}

/// The current password of the caller, and the new one.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct OwnPassword {
    #[cfg_attr(feature = "server", schema(value_type = String))]
    pub(crate) current: Secret,
    #[cfg_attr(feature = "server", schema(value_type = String, min_length = 8, max_length = 1024))]
    pub(crate) new: Secret,
}

/// The new password of an account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct Password {
    #[cfg_attr(feature = "server", schema(value_type = String, min_length = 8, max_length = 1024))]
    pub(crate) password: Secret,
}

/// All accounts.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema), schema(as = Accounts))]
pub(crate) struct Profiles {
    pub(crate) accounts: Vec<Profile>,
}

/// A request for an API token.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct NewTokenRequest {
    /// What the token is for.
    #[serde(default)]
    #[cfg_attr(feature = "server", schema(max_length = 100))]
    pub(crate) label: String,
    /// The name of the account; by default the caller's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// The access of the token; by default that of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "server", schema(value_type = Option<Access>))]
    pub(crate) access: Option<NewAccess>,
    /// The time to live, such as `720h`; by default the token never expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<String>,
}

/// The ids of the valid signing keys, newest first.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct SigningKeys {
    pub(crate) keys: Vec<String>,
}

/// The response to a successful request that has no result.
#[cfg(feature = "server")]
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Ok)]
pub(crate) struct Acknowledgement {
    #[schema(pattern = "^ok$", example = "ok")]
    message: &'static str,
}

#[cfg(feature = "server")]
impl Acknowledgement {
    pub(crate) const OK: Self = Self { message: "ok" };
}
