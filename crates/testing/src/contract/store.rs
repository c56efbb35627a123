use std::future::IntoFuture;

use mainspring::{
    Backend, BatchError, Change, Entry, Error, Event, Key, Local, Page, Result, ResumeToken, Store,
    StoreId, Subscription, Value, Write,
};

use super::clock::{Clock, EventClock};
use crate::{WriteResult, send, write_results};

/// The keys of a subscription.
#[derive(Debug, Clone, Copy)]
pub enum Scope {
    /// All keys.
    All,
    /// One key.
    Key(&'static str),
    /// The keys with this prefix.
    Prefix(&'static str),
}

/// The start of a subscription.
#[derive(Debug, Clone, Copy)]
pub enum Start {
    /// With the next change.
    Now,
    /// With a snapshot.
    Snapshot,
    /// After this revision.
    After(u64),
    /// After the position of this token.
    Token(ResumeToken),
}

/// A handle of a store, local or remote, whose time is paused except during requests over a socket.
#[derive(Debug)]
pub struct TestStore<B = Local<String>> {
    store: Store<String, B>,
    id: StoreId,
    clock: Clock,
}

impl TestStore {
    /// A store in the runtime of the test.
    pub fn local(store: Store<String>) -> Self {
        Self { id: store.id(), store, clock: Clock::Paused }
    }
}

#[expect(missing_docs, reason = "most are the methods of the store")]
impl<B: Backend<String>> TestStore<B> {
    /// A client, and the store in the server that it is connected to.
    pub fn remote(client: Store<String, B>, server: Store<String>) -> Self {
        Self { store: client, id: server.id(), clock: Clock::Real(server) }
    }

    pub fn id(&self) -> StoreId {
        self.id
    }

    pub async fn get(&self, key: &str) -> Result<Option<Entry<String>>> {
        self.clock.run(self.store.get(key).into_future()).await
    }

    pub async fn contains(&self, key: &str) -> Result<bool> {
        self.clock.run(self.store.contains(key).into_future()).await
    }

    pub async fn len(&self, key: &str) -> Result<Option<usize>> {
        self.clock.run(self.store.len(key).into_future()).await
    }

    pub async fn last(&self, key: &str) -> Result<Option<String>> {
        self.clock.run(self.store.last(key).into_future()).await
    }

    pub async fn range(
        &self,
        key: &str,
        offset: isize,
        limit: usize,
    ) -> Result<Option<Vec<String>>> {
        self.clock.run(self.store.range(key, offset, limit).into_future()).await
    }

    pub async fn keys(&self, prefix: &str, after: Option<&str>, limit: usize) -> Result<Page<Key>> {
        let page = self.store.keys(prefix).limit(limit);
        let page = match after {
            Some(after) => page.after(after),
            None => page,
        };
        self.clock.run(page.into_future()).await
    }

    pub async fn scan(
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
        self.clock.run(page.into_future()).await
    }

    /// Send a write through the method of the store for its action, not as a batch of one.
    pub async fn write(&self, write: Write<String>) -> Result<WriteResult<String>> {
        self.clock.run(send(&self.store, write)).await
    }

    pub async fn batch(
        &self,
        writes: Vec<Write<String>>,
    ) -> Result<Vec<WriteResult<String>>, BatchError> {
        self.clock.run(self.store.batch(writes).into_future()).await.map(write_results)
    }

    pub async fn set_many(&self, pairs: &[(&str, &str)]) -> Result<Vec<Result<u64>>> {
        self.clock.run(self.store.set_many(pairs.iter().copied()).into_future()).await
    }

    /// Push several elements, and return the revision and the length of each push.
    pub async fn push_many(
        &self,
        key: &str,
        elements: &[&str],
    ) -> Result<Vec<Result<(u64, usize)>>> {
        let pushes = self.store.push_many(key, elements.iter().copied());
        let pushed = self.clock.run(pushes.into_future()).await?;
        let pair = |pushed: mainspring::Pushed| (pushed.revision, pushed.length);
        Ok(pushed.into_iter().map(|pushed| pushed.map(pair)).collect())
    }

    pub async fn modify(
        &self,
        key: &str,
        change: impl FnMut(&mut Value<String>),
    ) -> Result<Entry<String>> {
        self.clock.run(self.store.modify(key, change)).await
    }

    /// Compact the journal, and return the revision of the snapshot.
    pub async fn compact(&self) -> Result<u64> {
        let compacted = self.clock.run(self.store.compact().into_future()).await?;
        Ok(compacted.revision)
    }

    pub async fn clear(&self) -> Result<usize> {
        self.clock.run(self.store.clear().into_future()).await
    }

    pub async fn subscribe(&self, scope: Scope, start: Start) -> Result<Events> {
        let subscribe = self.store.subscribe();
        let subscribe = match scope {
            Scope::All => subscribe,
            Scope::Key(key) => subscribe.key(key),
            Scope::Prefix(prefix) => subscribe.prefix(prefix),
        };
        let subscribe = match start {
            Start::Now => subscribe,
            Start::Snapshot => subscribe.from_snapshot(),
            Start::After(revision) => subscribe.after(revision),
            Start::Token(token) => subscribe.after(token),
        };
        let subscription = self.clock.run(subscribe.into_future()).await?;
        Ok(Events { subscription, clock: self.clock.event_clock().await })
    }

    /// Set a key, and return the revision.
    pub async fn set(&self, key: &str, value: &str) -> u64 {
        self.write(Write::set(key, value)).await.unwrap().revision
    }

    /// Push an element, and return the revision.
    pub async fn push(&self, key: &str, element: &str) -> u64 {
        self.write(Write::push(key, element)).await.unwrap().revision
    }

    /// The entry of a key that must be present.
    pub async fn entry(&self, key: &str) -> Entry<String> {
        self.get(key).await.unwrap().unwrap_or_else(|| panic!("{key} is absent"))
    }

    /// The revision of the store.
    pub async fn revision(&self) -> u64 {
        self.keys("", None, 1).await.unwrap().revision
    }

    /// The error of a write that must be rejected.
    pub async fn rejection(&self, write: Write<String>) -> Error {
        self.write(write).await.unwrap_err()
    }
}

/// A subscription of a [`TestStore`].
#[derive(Debug)]
pub struct Events {
    subscription: Subscription<String>,
    clock: EventClock,
}

impl Events {
    /// The next event.
    pub async fn next(&mut self) -> Result<Event<String>> {
        self.clock.next(&mut self.subscription).await
    }

    /// The position of the subscription.
    pub fn token(&self) -> Option<ResumeToken> {
        self.subscription.resume_token()
    }

    /// The next event, which must be a change.
    pub async fn change(&mut self) -> Change<String> {
        match self.next().await.unwrap() {
            Event::Change(change) => change,
            other => panic!("not a change: {other:?}"),
        }
    }

    /// The changes and the revision of the next event, which must be a batch.
    pub async fn batch(&mut self) -> (Vec<Change<String>>, u64) {
        match self.next().await.unwrap() {
            Event::Batch { changes, revision } => (changes, revision),
            other => panic!("not a batch: {other:?}"),
        }
    }
}
