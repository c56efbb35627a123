//! A ractor actor with a map. Its mailbox is unbounded; each reply has its own port.

use std::collections::HashMap;
use std::marker::PhantomData;

use ractor::{ActorProcessingErr, ActorRef, RpcReplyPort};

use super::Actor;
use crate::load::Text;

#[derive(Debug)]
enum Request<T> {
    Get(String, RpcReplyPort<Option<T>>),
    Set(String, T, RpcReplyPort<()>),
}

#[derive(Debug)]
struct Holder<T>(PhantomData<fn() -> T>);

impl<T: Text> ractor::Actor for Holder<T> {
    type Msg = Request<T>;
    type State = HashMap<String, T>;
    type Arguments = ();

    async fn pre_start(
        &self,
        _: ActorRef<Request<T>>,
        (): (),
    ) -> Result<HashMap<String, T>, ActorProcessingErr> {
        Ok(HashMap::new())
    }

    async fn handle(
        &self,
        _: ActorRef<Request<T>>,
        request: Request<T>,
        map: &mut HashMap<String, T>,
    ) -> Result<(), ActorProcessingErr> {
        match request {
            Request::Get(key, reply) => reply.send(map.get(&key).cloned())?,
            Request::Set(key, value, reply) => {
                map.insert(key, value);
                reply.send(())?;
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
pub struct Ractor<T>(ActorRef<Request<T>>);

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
        let value = ractor::call!(self.0, Request::Get, key.to_owned());
        value.expect("the actor replies").expect("the key exists")
    }

    async fn set(&self, key: &str, value: T) {
        ractor::call!(self.0, Request::Set, key.to_owned(), value).expect("the actor replies");
    }
}
