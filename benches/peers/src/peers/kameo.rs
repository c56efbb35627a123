//! A kameo actor with a map, with a mailbox of the same capacity as that of the plain actor.

use std::collections::HashMap;

use kameo::actor::{ActorRef, Spawn};
use kameo::mailbox;
use kameo::message::{Context, Message};

use super::Actor;
use crate::load::Text;

#[derive(Debug, kameo::Actor)]
struct Holder<T: Text>(HashMap<String, T>);

#[derive(Debug)]
struct Get(String);

#[derive(Debug)]
struct Set<T>(String, T);

impl<T: Text> Message<Get> for Holder<T> {
    type Reply = Option<T>;

    async fn handle(&mut self, Get(key): Get, _: &mut Context<Self, Option<T>>) -> Option<T> {
        self.0.get(&key).cloned()
    }
}

impl<T: Text> Message<Set<T>> for Holder<T> {
    type Reply = ();

    async fn handle(&mut self, Set(key, value): Set<T>, _: &mut Context<Self, ()>) {
        self.0.insert(key, value);
    }
}

#[derive(Debug)]
pub struct Kameo<T: Text>(ActorRef<Holder<T>>);

impl<T: Text> Kameo<T> {
    pub fn spawn() -> Self {
        Self(Holder::spawn_with_mailbox(Holder(HashMap::new()), mailbox::bounded(1_024)))
    }
}

impl<T: Text> Clone for Kameo<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Text> Actor<T> for Kameo<T> {
    async fn get(&self, key: &str) -> T {
        let value = self.0.ask(Get(key.to_owned())).await;
        value.ok().flatten().expect("the key exists")
    }

    async fn set(&self, key: &str, value: T) {
        assert!(self.0.ask(Set(key.to_owned(), value)).await.is_ok(), "the actor replies");
    }
}
