//! Reads that go through the owner.

use std::fmt;
use std::marker::PhantomData;

use super::Operation;
use crate::link::Link;
use crate::message::{Envelope, Message, Reply, ScanReply, ScanRequest};
use crate::state::Map;
use crate::{Entry, Error, Key, Page, Timestamp};

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
            reply.send(look(map, hash, &key, now, window));
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

impl<T, R> fmt::Debug for Look<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for Scan<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").finish_non_exhaustive()
    }
}
