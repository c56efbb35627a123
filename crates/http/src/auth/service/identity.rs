//! The identity that a valid token proves.

use mainspring::Key;

/// The identity that a valid token proves.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) account: Key,
    pub(super) proof: Proof,
    /// The end of the token, in seconds since the Unix epoch.
    pub(super) until: u64,
}

/// The kind of the token.
#[derive(Debug)]
pub(super) enum Proof {
    /// An access token of this login.
    Session(String),
    /// The API token of this id.
    Token(String),
}
