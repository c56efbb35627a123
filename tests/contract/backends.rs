//! The backends that there are.

use std::future::IntoFuture;

use mainspring::journal::{Journal, MemoryJournal};
use mainspring::{
    Builder, Entry, Event, Key, Page, Result, ResumeToken, Store, StoreId, Subscription, Value,
    Write,
};
use mainspring_testing::{WriteResult, send, write_results};

use crate::api::{Api, Backend, Events, Filter, From, Options};
use crate::pace::{Pace, ToldPace};

#[cfg(feature = "file")]
pub(crate) use crate::folder::Filed;
#[cfg(all(feature = "server", feature = "client"))]
pub(crate) use crate::server::Served;

/// A store and nothing else: a turn is one command.
pub(crate) struct Plain;

/// A store that somebody listens to: a turn is up to 16 commands.
pub(crate) struct Watched;

/// A store over a journal: a turn is all that is queued.
pub(crate) struct Journaled;

/// A store, wherever it is.
pub(crate) struct Held<S> {
    pub(crate) store: S,
    pub(crate) id: StoreId,
    pub(crate) pace: Pace,
}

impl Held<Store<String>> {
    pub(crate) fn new(store: Store<String>) -> Self {
        Self { id: store.id(), store, pace: Pace::Paused }
    }
}

impl Backend for Plain {
    type Handle = Held<Store<String>>;

    async fn start(options: Options) -> Self::Handle {
        Held::new(apply(&options, Store::builder()).spawn())
    }
}

impl Backend for Watched {
    type Handle = Held<Store<String>>;

    async fn start(options: Options) -> Self::Handle {
        let store = apply(&options, Store::builder()).spawn();
        let mut all = store.subscribe().await.unwrap();
        tokio::spawn(async move { while all.recv().await.is_ok() {} });
        Held::new(store)
    }
}

impl Backend for Journaled {
    type Handle = Held<Store<String>>;

    const HAS_PAST: bool = true;

    async fn start(options: Options) -> Self::Handle {
        let store = apply(&options, Store::builder().journal(MemoryJournal::new())).spawn();
        store.ready().await.unwrap();
        Held::new(store)
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

impl<B: mainspring::Backend<String>> Api for Held<Store<String, B>> {
    type Events = Told;

    fn id(&self) -> StoreId {
        self.id
    }

    async fn get(&self, key: &str) -> Result<Option<Entry<String>>> {
        self.pace.of(self.store.get(key).into_future()).await
    }

    async fn contains(&self, key: &str) -> Result<bool> {
        self.pace.of(self.store.contains(key).into_future()).await
    }

    async fn len(&self, key: &str) -> Result<Option<usize>> {
        self.pace.of(self.store.len(key).into_future()).await
    }

    async fn last(&self, key: &str) -> Result<Option<String>> {
        self.pace.of(self.store.last(key).into_future()).await
    }

    async fn range(&self, key: &str, offset: isize, limit: usize) -> Result<Option<Vec<String>>> {
        self.pace.of(self.store.range(key, offset, limit).into_future()).await
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<Key>> {
        let page = self.store.keys(prefix).limit(limit);
        let page = match after {
            Some(after) => page.after(after),
            None => page,
        };
        self.pace.of(page.into_future()).await
    }

    async fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<(Key, Entry<String>)>> {
        let page = self.store.scan(prefix).limit(limit);
        let page = match after {
            Some(after) => page.after(after),
            None => page,
        };
        self.pace.of(page.into_future()).await
    }

    async fn write(&self, write: Write<String>) -> Result<WriteResult<String>> {
        self.pace.of(send(&self.store, write)).await
    }

    async fn batch(
        &self,
        writes: Vec<Write<String>>,
    ) -> Result<Vec<WriteResult<String>>, mainspring::BatchError> {
        self.pace.of(self.store.batch(writes).into_future()).await.map(write_results)
    }

    async fn set_many(&self, pairs: &[(&str, &str)]) -> Result<Vec<Result<u64>>> {
        self.pace.of(self.store.set_many(pairs.iter().copied()).into_future()).await
    }

    async fn push_many(&self, key: &str, elements: &[&str]) -> Result<Vec<Result<(u64, usize)>>> {
        let pushed = self.store.push_many(key, elements.iter().copied());
        let pushed = self.pace.of(pushed.into_future()).await?;
        let both = |pushed: mainspring::Pushed| (pushed.revision, pushed.length);
        Ok(pushed.into_iter().map(|pushed| pushed.map(both)).collect())
    }

    async fn modify(
        &self,
        key: &str,
        change: impl FnMut(&mut Value<String>),
    ) -> Result<Entry<String>> {
        self.pace.of(self.store.modify(key, change)).await
    }

    async fn compact(&self) -> Result<u64> {
        let compacted = self.pace.of(self.store.compact().into_future()).await?;
        Ok(compacted.revision)
    }

    async fn clear(&self) -> Result<usize> {
        self.pace.of(self.store.clear().into_future()).await
    }

    async fn subscribe(&self, filter: Filter, from: From) -> Result<Told> {
        let subscribe = self.store.subscribe();
        let subscribe = match filter {
            Filter::All => subscribe,
            Filter::Key(key) => subscribe.key(key),
            Filter::Prefix(prefix) => subscribe.prefix(prefix),
        };
        let subscribe = match from {
            From::Now => subscribe,
            From::Snapshot => subscribe.from_snapshot(),
            From::After(revision) => subscribe.after(revision),
            From::Token(token) => subscribe.after(token),
        };
        let told = self.pace.of(subscribe.into_future()).await?;
        Ok(Told { told, pace: self.pace.told().await })
    }
}

/// What is told, wherever it is told.
pub(crate) struct Told {
    told: Subscription<String>,
    pace: ToldPace,
}

impl Events for Told {
    async fn next(&mut self) -> Result<Event<String>> {
        self.pace.next(&mut self.told).await
    }

    fn token(&self) -> Option<ResumeToken> {
        self.told.resume_token()
    }
}
