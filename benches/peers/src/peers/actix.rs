//! An actix actor with a map, on the thread of its actix system, with a mailbox of the same capacity as that of the
//! plain actor's.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::thread;

use actix::{Addr, Context, Handler, Message, MessageResult, System};

use super::Actor;
use crate::load::Text;

#[derive(Debug)]
struct Holder<T>(HashMap<String, T>);

impl<T: Text + Unpin> actix::Actor for Holder<T> {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.set_mailbox_capacity(1_024);
    }
}

#[derive(Debug)]
struct Get<T>(String, std::marker::PhantomData<fn() -> T>);

impl<T: 'static> Message for Get<T> {
    type Result = Option<T>;
}

#[derive(Debug)]
struct Set<T>(String, T);

impl<T> Message for Set<T> {
    type Result = ();
}

impl<T: Text + Unpin> Handler<Get<T>> for Holder<T> {
    type Result = MessageResult<Get<T>>;

    fn handle(&mut self, get: Get<T>, _: &mut Context<Self>) -> MessageResult<Get<T>> {
        MessageResult(self.0.get(&get.0).cloned())
    }
}

impl<T: Text + Unpin> Handler<Set<T>> for Holder<T> {
    type Result = ();

    fn handle(&mut self, Set(key, value): Set<T>, _: &mut Context<Self>) {
        self.0.insert(key, value);
    }
}

/// Stops the thread of the actor with the last handle.
#[derive(Debug)]
struct Running(System);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[derive(Debug)]
pub struct Actix<T: Text + Unpin>(Addr<Holder<T>>, Arc<Running>);

impl<T: Text + Unpin> Actix<T> {
    pub fn spawn() -> Self {
        let (started, ready) = mpsc::channel();
        thread::spawn(move || {
            let runner = System::new();
            let address = runner.block_on(async { actix::Actor::start(Holder(HashMap::new())) });
            started.send((address, System::current())).expect("the receiver waits");
            runner.run().expect("the actix system runs");
        });
        let (address, system) = ready.recv().expect("the actor starts");
        Self(address, Arc::new(Running(system)))
    }
}

impl<T: Text + Unpin> Clone for Actix<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), Arc::clone(&self.1))
    }
}

impl<T: Text + Unpin> Actor<T> for Actix<T> {
    async fn get(&self, key: &str) -> T {
        let value = self.0.send(Get(key.to_owned(), std::marker::PhantomData)).await;
        value.expect("the actor replies").expect("the key exists")
    }

    async fn set(&self, key: &str, value: T) {
        self.0.send(Set(key.to_owned(), value)).await.expect("the actor replies");
    }
}
