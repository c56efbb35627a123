//! Reads that go through the owner.

use std::fmt;
use std::marker::PhantomData;

use super::Operation;
use crate::model::{Entry, Error, Key, Page, Slice, Timestamp};
use crate::owner::message::{Envelope, Message, Reply, ScanReply, ScanRequest};
use crate::state::Map;
use crate::store::link::Link;

/// Read one entry.
#[derive(Debug)]
pub struct Get {
    pub(crate) key: Key,
}

impl<T: Send + Sync + 'static> Operation<T> for Get {
    type Output = Option<Entry<T>>;
    type Error = Error;
    type Answer = Option<Entry<T>>;

    fn message(self, link: &Link<T>, reply: Reply<Self::Answer>) -> Result<Envelope<T>, Error> {
        self.key.validate()?;
        let hash = link.hub.map.hash(&self.key);
        Ok(Message::Get { hash, key: self.key, reply }.into())
    }

    fn output(_: &Link<T>, answer: Self::Answer) -> Self::Output {
        answer
    }
}

/// Read something about one key; `K` says what.
#[derive(Debug)]
pub struct Look<K> {
    pub(crate) key: Key,
    /// What is looked at of a list: from where (negative: from the end), and at most how much.
    pub(crate) window: (isize, usize),
    pub(crate) kind: PhantomData<fn() -> K>,
}

/// Whether the key is present.
#[derive(Debug)]
pub enum Contains {}

/// The length of a list.
#[derive(Debug)]
pub enum Len {}

/// The last element of a list.
#[derive(Debug)]
pub enum Last {}

/// Elements of a list.
#[derive(Debug)]
pub enum Range {}

/// Elements of a list, with the list's length and revision, all of one moment.
#[derive(Debug)]
pub enum Part {}

/// What a read of a key looks at, and answers.
pub trait LookKind<T> {
    /// The answer.
    type Output: Send + 'static;

    #[doc(hidden)]
    fn look(
        map: &Map<T>,
        hash: u64,
        key: &str,
        now: Timestamp,
        window: (isize, usize),
    ) -> Result<Self::Output, Error>;
}

macro_rules! look {
    ($($kind:ident($bound:path) -> $output:ty = $look:expr;)+) => {$(
        impl<T: $bound + Send + 'static> LookKind<T> for $kind {
            type Output = $output;

            fn look(
                map: &Map<T>,
                hash: u64,
                key: &str,
                now: Timestamp,
                window: (isize, usize),
            ) -> Result<$output, Error> {
                $look(map, hash, key, now, window)
            }
        }
    )+};
}

look! {
    Contains(Send) -> bool = |map: &Map<T>, hash, key, now, _| Ok(map.contains(hash, key, now));
    Len(Send) -> Option<usize> = |map: &Map<T>, hash, key, now, _| map.len(hash, key, now);
    Last(Clone) -> Option<T> = |map: &Map<T>, hash, key, now, _| map.last(hash, key, now);
    Range(Clone) -> Option<Vec<T>> = Map::range;
    Part(Clone) -> Option<Slice<T>> = Map::part;
}

impl<T: 'static, K: LookKind<T> + 'static> Operation<T> for Look<K> {
    type Output = K::Output;
    type Error = Error;
    type Answer = K::Output;

    fn message(self, link: &Link<T>, reply: Reply<K::Output>) -> Result<Envelope<T>, Error> {
        let Self { key, window, .. } = self;
        key.validate()?;
        let hash = link.hub.map.hash(&key);
        Ok(Message::Look(Box::new(move |map, now| {
            // A caller that has left is no error.
            reply.send(K::look(map, hash, &key, now, window));
        }))
        .into())
    }

    fn output(_: &Link<T>, answer: K::Output) -> K::Output {
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

impl<T: Send + Sync + 'static> Operation<T> for Scan<Key> {
    type Output = Page<Key>;
    type Error = Error;
    type Answer = Page<Key>;

    fn message(self, _: &Link<T>, reply: Reply<Page<Key>>) -> Result<Envelope<T>, Error> {
        Ok(self.request(ScanReply::Keys(reply)))
    }

    fn output(_: &Link<T>, answer: Page<Key>) -> Page<Key> {
        answer
    }
}

impl<T: Send + Sync + 'static> Operation<T> for Scan<(Key, Entry<T>)> {
    type Output = Page<(Key, Entry<T>)>;
    type Error = Error;
    type Answer = Page<(Key, Entry<T>)>;

    fn message(self, _: &Link<T>, reply: Reply<Self::Answer>) -> Result<Envelope<T>, Error> {
        Ok(self.request(ScanReply::Entries(reply)))
    }

    fn output(_: &Link<T>, answer: Self::Answer) -> Self::Answer {
        answer
    }
}

impl<I> fmt::Debug for Scan<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}
