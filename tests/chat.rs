//! The chat of `examples/chat`: its nine operations, limits and watch.

#[path = "../examples/chat/chat.rs"]
mod chat;
#[path = "../examples/chat/chat_store.rs"]
mod chat_store;
#[path = "../examples/chat/model.rs"]
mod model;
#[path = "../examples/chat/record.rs"]
mod record;
#[path = "../examples/chat/watch.rs"]
mod watch;

use std::sync::Arc;

use self::chat::{Chat, Limits};
use self::chat_store::{ChatError, ChatStore};
use self::model::{Conversation, Message, User};
use self::watch::Watch;

const LARGE: Limits = Limits { bytes: 1 << 30, entry_bytes: 1 << 20 };

fn new_chat(limits: Limits) -> Chat {
    Chat::new(limits.builder().spawn())
}

fn user(id: &str, available: bool) -> User {
    User { id: id.into(), name: id.to_uppercase(), available }
}

fn message(text: impl Into<String>) -> Message {
    Message { from: "ada".into(), text: text.into() }
}

fn texts(messages: &[Arc<Message>]) -> Vec<&str> {
    messages.iter().map(|message| message.text.as_str()).collect()
}

async fn next_text(watch: &mut Watch) -> String {
    watch.next().await.expect("no error").expect("the chat is open").text.clone()
}

/// The contract of a chat store, for any implementation.
async fn check_contract(chat: impl ChatStore) -> anyhow::Result<()> {
    // Empty: each operation has its own error.
    assert!(chat.get_available_users().await?.is_empty());
    let error = chat.get_conversation("7").await.expect_err("the store is empty");
    assert!(matches!(&error, ChatError::UnknownConversation(id) if id == "7"), "{error}");
    let error = chat.get_messages("7").await.expect_err("the store is empty");
    assert!(matches!(&error, ChatError::NoMessages(id) if id == "7"), "{error}");
    let error = chat.get_last_message("7").await.expect_err("the store is empty");
    assert!(matches!(&error, ChatError::NoMessages(id) if id == "7"), "{error}");
    let error = chat.get_public_key("ada").await.expect_err("the store is empty");
    assert!(matches!(&error, ChatError::NoPublicKey(id) if id == "ada"), "{error}");

    // Users: the available ones, sorted, without duplicates.
    for (id, available) in [("grace", true), ("alan", false), ("ada", true)] {
        chat.add_user(user(id, available)).await?;
    }
    chat.add_user(user("grace", true)).await?;
    let users = chat.get_available_users().await?;
    assert_eq!(users, [Arc::new(user("ada", true)), Arc::new(user("grace", true))]);
    chat.add_user(user("ada", false)).await?;
    assert_eq!(chat.get_available_users().await?, [Arc::new(user("grace", true))]);

    // Conversations, by their own ids.
    let lunch = Conversation { topic: "lunch".into(), members: vec!["ada".into()] };
    chat.set_conversation("7", lunch.clone()).await?;
    assert_eq!(*chat.get_conversation("7").await?, lunch);
    chat.get_conversation("ada").await.expect_err("ada is a user");
    chat.get_messages("7").await.expect_err("the conversation has no messages");

    // Messages, in order, separate for each conversation.
    for text in ["one", "two", "three"] {
        chat.send_message(message(text), "7").await?;
    }
    chat.send_message(message("elsewhere"), "8").await?;
    assert_eq!(texts(&chat.get_messages("7").await?), ["one", "two", "three"]);
    assert_eq!(chat.get_last_message("7").await?.text, "three");
    assert_eq!(texts(&chat.get_messages("8").await?), ["elsewhere"]);

    // Keys: the last one replaces the others.
    chat.set_public_key("ada", "old").await?;
    chat.set_public_key("ada", "new").await?;
    assert_eq!(&*chat.get_public_key("ada").await?, "new");
    Ok(())
}

#[tokio::test]
async fn chat_fulfills_the_contract() {
    check_contract(new_chat(LARGE)).await.unwrap();
}

#[tokio::test]
async fn available_users_span_several_pages() {
    let chat = new_chat(LARGE);
    for n in 0..250 {
        chat.add_user(user(&format!("{n:03}"), n % 2 == 0)).await.unwrap();
    }
    // A record of another type with a similar key.
    chat.set_public_key("000", "key").await.unwrap();
    let users = chat.get_available_users().await.unwrap();
    assert_eq!(users.len(), 125);
    assert!(users.is_sorted_by(|a, b| a.id < b.id));
}

