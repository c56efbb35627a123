//! The plainest actor that anyone writes by hand: an `mpsc`, a `oneshot` for each reply, a `HashMap`,
//! and nothing else.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use super::Actor;
use crate::load::Text;

#[derive(Debug)]
enum Ask<T> {
    Get(String, oneshot::Sender<Option<T>>),
    Set(String, T, oneshot::Sender<()>),
}

#[derive(Debug)]
pub struct Plain<T>(mpsc::Sender<Ask<T>>);

impl<T: Text> Plain<T> {
    pub fn spawn() -> Self {
        let (sender, mut receiver) = mpsc::channel(1_024);
        tokio::spawn(async move {
            let mut map = HashMap::new();
            while let Some(ask) = receiver.recv().await {
                match ask {
                    Ask::Get(key, reply) => drop(reply.send(map.get(&key).cloned())),
                    Ask::Set(key, value, reply) => {
                        map.insert(key, value);
                        let _ = reply.send(());
                    }
                }
            }
        });
        Self(sender)
    }
}

impl<T> Clone for Plain<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Text> Actor<T> for Plain<T> {
    async fn get(&self, key: &str) -> T {
        let (reply, answer) = oneshot::channel();
        assert!(self.0.send(Ask::Get(key.to_owned(), reply)).await.is_ok(), "the actor is there");
        answer.await.expect("it answers").expect("the key is there")
    }

    async fn set(&self, key: &str, value: T) {
        let (reply, answer) = oneshot::channel();
        let ask = Ask::Set(key.to_owned(), value, reply);
        assert!(self.0.send(ask).await.is_ok(), "the actor is there");
        answer.await.expect("it answers");
    }
}
