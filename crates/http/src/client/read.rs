//! Reads, over HTTP.

use mainspring::internal::CommandResult;
use mainspring::internal::Response;
use mainspring::internal::{Query, Scan, Slice};
use mainspring::{Entry, Error, Key, Page};
use serde::de::DeserializeOwned;

use super::Remote;
use super::answer;
use super::fault::{Effect, unreadable};
use super::remote::{self, Request};
use crate::protocol::Operation;

/// What is absent is no error for those who read.
fn found<A>(answer: Result<A, Error>) -> Result<Option<A>, Error> {
    match answer {
        Err(Error::NotFound) => Ok(None),
        other => other.map(Some),
    }
}

impl Remote {
    pub(super) async fn query<T: DeserializeOwned + Send>(
        &self,
        key: &Key,
        query: Query,
    ) -> CommandResult<T> {
        Ok(match query {
            Query::Entry => Response::Entry(self.entry(key).await?),
            // Not by a HEAD, whose answer has no body: any wrong path would be an absent key.
            Query::Contains => match self.slice::<T>(key, 0, 0).await {
                Err(Error::WrongKind) => Response::Contains(true),
                slice => Response::Contains(slice?.is_some()),
            },
            Query::Length => {
                Response::Length(self.slice::<T>(key, 0, 0).await?.map(|slice| slice.length))
            }
            Query::Last => {
                let slice = self.slice(key, -1, 1).await?;
                Response::Last(slice.and_then(|mut slice| slice.elements.pop()))
            }
            Query::Range { offset, limit } => {
                let slice = self.slice(key, offset, limit).await?;
                Response::Range(slice.map(|slice| slice.elements))
            }
            Query::Slice { offset, limit } => {
                Response::Slice(self.slice(key, offset, limit).await?)
            }
        })
    }

    async fn entry<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<Entry<T>>, Error> {
        let request = self.request_of_key(Operation::Get, key)?;
        found(self.send_about(key, &request, |answer| answer::entry(&answer.body)).await)
    }

    async fn slice<T: DeserializeOwned>(
        &self,
        key: &Key,
        offset: isize,
        limit: usize,
    ) -> Result<Option<Slice<T>>, Error> {
        let request = self.request_of_key(Operation::Range, key)?;
        let request = request.query("offset", offset).query("limit", limit);
        found(self.send_about(key, &request, |answer| answer::slice(&answer.body)).await)
    }
}

/// The most that a server puts in a page.
const MOST: usize = 10_000;

/// The request for a page.
fn page_request(remote: &Remote, scan: &Scan, limit: usize, entries: bool) -> Request {
    let mut request = remote.request(Operation::Keys).query("prefix", &*scan.prefix);
    if let Some(after) = &scan.after {
        request = request.query("after", &**after);
    }
    request = request.query("limit", limit);
    if entries { request.query("entries", true) } else { request }
}

impl Remote {
    /// A page, with fewer than were asked for if it would be longer than this client takes. So one entry that is too
    /// large keeps no other from being read.
    async fn page<A>(
        &self,
        scan: Scan,
        read: impl FnOnce(&remote::Answer) -> Result<A, String> + Send,
    ) -> Result<A, Error> {
        let server = self.address();
        let mut limit = scan.limit;
        let fault = loop {
            match self.fetch(&page_request(self, &scan, limit, scan.entries)).await {
                Ok(answer) => {
                    return read(&answer).map_err(|why| unreadable(Effect::Read, server, why));
                }
                Err(fault) if fault.is_too_long() && limit > 1 => {
                    limit = limit.min(MOST) / 2;
                }
                Err(fault) => break fault,
            }
        };
        if fault.is_too_long() && scan.entries {
            // Which entry it is, its key tells.
            let only = page_request(self, &scan, 1, false);
            let keys = self.send(&only, |answer| answer::keys(&answer.body)).await?;
            if let Some(key) = keys.items.first() {
                return Err(fault.about(key).into_error(Effect::Read, server));
            }
        }
        Err(fault.into_error(Effect::Read, server))
    }

    pub(super) async fn keys(&self, scan: Scan) -> Result<Page<Key>, Error> {
        self.page(scan, |answer| answer::keys(&answer.body)).await
    }

    pub(super) async fn entries<T: DeserializeOwned>(
        &self,
        scan: Scan,
    ) -> Result<Page<(Key, Entry<T>)>, Error> {
        self.page(scan, |answer| answer::entries(&answer.body)).await
    }
}
