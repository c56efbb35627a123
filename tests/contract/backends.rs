//! The backends that there are.

use mainspring::journal::{Journal, MemoryJournal};
use mainspring::{
    Builder, Entry, Event, Key, Page, Result, ResumeToken, Store, StoreId, Subscription, Value,
    Write,
};

use crate::api::{Api, Backend, Events, Filter, From, Options};
use crate::common::{Did, dids, send};

#[cfg(feature = "file")]
pub(crate) use crate::folder::Filed;

/// A store and nothing else: a turn is one command.
pub(crate) struct Plain;

/// A store that somebody listens to: a turn is up to 16 commands.
pub(crate) struct Watched;

/// A store over a journal: a turn is all that is queued.
pub(crate) struct Journaled;

impl Backend for Plain {
    type Handle = Store<String>;

    async fn start(options: Options) -> Store<String> {
        apply(&options, Store::builder()).spawn()
    }
}

impl Backend for Watched {
    type Handle = Store<String>;

    async fn start(options: Options) -> Store<String> {
        let store = apply(&options, Store::builder()).spawn();
        let mut all = mainspring::Reader::subscribe(&store).await.unwrap();
        tokio::spawn(async move { while all.recv().await.is_ok() {} });
        store
    }
}

impl Backend for Journaled {
    type Handle = Store<String>;

    const HAS_PAST: bool = true;

    async fn start(options: Options) -> Store<String> {
        let store = apply(&options, Store::builder().journal(MemoryJournal::new())).spawn();
        store.ready().await.unwrap();
        store
    }
}

pub(crate) fn apply<J: Journal<String>>(
    options: &Options,
    mut builder: Builder<String, J>,
) -> Builder<String, J> {
    if let Some(ttl) = options.default_ttl {
        builder = builder.default_ttl(ttl);
    }
    if let Some(entries) = options.max_entries {
        builder = builder.max_entries(entries);
    }
    if let Some(bytes) = options.max_bytes {
        builder = builder.max_bytes(bytes);
    }
    if let Some(bytes) = options.max_entry_bytes {
        builder = builder.max_entry_bytes(bytes);
    }
    if let Some(changes) = options.history_changes {
        builder = builder.history_changes(changes);
    }
    builder
}

impl Api for Store<String> {
    type Events = Subscription<String>;

    fn id(&self) -> StoreId {
        mainspring::Reader::id(self)
    }

    async fn get(&self, key: &str) -> Result<Option<Entry<String>>> {
        mainspring::Reader::get(self, key).await
    }

    async fn contains(&self, key: &str) -> Result<bool> {
        mainspring::Reader::contains(self, key).await
    }

    async fn len(&self, key: &str) -> Result<Option<usize>> {
        mainspring::Reader::len(self, key).await
    }

    async fn last(&self, key: &str) -> Result<Option<String>> {
        mainspring::Reader::last(self, key).await
    }

    async fn range(&self, key: &str, offset: isize, limit: usize) -> Result<Option<Vec<String>>> {
        mainspring::Reader::range(self, key, offset, limit).await
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<Key>> {
        let page = mainspring::Reader::keys(self, prefix).limit(limit);
        match after {
            Some(after) => page.after(after).await,
            None => page.await,
        }
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(Key, Entry<String>)>> {
        let page = mainspring::Reader::scan(self, prefix).limit(limit);
        match after {
            Some(after) => page.after(after).await,
            None => page.await,
        }
    }

    async fn write(&self, write: Write<String>) -> Result<Did<String>> {
        send(self, write).await
    }

    async fn batch(
        &self,
        writes: Vec<Write<String>>,
    ) -> Result<Vec<Did<String>>, mainspring::BatchError> {
        Store::batch(self, writes).await.map(dids)
    }

    async fn set_many(&self, pairs: &[(&str, &str)]) -> Result<Vec<Result<u64>>> {
        Store::set_many(self, pairs.iter().copied()).await
    }

    async fn push_many(&self, key: &str, elements: &[&str]) -> Result<Vec<Result<(u64, usize)>>> {
        let pushed = Store::push_many(self, key, elements.iter().copied()).await?;
        let both = |pushed: mainspring::Pushed| (pushed.revision, pushed.length);
        Ok(pushed.into_iter().map(|pushed| pushed.map(both)).collect())
    }

    async fn modify(
        &self,
        key: &str,
        change: impl FnMut(&mut Value<String>),
    ) -> Result<Entry<String>> {
        Store::modify(self, key, change).await
    }

    async fn clear(&self) -> Result<usize> {
        Store::clear(self).await
    }

    async fn subscribe(&self, filter: Filter, from: From) -> Result<Subscription<String>> {
        let subscribe = mainspring::Reader::subscribe(self);
        let subscribe = match filter {
            Filter::All => subscribe,
            Filter::Key(key) => subscribe.key(key),
            Filter::Prefix(prefix) => subscribe.prefix(prefix),
        };
        match from {
            From::Now => subscribe.await,
            From::Snapshot => subscribe.from_snapshot().await,
            From::After(revision) => subscribe.after(revision).await,
            From::Token(token) => subscribe.after(token).await,
        }
    }
}

impl Events for Subscription<String> {
    async fn next(&mut self) -> Result<Event<String>> {
        self.recv().await
    }

    fn token(&self) -> Option<ResumeToken> {
        self.resume_token()
    }
}
