//! Reads over HTTP.

use mainspring::internal::CommandResult;
use mainspring::internal::Response;
use mainspring::internal::{Query, Scan, Slice};
use mainspring::{Entry, Error, Key, Page};
use serde::de::DeserializeOwned;

use super::Remote;
use super::decode;
use super::failure::{Effect, unreadable};
use super::remote::{BufferedResponse, Request};
use crate::protocol::Operation;

/// A missing key is not an error for a read.
fn found<A>(result: Result<A, Error>) -> Result<Option<A>, Error> {
    match result {
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
            // Not by HEAD: its response has no body, so a 404 of a wrong URL would look like an absent key.
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
        let request = self.request_for_key(Operation::Get, key)?;
        found(self.send_for_key(key, &request, |response| decode::entry(&response.body)).await)
    }

    async fn slice<T: DeserializeOwned>(
        &self,
        key: &Key,
        offset: isize,
        limit: usize,
    ) -> Result<Option<Slice<T>>, Error> {
        let request = self.request_for_key(Operation::Range, key)?;
        let request = request.query("offset", offset).query("limit", limit);
        found(self.send_for_key(key, &request, |response| decode::slice(&response.body)).await)
    }
}

/// The maximum number of keys or entries that a server puts in a page.
const MAX_PAGE: usize = 10_000;

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
    /// Fetches a page, and requests a smaller one as long as it exceeds the limit of the client. So an entry that is too
    /// large does not prevent other entries from being read.
    async fn page<A>(
        &self,
        scan: Scan,
        read: impl FnOnce(&BufferedResponse) -> Result<A, String> + Send,
    ) -> Result<A, Error> {
        let server = self.address();
        let mut limit = scan.limit;
        let failure = loop {
            match self.fetch(&page_request(self, &scan, limit, scan.entries)).await {
                Ok(response) => {
                    return read(&response).map_err(|why| unreadable(Effect::Read, server, why));
                }
                Err(failure) if failure.is_too_long() && limit > 1 => {
                    limit = limit.min(MAX_PAGE) / 2;
                }
                Err(failure) => break failure,
            }
        };
        if failure.is_too_long() && scan.entries {
            // Requests the key of the entry, for the error.
            let only = page_request(self, &scan, 1, false);
            let keys = self.send(&only, |response| decode::keys(&response.body)).await?;
            if let Some(key) = keys.items.first() {
                return Err(failure.with_key(key).into_error(Effect::Read, server));
            }
        }
        Err(failure.into_error(Effect::Read, server))
    }

    pub(super) async fn keys(&self, scan: Scan) -> Result<Page<Key>, Error> {
        self.page(scan, |response| decode::keys(&response.body)).await
    }

    pub(super) async fn entries<T: DeserializeOwned>(
        &self,
        scan: Scan,
    ) -> Result<Page<(Key, Entry<T>)>, Error> {
        self.page(scan, |response| decode::entries(&response.body)).await
    }
}
