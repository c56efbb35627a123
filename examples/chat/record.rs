//! The element type of the store, and its weight.

use std::sync::Arc;

use crate::model::{Conversation, Message, User};

/// A record of the chat. Each read clones an element, so all variants are cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    User(Arc<User>),
    Conversation(Arc<Conversation>),
    Message(Arc<Message>),
    PublicKey(Arc<str>),
}

impl Record {
    /// The approximate memory in bytes: the record, the data behind pointers, and all text.
    pub(crate) fn weight(&self) -> usize {
        let heap = match self {
            Self::User(user) => size_of::<User>() + user.id.len() + user.name.len(),
            Self::Conversation(conversation) => {
                let members = conversation.members.iter().map(|id| size_of::<String>() + id.len());
                size_of::<Conversation>() + conversation.topic.len() + members.sum::<usize>()
            }
            Self::Message(message) => {
                size_of::<Message>() + message.from.len() + message.text.len()
            }
            Self::PublicKey(key) => key.len(),
        };
        size_of::<Self>() + heap
    }

    pub(crate) fn into_user(self) -> Option<Arc<User>> {
        if let Self::User(user) = self { Some(user) } else { None }
    }

    pub(crate) fn into_conversation(self) -> Option<Arc<Conversation>> {
        if let Self::Conversation(conversation) = self { Some(conversation) } else { None }
    }

    pub(crate) fn into_message(self) -> Option<Arc<Message>> {
        if let Self::Message(message) = self { Some(message) } else { None }
    }

    pub(crate) fn into_public_key(self) -> Option<Arc<str>> {
        if let Self::PublicKey(key) = self { Some(key) } else { None }
    }
}
