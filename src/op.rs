//! The operations, as types: what a [`Pending`](crate::Pending) command will do.
//!
//! There is nothing to call here. Commands are made by the methods of [`Store`](crate::Store) and
//! [`Reader`](crate::Reader).

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::command::{Condition, Prepared, Written};
use crate::message::{
    Envelope, Gated, Message, Reply, ScanReply, ScanRequest, SubscribeRequest, Subscribed,
};
use crate::pending::{Operation, WriteKind};
use crate::publisher::Listening;
use crate::shared::{Link, Shared};
use crate::state::Map;
use crate::subscription::{Filter, Start};
use crate::watcher::Watcher;
use crate::{BatchError, Batched, Entry, Error, Key, Page, Refusal, Subscription, Timestamp};

/// A write; `K` says which answer it has.
pub struct Write<T, K> {
    write: crate::Write<T>,
    kind: PhantomData<fn() -> K>,
}

/// A set or an update: answers the revision, takes a time to live.
#[derive(Debug)]
pub enum Set {}

/// A push: answers [`Pushed`](crate::Pushed), takes a time to live.
#[derive(Debug)]
pub enum Push {}

/// A pop: answers [`Popped`](crate::Popped).
#[derive(Debug)]
pub enum Pop {}

/// A remove, an expire or a persist: answers the revision.
#[derive(Debug)]
pub enum Change {}

/// An update by [`Store::modify`](crate::Store::modify).
#[derive(Debug)]
#[doc(hidden)]
pub enum Modify {}

/// Writes to which a time to live can be added.
pub trait TakesTtl {}

impl TakesTtl for Set {}
impl TakesTtl for Push {}

impl<T, K> Write<T, K> {
    pub(crate) fn new(write: crate::Write<T>) -> Self {
        Self { write, kind: PhantomData }
    }

    pub(crate) fn map(self, option: impl FnOnce(crate::Write<T>) -> crate::Write<T>) -> Self {
        Self::new(option(self.write))
    }
}

impl<T, K: WriteKind<T>> Operation<T> for Write<T, K> {
    type Output = K::Output;
    type Error = Error;
    type Answer = Written<T>;

    fn message(self, link: &Link<T>, reply: Reply<Written<T>>) -> Result<Envelope<T>, Error> {
        let gated = link.gate_of(self.write.key()).is_some();
        if gated && self.write.when() != Condition::Any {
            // The device would have acted before the owner could check.
            return Err(Refusal::new("a write to a gated key takes no conditions").into());
        }
        let prepared = link.shared.prepare(self.write)?;
        Ok(if gated {
            Message::Gated(Box::new(Gated { prepared, reply, since: Instant::now() })).into()
        } else {
            Message::Write { prepared, reply }.into()
        })
    }

    fn output(written: Written<T>) -> K::Output {
        K::output(written)
    }

    fn queue<'l>(&self, link: &'l Link<T>) -> &'l mpsc::Sender<Envelope<T>> {
        link.gate_of(self.write.key()).map_or(&link.inbox, |gate| &gate.inbox)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A write that goes to the owner together with others, which no gate could look at one by one.
fn prepare_ungated<T>(link: &Link<T>, write: crate::Write<T>) -> Result<Prepared<T>, Error> {
    if let Some(gate) = link.gate_of(write.key()) {
        let reason = format!("keys under {:?} are gated: write to them one by one", gate.prefix);
        return Err(Refusal::new(reason).into());
    }
    link.shared.prepare(write)
}

/// Several independent writes in one message; `K` says which answer each has.
pub struct Many<T, K> {
    pub(crate) writes: Vec<crate::Write<T>>,
    pub(crate) kind: PhantomData<fn() -> K>,
}

impl<T, K: WriteKind<T>> Operation<T> for Many<T, K> {
    type Output = Vec<Result<K::Output, Error>>;
    type Error = Error;
    type Answer = Vec<Result<Written<T>, Error>>;

    fn message(self, link: &Link<T>, reply: Reply<Self::Answer>) -> Result<Envelope<T>, Error> {
        let writes = self.writes.into_iter().map(|write| prepare_ungated(link, write)).collect();
        Ok(Message::Many { writes, reply }.into())
    }

    fn output(answer: Self::Answer) -> Self::Output {
        answer.into_iter().map(|written| written.map(K::output)).collect()
    }
}

/// Several writes, all or nothing.
pub struct Batch<T> {
    pub(crate) writes: Vec<crate::Write<T>>,
}

impl<T> Operation<T> for Batch<T> {
    type Output = Vec<Batched<T>>;
    type Error = BatchError;
    type Answer = Vec<Written<T>>;

    fn message(
        self,
        link: &Link<T>,
        reply: Reply<Vec<Written<T>>, BatchError>,
    ) -> Result<Envelope<T>, BatchError> {
        let prepare = |(index, write)| {
            prepare_ungated(link, write).map_err(|error| BatchError { index, error })
        };
        let writes = self.writes.into_iter().enumerate().map(prepare).collect::<Result<_, _>>()?;
        Ok(Message::Batch { writes, reply }.into())
    }

    fn output(answer: Vec<Written<T>>) -> Vec<Batched<T>> {
        let batched = |written: Written<T>| Batched {
            revision: written.revision,
            length: written.length,
            popped: written.popped,
        };
        answer.into_iter().map(batched).collect()
    }
}

/// Read one entry.
#[derive(Debug)]
pub struct Get {
    pub(crate) key: Key,
}

impl<T> Operation<T> for Get {
    type Output = Option<Entry<T>>;
    type Error = Error;
    type Answer = Option<Entry<T>>;

