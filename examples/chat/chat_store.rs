//! What a chat needs from whatever keeps its data.

use std::future::Future;
use std::sync::Arc;

use crate::model::{Conversation, Message, User};

/// Keeps users, conversations, messages and public keys.
///
/// Nothing here says where a change is recorded: in nothing but memory, in a file, in a database.
/// That is the business of a journal. The data itself lives in memory whatever the journal is, which is why
/// there are limits.
pub(crate) trait ChatStore: Clone + Send + Sync + 'static {
    /// Add a user, or replace the one with the same id: that is how somebody becomes available.
    fn add_user(&self, user: User) -> impl Future<Output = Result<()>> + Send;

    /// Store a conversation under its id.
    fn set_conversation(
        &self,
        conv_id: &str,
        conversation: Conversation,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The conversation with this id, or [`ChatError::UnknownConversation`].
    ///
    /// By the id of the conversation, not of a user: it is stored under that, and a user may take part
    /// in many.
    fn get_conversation(
        &self,
        conv_id: &str,
    ) -> impl Future<Output = Result<Arc<Conversation>>> + Send;

    /// All messages of a conversation, oldest first, or [`ChatError::NoMessages`].
    fn get_messages(&self, conv_id: &str)
    -> impl Future<Output = Result<Vec<Arc<Message>>>> + Send;

    /// The newest message of a conversation, or [`ChatError::NoMessages`]. Costs the same however
    /// long the conversation is.
    fn get_last_message(&self, conv_id: &str) -> impl Future<Output = Result<Arc<Message>>> + Send;

    /// Add a message to a conversation. The conversation need not have been set: a message may arrive
    /// before it.
    fn send_message(
        &self,
        message: Message,
        conv_id: &str,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Store the public key of a user, who need not have been added yet.
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

/// Why there is no answer, or why nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ChatError {
    #[error("user {0} does not have a public key")]
    NoPublicKey(String),
    #[error("{0} does not belong to any conversation")]
    UnknownConversation(String),
    #[error("conversation {0} does not have messages")]
    NoMessages(String),
    /// Nothing was stored, and nothing was thrown away to make room.
    #[error("over the memory limit: {0}")]
    OverMemoryLimit(String),
    /// Everything else that a backend can say.
    #[error("the chat store: {0}")]
    Backend(#[source] Box<dyn std::error::Error + Send + Sync>),
}

pub(crate) type Result<T, E = ChatError> = std::result::Result<T, E>;
