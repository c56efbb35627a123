//! The implementation of [`ChatStore`] over a Mainspring store.

use std::sync::Arc;

use mainspring::{Builder, Entry, Error, Store};

use crate::chat_store::{ChatError, ChatStore, Result};
use crate::model::{Conversation, Message, User};
use crate::record::Record;
use crate::watch::Watch;

/// Memory limits. Writes over a limit are rejected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The total.
    pub(crate) bytes: u64,
    /// One user, one conversation, one key, or all messages of one conversation.
    pub(crate) entry_bytes: u64,
}

impl Limits {
    /// A builder with these limits. Add a journal to make the chat durable.
    pub(crate) fn builder(self) -> Builder<Record> {
        let builder = Store::builder().weigher(Record::weight);
        builder.max_bytes(self.bytes).max_entry_bytes(self.entry_bytes)
    }
}

/// A chat. Clones share the data.
#[derive(Debug, Clone)]
pub(crate) struct Chat {
    store: Store<Record>,
}

impl Chat {
    pub(crate) fn new(store: Store<Record>) -> Self {
        Self { store }
    }

    /// Follow a conversation: existing messages, then new ones.
    pub(crate) async fn watch(&self, conv_id: &str) -> Result<Watch> {
        Ok(Watch::start(self.store.reader(), messages_key(conv_id).into()).await?)
    }

    /// Complete queued writes, and stop. Watches end after the last message.
    pub(crate) async fn shutdown(&self) -> Result<()> {
        Ok(self.store.shutdown().await?)
    }

    async fn item(&self, key: String) -> Result<Option<Record>> {
        Ok(self.store.get(key).await?.and_then(|entry| entry.value.into_item()))
    }
}

/// Each type of record has its own prefix, so ids of different types cannot collide.
fn user_key(user_id: &str) -> String {
    format!("user/{user_id}")
}

fn conversation_key(conv_id: &str) -> String {
    format!("conv/{conv_id}")
}

fn messages_key(conv_id: &str) -> String {
    format!("messages/{conv_id}")
}

fn public_key_key(user_id: &str) -> String {
    format!("key/{user_id}")
}

impl ChatStore for Chat {
    async fn add_user(&self, user: User) -> Result<()> {
        self.store.set(user_key(&user.id), Record::User(Arc::new(user))).await?;
        Ok(())
    }

    async fn set_conversation(&self, conv_id: &str, conversation: Conversation) -> Result<()> {
        let record = Record::Conversation(Arc::new(conversation));
        self.store.set(conversation_key(conv_id), record).await?;
        Ok(())
    }

    async fn get_conversation(&self, conv_id: &str) -> Result<Arc<Conversation>> {
        let record = self.item(conversation_key(conv_id)).await?;
        record
            .and_then(Record::into_conversation)
            .ok_or_else(|| ChatError::UnknownConversation(conv_id.into()))
    }

    async fn get_messages(&self, conv_id: &str) -> Result<Vec<Arc<Message>>> {
        let entry = self.store.get(messages_key(conv_id)).await?;
        let messages = entry.and_then(|entry| entry.value.into_list()).unwrap_or_default();
        if messages.is_empty() {
            return Err(ChatError::NoMessages(conv_id.into()));
        }
        Ok(messages.into_iter().filter_map(Record::into_message).collect())
    }

    async fn get_last_message(&self, conv_id: &str) -> Result<Arc<Message>> {
        let last = self.store.last(messages_key(conv_id)).await?;
        last.and_then(Record::into_message).ok_or_else(|| ChatError::NoMessages(conv_id.into()))
    }

    async fn send_message(&self, message: Message, conv_id: &str) -> Result<()> {
        self.store.push(messages_key(conv_id), Record::Message(Arc::new(message))).await?;
        Ok(())
    }

    async fn set_public_key(&self, user_id: &str, public_key: &str) -> Result<()> {
        self.store.set(public_key_key(user_id), Record::PublicKey(public_key.into())).await?;
        Ok(())
    }

    async fn get_public_key(&self, user_id: &str) -> Result<Arc<str>> {
        let record = self.item(public_key_key(user_id)).await?;
        record
            .and_then(Record::into_public_key)
            .ok_or_else(|| ChatError::NoPublicKey(user_id.into()))
    }

    async fn get_available_users(&self) -> Result<Vec<Arc<User>>> {
        let mut available = Vec::new();
        let mut page = self.store.scan(user_key("")).await?;
        loop {
            let entry = |entry: Entry<Record>| entry.value.into_item().and_then(Record::into_user);
            let users = page.items.into_iter().filter_map(|(_, found)| entry(found));
            available.extend(users.filter(|user| user.available));
            // One page at a time: other commands run in between.
            let Some(next) = page.next else { return Ok(available) };
            page = self.store.scan(user_key("")).after(next).await?;
        }
    }
}

impl From<Error> for ChatError {
    fn from(error: Error) -> Self {
        match error {
            Error::OverLimit { .. } | Error::TooLarge { .. } => {
                Self::OverMemoryLimit(error.to_string())
            }
            other => Self::Backend(other.into()),
        }
    }
}