    fn message(self, link: &Link<T>, reply: Reply<Self::Answer>) -> Result<Envelope<T>, Error> {
        self.key.validate()?;
        let hash = link.shared.map.hash(&self.key);
        Ok(Message::Get { hash, key: self.key, reply }.into())
    }

    fn output(answer: Self::Answer) -> Self::Output {
        answer
    }
}

/// How a read looks at its key.
pub(crate) type LookAt<T, R> =
    fn(&Map<T>, u64, &str, Timestamp, (isize, usize)) -> Result<R, Error>;

/// Read something about one key.
pub struct Look<T, R> {
    pub(crate) key: Key,
    pub(crate) window: (isize, usize),
    pub(crate) look: LookAt<T, R>,
}

impl<T: 'static, R: Send + 'static> Operation<T> for Look<T, R> {
    type Output = R;
    type Error = Error;
    type Answer = R;

    fn message(self, link: &Link<T>, reply: Reply<R>) -> Result<Envelope<T>, Error> {
        let Self { key, window, look } = self;
        key.validate()?;
        let hash = link.shared.map.hash(&key);
        Ok(Message::Look(Box::new(move |map, now| {
            // A caller that has left is no error.
            let _ = reply.send(look(map, hash, &key, now, window));
        }))
        .into())
    }

    fn output(answer: R) -> R {
        answer
    }
}

/// Read a sorted page; `I` is what is on it.
pub struct Scan<I> {
    pub(crate) prefix: Key,
    pub(crate) after: Option<Key>,
    pub(crate) limit: usize,
    pub(crate) items: PhantomData<fn() -> I>,
}

impl<I> Scan<I> {
    fn request<T>(self, reply: ScanReply<T>) -> Envelope<T> {
        let Self { prefix, after, limit, .. } = self;
        Message::Scan(Box::new(ScanRequest { prefix, after, limit, reply })).into()
    }
}

impl<T> Operation<T> for Scan<Key> {
    type Output = Page<Key>;
    type Error = Error;
    type Answer = Page<Key>;

    fn message(self, _: &Link<T>, reply: Reply<Page<Key>>) -> Result<Envelope<T>, Error> {
        Ok(self.request(ScanReply::Keys(reply)))
    }

    fn output(answer: Page<Key>) -> Page<Key> {
        answer
    }
}

impl<T> Operation<T> for Scan<(Key, Entry<T>)> {
    type Output = Page<(Key, Entry<T>)>;
    type Error = Error;
    type Answer = Page<(Key, Entry<T>)>;

    fn message(self, _: &Link<T>, reply: Reply<Self::Answer>) -> Result<Envelope<T>, Error> {
        Ok(self.request(ScanReply::Entries(reply)))
    }

    fn output(answer: Self::Answer) -> Self::Answer {
        answer
    }
}

/// Remove everything.
#[derive(Debug)]
pub struct Clear {}

impl<T> Operation<T> for Clear {
    type Output = usize;
    type Error = Error;
    type Answer = usize;

    fn message(self, _: &Link<T>, reply: Reply<usize>) -> Result<Envelope<T>, Error> {
        Ok(Message::Clear { reply }.into())
    }

    fn output(answer: usize) -> usize {
        answer
    }
}

/// Replace the journal's log by a snapshot.
#[derive(Debug)]
pub struct Compact {}

impl<T> Operation<T> for Compact {
    type Output = ();
    type Error = Error;
    type Answer = ();

    fn message(self, _: &Link<T>, reply: Reply<()>) -> Result<Envelope<T>, Error> {
        Ok(Message::Compact { reply }.into())
    }

    fn output((): ()) {}
}

/// Follow the newest value of one key.
pub struct Watch<T> {
    pub(crate) key: Key,
    pub(crate) watcher: Arc<Watcher<T>>,
}

impl<T> Operation<T> for Watch<T> {
    type Output = Listening;
    type Error = Error;
    type Answer = Listening;

    fn message(self, _: &Link<T>, reply: Reply<Listening>) -> Result<Envelope<T>, Error> {
        let Self { key, watcher } = self;
        key.validate()?;
        Ok(Message::Latest { key, watcher, reply }.into())
    }

    fn output(answer: Listening) -> Listening {
        answer
    }
}

/// Start a subscription.
#[derive(Debug)]
pub struct Subscribe {
    pub(crate) filter: Filter,
    pub(crate) start: Start,
}

/// What the owner said to a new subscriber, and what the handle adds.
#[doc(hidden)]
pub struct Subscribing<T> {
    pub(crate) subscribed: Subscribed<T>,
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) filter: Filter,
    pub(crate) start: Start,
}

impl<T: Clone + Send + Sync + 'static> Operation<T> for Subscribe {
    type Output = Subscription<T>;
    type Error = Error;
    type Answer = Subscribing<T>;

    fn message(self, link: &Link<T>, reply: Reply<Subscribing<T>>) -> Result<Envelope<T>, Error> {
        let Self { filter, start } = self;
        if let Filter::Key(key) = &filter {
            key.validate()?;
        }
        let shared = Arc::clone(&link.shared);
        let request = SubscribeRequest { filter, start, shared, reply };
        Ok(Message::Subscribe(Box::new(request)).into())
    }

    fn output(answer: Subscribing<T>) -> Subscription<T> {
        let Subscribing { subscribed, shared, filter, start } = answer;
        Subscription::new(shared, filter, start, subscribed)
    }
}

macro_rules! opaque_debug {
    ($($name:ident [$($generics:ident),*]),* $(,)?) => {$(
        impl<$($generics),*> fmt::Debug for $name<$($generics),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

opaque_debug!(Watch[T], Write[T, K], Many[T, K], Batch[T], Look[T, R], Scan[I], Subscribing[T]);
