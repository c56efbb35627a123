//! The stored record of an account.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::AuthError;
use super::access::Access;
use super::fingerprint::Fingerprint;
use super::secret::Secret;

/// The maximum number of concurrent logins of one account. A further login ends the oldest.
pub(super) const MAX_SESSIONS: usize = 64;
/// The number of used refresh tokens of a login that are kept to detect a second use.
pub(super) const MAX_USED: usize = 32;
/// The maximum number of API tokens of one account.
pub(super) const MAX_TOKENS: usize = 64;

/// An account as it is stored: cheap to clone, and without a secret that a thief could use.
///
/// It has no public members: [`Auth`](super::Auth) returns the public information about an account.
#[derive(Debug, Clone)]
pub struct Account(Arc<Record>);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) access: Access,
    /// Argon2id hash, in the format of the Password Hashing Competition.
    pub(super) password: Secret,
    /// In seconds since the Unix epoch, as all times here.
    pub(super) created: u64,
    #[serde(default)]
    pub(super) sessions: Vec<Session>,
    #[serde(default)]
    pub(super) tokens: Vec<ApiToken>,
}

/// A login, and the refresh tokens that were issued for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    /// The fingerprint of the only valid refresh token.
    pub(super) refresh: Fingerprint,
    /// The fingerprints of the tokens before it, newest last.
    #[serde(default)]
    pub(super) used: Vec<Fingerprint>,
    pub(super) expires: u64,
}

/// An API token, for a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ApiToken {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) fingerprint: Fingerprint,
    /// At most the access of the account at the time of the request.
    #[serde(flatten)]
    pub(super) access: Access,
    pub(super) created: u64,
    #[serde(default)]
    pub(super) expires: Option<u64>,
}

impl Account {
    pub(super) fn new(access: Access, password: Secret, created: u64) -> Self {
        let (sessions, tokens) = (Vec::new(), Vec::new());
        Self(Arc::new(Record { access, password, created, sessions, tokens }))
    }

    pub(super) fn record(&self) -> &Record {
        &self.0
    }

    /// Returns a copy with a change.
    pub(super) fn with(&self, change: impl FnOnce(&mut Record)) -> Self {
        let mut record = Record::clone(&self.0);
        change(&mut record);
        Self(Arc::new(record))
    }
}

impl Record {
    pub(super) fn session(&self, id: &str, now: u64) -> Option<&Session> {
        self.sessions.iter().find(|session| session.id == id && session.expires > now)
    }

    pub(super) fn token(&self, id: &str, now: u64) -> Option<&ApiToken> {
        let is_valid =
            |token: &&ApiToken| token.id == id && token.expires.is_none_or(|at| at > now);
        self.tokens.iter().find(is_valid)
    }

    /// Removes expired logins and tokens.
    pub(super) fn sweep(&mut self, now: u64) {
        self.sessions.retain(|session| session.expires > now);
        self.tokens.retain(|token| token.expires.is_none_or(|at| at > now));
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Record::deserialize(deserializer).map(|record| Self(Arc::new(record)))
    }
}

/// Checks the name of an account. Names are part of tokens and of paths, where `..` has another meaning.
pub(super) fn validate_name(name: &str) -> Result<(), AuthError> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins && name.len() <= 64 && name.bytes().all(is_allowed) {
        return Ok(());
    }
    Err(AuthError::Invalid(
        "invalid name; expected 1 to 64 ASCII letters, digits, dots, dashes and underscores, beginning with a letter or digit",
    ))
}
