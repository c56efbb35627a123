//! A ractor actor with a map inside. Its mailboxes have no bound; a reply comes through its own port.

use std::collections::HashMap;
use std::marker::PhantomData;

use ractor::{ActorProcessingErr, ActorRef, RpcReplyPort};

use super::Actor;
use crate::load::Text;

#[derive(Debug)]
enum Ask<T> {
    Get(String, RpcReplyPort<Option<T>>),
    Set(String, T, RpcReplyPort<()>),
}

#[derive(Debug)]
struct Holder<T>(PhantomData<fn() -> T>);

impl<T: Text> ractor::Actor for Holder<T> {
    type Msg = Ask<T>;
    type State = HashMap<String, T>;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<Ask<T>>,
        (): (),
    ) -> Result<HashMap<String, T>, ActorProcessingErr> {
        Ok(HashMap::new())
    }

    async fn handle(
        &self,
        _: ActorRef<Ask<T>>,
        ask: Ask<T>,
        map: &mut HashMap<String, T>,
    ) -> Result<(), ActorProcessingErr> {
        match ask {
            Ask::Get(key, reply) => reply.send(map.get(&key).cloned())?,
            Ask::Set(key, value, reply) => {
                map.insert(key, value);
                reply.send(())?;
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
pub struct Ractor<T>(ActorRef<Ask<T>>);

impl<T: Text> Ractor<T> {
    pub async fn spawn() -> Self {
        let spawned = ractor::Actor::spawn(None, Holder(PhantomData), ()).await;
        Self(spawned.expect("the actor starts").0)
    }
}

impl<T> Clone for Ractor<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Text> Actor<T> for Ractor<T> {
    async fn get(&self, key: &str) -> T {
        let value = ractor::call!(self.0, Ask::Get, key.to_owned());
        value.expect("it answers").expect("the key is there")
    }

    async fn set(&self, key: &str, value: T) {
        ractor::call!(self.0, Ask::Set, key.to_owned(), value).expect("it answers");
    }
}
