//! Ways to be told of changes.

use std::fmt;
use std::sync::Arc;

use super::Operation;
use crate::feed::{Beginning, Listening, Subscription, Watcher};
use crate::model::{Error, Filter, Key, Start};
use crate::owner::message::{Envelope, Message, Reply, SubscribeRequest};
use crate::store::link::Link;

/// Follow the newest value of one key.
pub struct Watch<T> {
    pub(crate) key: Key,
    pub(crate) watcher: Arc<Watcher<T>>,
}

impl<T: Send + Sync + 'static> Operation<T> for Watch<T> {
    type Output = Listening;
    type Error = Error;
    type Answer = Listening;

    fn message(self, _: &Link<T>, reply: Reply<Listening>) -> Result<Envelope<T>, Error> {
        let Self { key, watcher } = self;
        key.validate()?;
        Ok(Message::Latest { key, watcher, reply }.into())
    }

    fn output(_: &Link<T>, answer: Listening) -> Listening {
        answer
    }
}

/// Start a subscription.
#[derive(Debug)]
pub struct Subscribe {
    pub(crate) filter: Filter,
    pub(crate) start: Start,
}

impl<T: Clone + Send + Sync + 'static> Operation<T> for Subscribe {
    type Output = Subscription<T>;
    type Error = Error;
    type Answer = Beginning<T>;

    fn message(self, _: &Link<T>, reply: Reply<Beginning<T>>) -> Result<Envelope<T>, Error> {
        let Self { filter, start } = self;
        if let Filter::Key(key) = &filter {
            key.validate()?;
        }
        let request = SubscribeRequest { filter, start, reply };
        Ok(Message::Subscribe(Box::new(request)).into())
    }

    fn output(link: &Link<T>, beginning: Beginning<T>) -> Subscription<T> {
        Subscription::new(Arc::clone(&link.hub), beginning)
    }
}

impl<T> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}
