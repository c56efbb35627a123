//! The data model: users, conversations, messages.

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) available: bool,
}

/// A conversation and its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Conversation {
    pub(crate) topic: String,
    pub(crate) members: Vec<String>,
}

/// A message. The text can be encrypted with the public keys of the members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) from: String,
    pub(crate) text: String,
}
