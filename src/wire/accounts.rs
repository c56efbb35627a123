//! What is sent and answered about accounts.

use serde::{Deserialize, Serialize};

use crate::auth::{Access, Profile, Role, Secret};

/// Who wants to log in.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: Secret,
}

/// What a login answers, in the words of OAuth ([RFC 6749](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Issued {
    pub(crate) access_token: Secret,
    pub(crate) token_type: String,
    /// In seconds.
    pub(crate) expires_in: u64,
    pub(crate) refresh_token: Secret,
    /// In seconds.
    pub(crate) refresh_expires_in: u64,
}

/// A refresh token that is to be exchanged.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refresh {
    pub(crate) refresh_token: Secret,
}

/// Which logins are to end.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logout {
    #[serde(default)]
    pub(crate) all: bool,
}

/// An account that is to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    pub(crate) name: String,
    pub(crate) password: Secret,
    pub(crate) role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prefix: Option<String>,
}

/// What an account or a token shall be allowed. A limit that is misspelled must not be none.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Allowed {
    role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
}

impl From<Allowed> for Access {
    fn from(Allowed { role, prefix }: Allowed) -> Self {
        Self { role, prefix }
    }
}

impl From<Access> for Allowed {
    fn from(Access { role, prefix }: Access) -> Self {
        Self { role, prefix }
    }
}

/// One's own password that is to be changed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnPassword {
    pub(crate) current: Secret,
    pub(crate) new: Secret,
}

/// The password of another account.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Password {
    pub(crate) password: Secret,
}

/// All accounts.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Profiles {
    pub(crate) accounts: Vec<Profile>,
}

/// A token that is to be made.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenWanted {
    #[serde(default)]
    pub(crate) label: String,
    /// Whose; one's own unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) access: Option<Allowed>,
    /// In words, such as `720h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ttl: Option<String>,
}

/// The signing keys that are live, the newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SigningKeys {
    pub(crate) keys: Vec<String>,
}
