//! A chat over a store: several people send messages, and all of them see the same conversation.

mod chat;
mod chat_store;
mod model;
mod record;
mod watch;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use self::chat::{Chat, Limits};
use self::chat_store::{ChatError, ChatStore};
use self::model::{Conversation, Message, User};
use self::watch::Watch;

const PEOPLE: [&str; 3] = ["ada", "grace", "linus"];
const LINES: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let chat = Chat::new(Limits { bytes: 64 << 10, entry_bytes: 8 << 10 }.builder().spawn());

    let members = PEOPLE.map(String::from).to_vec();
    chat.set_conversation("7", Conversation { topic: "lunch".into(), members }).await?;

    let mut people = JoinSet::new();
    for id in PEOPLE {
        people.spawn(take_part(chat.clone(), chat.watch("7").await?, id));
    }
    let seen: Vec<_> = people.join_all().await.into_iter().collect::<Result<_>>()?;

    let all = chat.get_messages("7").await?;
    ensure!(all.len() == PEOPLE.len() * LINES, "{} messages", all.len());
    ensure!(seen.iter().all(|seen| *seen == all), "the conversations differ");
    let topic = &chat.get_conversation("7").await?.topic;
    println!("{topic}: {} people saw the same {} messages in order", seen.len(), all.len());

    let last = chat.get_last_message("7").await?;
    println!("last message: {}: {}", last.from, last.text);

    chat.add_user(user("linus", false)).await?;
    let available = chat.get_available_users().await?;
    let names: Vec<_> = available.iter().map(|user| user.name.as_str()).collect();
    println!("available: {}", names.join(", "));

    println!("rejected: {}", chat.get_public_key("alan").await.err().context("no key")?);
    println!("rejected: {}", chat.get_conversation("8").await.err().context("no conversation")?);
    println!("rejected: {}", chat.get_messages("8").await.err().context("no messages")?);
    println!("rejected: {}", exceed_limit(&chat, "7").await?);

    chat.shutdown().await?;
    println!("the chat is closed");
    Ok(())
}

/// Send some messages, read until all people have sent theirs, and return the messages seen.
async fn take_part(chat: impl ChatStore, mut watch: Watch, id: &str) -> Result<Vec<Arc<Message>>> {
    chat.add_user(user(id, true)).await?;
    chat.set_public_key(id, &format!("the public key of {id}")).await?;

    let mut seen = Vec::new();
    for line in 1..=LINES {
        chat.send_message(message(id, &format!("line {line}")), "7").await?;
        seen.push(watch.next().await?.context("the chat is open")?);
    }
    while seen.len() < PEOPLE.len() * LINES {
        seen.push(watch.next().await?.context("the chat is open")?);
    }
    // All members have public keys for private messages.
    for id in PEOPLE {
        chat.get_public_key(id).await?;
    }
    Ok(seen)
}

/// Send messages until the memory limit rejects one, and return the error.
async fn exceed_limit(chat: &impl ChatStore, conv_id: &str) -> Result<ChatError> {
    let text = "and another thing: ".repeat(20);
    loop {
        match chat.send_message(message("linus", &text), conv_id).await {
            Ok(()) => {}
            Err(error @ ChatError::OverMemoryLimit(_)) => return Ok(error),
            Err(error) => return Err(error.into()),
        }
    }
}

fn user(id: &str, available: bool) -> User {
    User { id: id.into(), name: id.to_uppercase(), available }
}

fn message(from: &str, text: &str) -> Message {
    Message { from: from.into(), text: text.into() }
}
