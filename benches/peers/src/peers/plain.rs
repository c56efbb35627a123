//! A minimal hand-written actor: an `mpsc`, a `oneshot` per reply, and a `HashMap`.

use std::collections::HashMap;

use tokio::sync::{mpsc, oneshot};

use super::Actor;
use crate::load::Text;

#[derive(Debug)]
enum Request<T> {
    Get(String, oneshot::Sender<Option<T>>),
    Set(String, T, oneshot::Sender<()>),
}

#[derive(Debug)]
pub struct Plain<T>(mpsc::Sender<Request<T>>);

impl<T: Text> Plain<T> {
    pub fn spawn() -> Self {
        let (sender, mut receiver) = mpsc::channel(1_024);
        tokio::spawn(async move {
            let mut map = HashMap::new();
            while let Some(request) = receiver.recv().await {
                match request {
                    Request::Get(key, reply) => drop(reply.send(map.get(&key).cloned())),
                    Request::Set(key, value, reply) => {
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
        assert!(self.0.send(Request::Get(key.to_owned(), reply)).await.is_ok(), "the actor runs");
        answer.await.expect("the actor replies").expect("the key exists")
    }

    async fn set(&self, key: &str, value: T) {
        let (reply, answer) = oneshot::channel();
        let request = Request::Set(key.to_owned(), value, reply);
        assert!(self.0.send(request).await.is_ok(), "the actor runs");
        answer.await.expect("the actor replies");
    }
}