#[tokio::test]
async fn full_conversation_rejects_messages() {
    let chat = new_chat(Limits { entry_bytes: 1_000, ..LARGE });
    let mut sent = 0;
    let error = loop {
        match chat.send_message(message("x".repeat(100)), "7").await {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, ChatError::OverMemoryLimit(_)), "{error}");
    assert!((3..10).contains(&sent), "{sent}");
    // Nothing was evicted, and other conversations have room.
    assert_eq!(chat.get_messages("7").await.unwrap().len(), sent);
    chat.send_message(message("x"), "8").await.unwrap();
}

#[tokio::test]
async fn full_chat_rejects_all_writes() {
    let chat = new_chat(Limits { bytes: 10_000, ..LARGE });
    while chat.send_message(message("x".repeat(1_000)), "7").await.is_ok() {}
    let long = "x".repeat(2_000);

    let assert_over_limit = |result: Result<(), ChatError>| {
        assert!(matches!(result, Err(ChatError::OverMemoryLimit(_))), "{result:?}");
    };
    assert_over_limit(chat.set_public_key("ada", &long).await);
    assert_over_limit(chat.add_user(User { name: long.clone(), ..user("ada", true) }).await);
    let members = vec![long.clone()];
    assert_over_limit(
        chat.set_conversation("7", Conversation { topic: "lunch".into(), members }).await,
    );
    assert_over_limit(chat.send_message(message(&long), "8").await);
    assert!(matches!(chat.get_public_key("ada").await, Err(ChatError::NoPublicKey(_))));
}

#[tokio::test]
async fn too_long_id_is_rejected() {
    let error = new_chat(LARGE).send_message(message("x"), &"7".repeat(2_000)).await.unwrap_err();
    assert!(matches!(error, ChatError::Backend(_)), "{error}");
    assert!(error.to_string().contains("1 to 1024 bytes"), "{error}");
}

#[tokio::test]
async fn watch_delivers_old_and_new_messages() {
    let chat = new_chat(LARGE);
    chat.send_message(message("before"), "7").await.unwrap();
    let mut watch = chat.watch("7").await.unwrap();
    let mut empty = chat.watch("9").await.unwrap();
    chat.send_message(message("elsewhere"), "8").await.unwrap();
    chat.send_message(message("after"), "7").await.unwrap();
    chat.send_message(message("first"), "9").await.unwrap();
    assert_eq!(next_text(&mut watch).await, "before");
    assert_eq!(next_text(&mut watch).await, "after");
    assert_eq!(next_text(&mut empty).await, "first");

    chat.send_message(message("last"), "7").await.unwrap();
    chat.shutdown().await.unwrap();
    assert_eq!(next_text(&mut watch).await, "last");
    assert_eq!(watch.next().await.unwrap(), None);
    assert_eq!(empty.next().await.unwrap(), None);
    assert!(matches!(chat.send_message(message("late"), "7").await, Err(ChatError::Backend(_))));
}

#[tokio::test]
async fn lagging_watch_delivers_each_message_once() {
    let chat = Chat::new(LARGE.builder().history_changes(10).spawn());
    let mut watch = chat.watch("7").await.unwrap();
    for n in 0..500 {
        chat.send_message(message(n.to_string()), "7").await.unwrap();
        // Read rarely, so that the watch lags.
        if n == 3 || n == 200 {
            assert_eq!(next_text(&mut watch).await, if n == 3 { "0" } else { "1" });
        }
    }
    for n in 2..500 {
        assert_eq!(next_text(&mut watch).await, n.to_string());
    }
}

#[tokio::test]
async fn concurrent_messages_have_one_order() {
    let chat = new_chat(LARGE);
    let mut watch = chat.watch("7").await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let chat = chat.clone();
        tasks.spawn(async move {
            for line in 0..20 {
                chat.send_message(message(format!("{n}: {line}")), "7").await.unwrap();
            }
        });
    }
    let mut seen = Vec::new();
    while seen.len() < 400 {
        seen.push(watch.next().await.unwrap().unwrap());
    }
    tasks.join_all().await;
    assert_eq!(chat.get_messages("7").await.unwrap(), seen);
}
