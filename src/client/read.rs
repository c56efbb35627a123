//! Reads, over HTTP.

use std::pin::Pin;

use serde::de::DeserializeOwned;

use super::Remote;
use super::address::ask;
use super::answer::{self, Part};
use super::remote::Request;
use crate::op::{Contains, Get, Last, Len, Look, LookKind, Range, Scan};
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
            found(self.send(&request, |answer| answer::entry(&answer.body)).await)
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
            K::see(found(self.send(&request, |answer| answer::part(&answer.body)).await))
        })
    }
}

impl Remote {
    fn page<I>(&self, scan: Scan<I>) -> String {
        let Scan { prefix, after, limit, .. } = scan;
        let mut url = self.address().at("/keys");
        ask(&mut url, "prefix", &*prefix);
        if let Some(after) = after {
            ask(&mut url, "after", &*after);
        }
        ask(&mut url, "limit", limit);
        url
    }
}

impl<T: Send + Sync + 'static> Carries<T, Scan<Key>> for Remote {
    type Call<'a> = Answering<'a, Page<Key>>;

    fn call(&self, scan: Scan<Key>) -> Self::Call<'_> {
        let request = Request::read(self.page(scan));
        Box::pin(async move { self.send(&request, |answer| answer::keys(&answer.body)).await })
    }
}

impl<T: DeserializeOwned + Send + Sync + 'static> Carries<T, Scan<(Key, Entry<T>)>> for Remote {
    type Call<'a> = Answering<'a, Page<(Key, Entry<T>)>>;

    fn call(&self, scan: Scan<(Key, Entry<T>)>) -> Self::Call<'_> {
        let mut url = self.page(scan);
        ask(&mut url, "entries", true);
        let request = Request::read(url);
        Box::pin(async move { self.send(&request, |answer| answer::entries(&answer.body)).await })
    }
}
