//! The identity that a verified token proves.

use mainspring::Key;

/// The identity that a verified token proves.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) account: Key,
    pub(super) proof: Proof,
    /// When the token ends, in seconds since the Unix epoch.
    pub(super) until: u64,
}

/// The kind of token that proved it.
#[derive(Debug)]
pub(super) enum Proof {
    /// An access token of this login.
    Session(String),
    /// The API token of this id.
    Token(String),
}
