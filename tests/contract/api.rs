//! What a backend must be able to do to be held to the contract.

use std::time::Duration;

use mainspring::{Entry, Error, Event, Key, Page, Result, ResumeToken, StoreId, Value, Write};
use mainspring_testing::WriteResult;

/// The settings that the contract is about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    pub(crate) default_ttl: Option<Duration>,
    pub(crate) max_entries: Option<usize>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_entry_bytes: Option<u64>,
    pub(crate) history_changes: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Filter {
    All,
    Key(&'static str),
    Prefix(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum From {
    Now,
    Snapshot,
    After(u64),
    Token(ResumeToken),
}

/// Something that can be started: a store over a journal, a server with a client.
pub(crate) trait Backend {
    type Handle: Api;

    /// Whether changes that have left the history can still be told.
    const HAS_PAST: bool = false;

    /// Whether commands that are sent together take effect in the order in which they are sent.
    const IS_ORDERED: bool = true;

    async fn start(options: Options) -> Self::Handle;
}

/// The operations and their answers.
pub(crate) trait Api {
    type Events: Events;

    fn id(&self) -> StoreId;
    async fn get(&self, key: &str) -> Result<Option<Entry<String>>>;
    async fn contains(&self, key: &str) -> Result<bool>;
    async fn len(&self, key: &str) -> Result<Option<usize>>;
    async fn last(&self, key: &str) -> Result<Option<String>>;
    async fn range(&self, key: &str, offset: isize, limit: usize) -> Result<Option<Vec<String>>>;
    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<Key>>;
    async fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(Key, Entry<String>)>>;
    /// A write by its own operation, not as a batch of one. The length is that of a push or a pop.
    async fn write(&self, write: Write<String>) -> Result<WriteResult<String>>;
    async fn batch(
        &self,
        writes: Vec<Write<String>>,
    ) -> Result<Vec<WriteResult<String>>, mainspring::BatchError>;
    async fn set_many(&self, pairs: &[(&str, &str)]) -> Result<Vec<Result<u64>>>;
    async fn push_many(&self, key: &str, elements: &[&str]) -> Result<Vec<Result<(u64, usize)>>>;
    async fn modify(
        &self,
        key: &str,
        change: impl FnMut(&mut Value<String>),
    ) -> Result<Entry<String>>;
    async fn clear(&self) -> Result<usize>;
    /// Compact the journal, if there is one. Returns the revision of the snapshot.
    async fn compact(&self) -> Result<u64>;
    async fn subscribe(&self, filter: Filter, from: From) -> Result<Self::Events>;

    async fn set(&self, key: &str, value: &str) -> u64 {
        self.write(Write::set(key, value)).await.unwrap().revision
    }

    async fn push(&self, key: &str, element: &str) -> u64 {
        self.write(Write::push(key, element)).await.unwrap().revision
    }

    async fn entry(&self, key: &str) -> Entry<String> {
        self.get(key).await.unwrap().unwrap_or_else(|| panic!("{key} is absent"))
    }

    async fn revision(&self) -> u64 {
        self.keys("", None, 1).await.unwrap().revision
    }

    async fn refused(&self, write: Write<String>) -> Error {
        self.write(write).await.unwrap_err()
    }
}

pub(crate) trait Events {
    async fn next(&mut self) -> Result<Event<String>>;
    fn token(&self) -> Option<ResumeToken>;

    async fn change(&mut self) -> mainspring::Change<String> {
        match self.next().await.unwrap() {
            Event::Change(change) => change,
            other => panic!("not a change: {other:?}"),
        }
    }

    async fn batch(&mut self) -> (Vec<mainspring::Change<String>>, u64) {
        match self.next().await.unwrap() {
            Event::Batch { changes, revision } => (changes, revision),
            other => panic!("not a batch: {other:?}"),
        }
    }
}
