//! What is kept of an account.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::AuthError;
use super::access::Access;
use super::fingerprint::Fingerprint;
use super::secret::Secret;

/// Logins that one account may have at once. The oldest goes when there are more.
pub(super) const MAX_SESSIONS: usize = 64;
/// Refresh tokens of a login that are known when they come again.
pub(super) const MAX_USED: usize = 32;
/// API tokens that one account may have.
pub(super) const MAX_TOKENS: usize = 64;

/// An account as its store keeps it: cheap to clone, and without a secret that would be of use to a thief.
///
/// Nothing of it is public: [`Auth`](super::Auth) answers what may be known.
#[derive(Debug, Clone)]
pub struct Account(Arc<Record>);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(flatten)]
    pub(super) access: Access,
    /// By Argon2id, in the format of the Password Hashing Competition.
    pub(super) password: Secret,
    /// In seconds since the Unix epoch, as all times here.
    pub(super) created: u64,
    #[serde(default)]
    pub(super) sessions: Vec<Session>,
    #[serde(default)]
    pub(super) tokens: Vec<ApiToken>,
}

/// A login, and the refresh tokens that came out of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    /// Of the only refresh token that is still good.
    pub(super) refresh: Fingerprint,
    /// Of those before it, the newest last.
    #[serde(default)]
    pub(super) used: Vec<Fingerprint>,
    pub(super) expires: u64,
}

/// A token of a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ApiToken {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) fingerprint: Fingerprint,
    /// Not more than what the account has at the time of the request.
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

    /// The same after a change.
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
        let is_good = |token: &&ApiToken| token.id == id && token.expires.is_none_or(|at| at > now);
        self.tokens.iter().find(is_good)
    }

    /// Let go of what has expired.
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

/// The names that accounts may have: they are part of tokens and of paths, where `..` is none.
pub(super) fn validate_name(name: &str) -> Result<(), AuthError> {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let begins = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if begins && name.len() <= 64 && name.bytes().all(is_fit) {
        return Ok(());
    }
    Err(AuthError::Invalid(
        "a name has 1 to 64 letters (a to z), digits, dots, dashes and underscores, and begins with a letter or a digit",
    ))
}
