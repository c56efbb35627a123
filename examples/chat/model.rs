//! What a chat is about: users, conversations, messages.

/// Somebody who can be talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) available: bool,
}

/// Who takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) topic: String,
    pub(crate) members: Vec<String>,
}

/// What somebody has said. The text may well be encrypted for whoever has the public keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) from: String,
    pub(crate) text: String,
}
