//! The storage interface of the chat.

use std::future::Future;
use std::sync::Arc;

use crate::model::{Conversation, Message, User};

/// Storage of users, conversations, messages and public keys.
///
/// Durability is independent of this interface: it depends on the journal of the implementation. The data is always in
/// memory, which is why there are limits.
pub(crate) trait ChatStore: Clone + Send + Sync + 'static {
    /// Add a user, or replace the one with the same id, for example to change its availability.
    fn add_user(&self, user: User) -> impl Future<Output = Result<()>> + Send;

    /// Store a conversation under its id.
    fn set_conversation(
        &self,
        conv_id: &str,
        conversation: Conversation,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The conversation with this id, or [`ChatError::UnknownConversation`].
    ///
    /// The id is that of the conversation, not of a user, who can be a member of many.
    fn get_conversation(
        &self,
        conv_id: &str,
    ) -> impl Future<Output = Result<Arc<Conversation>>> + Send;

    /// All messages of a conversation, oldest first, or [`ChatError::NoMessages`].
    fn get_messages(&self, conv_id: &str)
    -> impl Future<Output = Result<Vec<Arc<Message>>>> + Send;

    /// The last message of a conversation, or [`ChatError::NoMessages`]. The cost does not depend on the length of the
    /// conversation.
    fn get_last_message(&self, conv_id: &str) -> impl Future<Output = Result<Arc<Message>>> + Send;

    /// Add a message to a conversation. The conversation does not need to exist: a message may arrive first.
    fn send_message(
        &self,
        message: Message,
        conv_id: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Store the public key of a user, who does not need to exist yet.
    fn set_public_key(
        &self,
        user_id: &str,
        public_key: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The public key of a user, or [`ChatError::NoPublicKey`].
    fn get_public_key(&self, user_id: &str) -> impl Future<Output = Result<Arc<str>>> + Send;

    /// The users that are available, in the order of their ids.
    fn get_available_users(&self) -> impl Future<Output = Result<Vec<Arc<User>>>> + Send;
}

/// The error of an operation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ChatError {
    #[error("user {0} does not have a public key")]
    NoPublicKey(String),
    #[error("{0} does not belong to any conversation")]
    UnknownConversation(String),
    #[error("conversation {0} does not have messages")]
    NoMessages(String),
    /// Nothing was stored, and nothing was evicted.
    #[error("over the memory limit: {0}")]
    OverMemoryLimit(String),
    /// Another error of the backend.
    #[error("the chat store: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(crate) type Result<T, E = ChatError> = std::result::Result<T, E>;
