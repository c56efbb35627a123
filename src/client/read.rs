//! Reads, over HTTP.

use std::pin::Pin;

use serde::de::DeserializeOwned;

use super::Remote;
use super::address::{Address, ask};
use super::answer::{self, Part};
use super::fault::{Effect, unreadable};
use super::remote::{Answer, Request};
use crate::store::op::{Contains, Get, Last, Len, Look, LookKind, Range, Scan};
use crate::{Carries, Entry, Error, Key, Page};

pub(super) type Answering<'a, A, E = Error> =
    Pin<Box<dyn Future<Output = Result<A, E>> + Send + 'a>>;

/// What is absent is no error for those who read.
fn found<A>(answer: Result<A, Error>) -> Result<Option<A>, Error> {
    match answer {
        Err(Error::NotFound) => Ok(None),
        other => other.map(Some),
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Carries<T, Get> for Remote {
    type Call<'a> = Answering<'a, Option<Entry<T>>>;

    fn call(&self, Get { key }: Get) -> Self::Call<'_> {
        let url = self.address().of_key(&key, "");
        Box::pin(async move {
            let request = Request::read(url?);
            found(self.send_about(&key, &request, |answer| answer::entry(&answer.body)).await)
        })
    }
}

/// What a look at a key makes of the part of a list that a server sends.
pub(super) trait Sight<T>: LookKind<T> {
    fn see(part: Result<Option<Part<T>>, Error>) -> Result<Self::Output, Error>;
}

impl<T: Send + 'static> Sight<T> for Contains {
    // Not by a HEAD, whose answer has no body: any wrong path would be an absent key.
    fn see(part: Result<Option<Part<T>>, Error>) -> Result<bool, Error> {
        match part {
            Err(Error::WrongKind) => Ok(true),
            other => other.map(|part| part.is_some()),
        }
    }
}

impl<T: Send + 'static> Sight<T> for Len {
    fn see(part: Result<Option<Part<T>>, Error>) -> Result<Option<usize>, Error> {
        part.map(|part| part.map(|part| part.length))
    }
}

impl<T: Clone + Send + 'static> Sight<T> for Last {
    fn see(part: Result<Option<Part<T>>, Error>) -> Result<Option<T>, Error> {
        part.map(|part| part.and_then(|mut part| part.elements.pop()))
    }
}

impl<T: Clone + Send + 'static> Sight<T> for Range {
    fn see(part: Result<Option<Part<T>>, Error>) -> Result<Option<Vec<T>>, Error> {
        part.map(|part| part.map(|part| part.elements))
    }
}

impl<T, K> Carries<T, Look<K>> for Remote
where
    T: DeserializeOwned + Send + Sync + 'static,
    K: Sight<T> + 'static,
{
    type Call<'a> = Answering<'a, K::Output>;

    fn call(&self, Look { key, window: (offset, limit), .. }: Look<K>) -> Self::Call<'_> {
        let url = self.address().of_key(&key, "/range");
        Box::pin(async move {
            let mut url = url?;
            ask(&mut url, "offset", offset);
            ask(&mut url, "limit", limit);
            let request = Request::read(url);
            let part = self.send_about(&key, &request, |answer| answer::part(&answer.body)).await;
            K::see(found(part))
        })
    }
}

/// The most that a server puts in a page.
const MOST: usize = 10_000;

/// Which page: of keys, or of entries.
struct PageRequest {
    prefix: Key,
    after: Option<Key>,
    limit: usize,
    entries: bool,
}

impl PageRequest {
    fn new<I>(Scan { prefix, after, limit, .. }: Scan<I>, entries: bool) -> Self {
        Self { prefix, after, limit, entries }
    }

    fn at(&self, address: &Address, limit: usize, entries: bool) -> Request {
        let mut url = address.at("/keys");
        ask(&mut url, "prefix", &*self.prefix);
        if let Some(after) = &self.after {
            ask(&mut url, "after", &**after);
        }
        ask(&mut url, "limit", limit);
        if entries {
            ask(&mut url, "entries", true);
        }
        Request::read(url)
    }
}

impl Remote {
    /// A page, with fewer than were asked for if it would be longer than this client takes. So one entry that is too
    /// large keeps no other from being read.
    async fn page<A>(
        &self,
        page: PageRequest,
        read: impl FnOnce(&Answer) -> Result<A, String> + Send,
    ) -> Result<A, Error> {
        let server = self.address();
        let mut limit = page.limit;
        let fault = loop {
            match self.fetch(&page.at(server, limit, page.entries)).await {
                Ok(answer) => {
                    return read(&answer).map_err(|why| unreadable(Effect::Read, server, why));
                }
                Err(fault) if fault.is_too_long() && limit > 1 => {
                    limit = limit.min(MOST) / 2;
                }
                Err(fault) => break fault,
            }
        };
        if fault.is_too_long() && page.entries {
            // Which entry it is, its key tells.
            let only = page.at(server, 1, false);
            let keys = self.send(&only, |answer| answer::keys(&answer.body)).await?;
            if let Some(key) = keys.items.first() {
                return Err(fault.about(key).into_error(Effect::Read, server));
            }
        }
        Err(fault.into_error(Effect::Read, server))
    }
}

impl<T: Send + Sync + 'static> Carries<T, Scan<Key>> for Remote {
    type Call<'a> = Answering<'a, Page<Key>>;

    fn call(&self, scan: Scan<Key>) -> Self::Call<'_> {
        let page = PageRequest::new(scan, false);
        Box::pin(self.page(page, |answer| answer::keys(&answer.body)))
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Carries<T, Scan<(Key, Entry<T>)>> for Remote {
    type Call<'a> = Answering<'a, Page<(Key, Entry<T>)>>;

    fn call(&self, scan: Scan<(Key, Entry<T>)>) -> Self::Call<'_> {
        let page = PageRequest::new(scan, true);
        Box::pin(self.page(page, |answer| answer::entries(&answer.body)))
    }
}
