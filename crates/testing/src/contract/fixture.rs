use mainspring::journal::{
    AppendError, Compaction, FileJournal, Journal, JournalError, MemoryJournal, ReadError, Recover,
    Snapshot,
};
use mainspring::{Backend, Builder, Change, Local, Store, StoreId};
use std::sync::Arc;
use tempfile::TempDir;

use super::TestStore;
use super::clock::in_real_time;
use crate::journals::{InterceptedJournal, Interceptor};

/// Starts the stores of the contract suite: over a journal, or in a server with a client.
pub trait Fixture {
    /// The backend of the handle that the cases use.
    type Backend: Backend<String>;

    /// Whether subscriptions can read changes that are no longer in the history.
    const HAS_PAST: bool = false;

    /// Whether concurrent commands take effect in the order in which they are sent.
    const IS_ORDERED: bool = true;

    /// Start a store with the settings of the builder.
    #[expect(async_fn_in_trait, reason = "awaited by the task of the test, which need not be Send")]
    async fn start(builder: Builder<String>) -> TestStore<Self::Backend>;
}

/// A store without journal and subscribers: a turn is one command.
#[derive(Debug)]
pub struct PlainStore;

impl Fixture for PlainStore {
    type Backend = Local<String>;

    async fn start(builder: Builder<String>) -> TestStore {
        TestStore::local(builder.spawn())
    }
}

/// A store with a subscriber: a turn is up to 16 commands.
#[derive(Debug)]
pub struct WatchedStore;

impl Fixture for WatchedStore {
    type Backend = Local<String>;

    async fn start(builder: Builder<String>) -> TestStore {
        let store = builder.spawn();
        let mut all = store.subscribe().await.unwrap();
        tokio::spawn(async move { while all.recv().await.is_ok() {} });
        TestStore::local(store)
    }
}

/// A store over a journal in memory: a turn is all queued commands.
#[derive(Debug)]
pub struct MemoryJournalStore;

impl Fixture for MemoryJournalStore {
    type Backend = Local<String>;

    const HAS_PAST: bool = true;

    async fn start(builder: Builder<String>) -> TestStore {
        recovered(builder.journal(MemoryJournal::new()).spawn()).await
    }
}

/// A store over a journal in a temporary directory.
#[derive(Debug)]
pub struct FileJournalStore;

impl Fixture for FileJournalStore {
    type Backend = Local<String>;

    const HAS_PAST: bool = true;

    async fn start(builder: Builder<String>) -> TestStore {
        // Beside the test program: the temporary directory of the system may be in memory.
        let program = std::env::current_exe().unwrap();
        let directory = TempDir::with_prefix_in("contract-", program.parent().unwrap()).unwrap();
        let journal = FileJournal::open(directory.path());
        let real_time = RealTime { _directory: directory };
        recovered(builder.journal(InterceptedJournal::new(journal, real_time)).spawn()).await
    }
}

async fn recovered(store: Store<String>) -> TestStore {
    store.ready().await.unwrap();
    TestStore::local(store)
}

/// Awaits the other threads of the journal in real time, and removes its directory at the end.
struct RealTime {
    _directory: TempDir,
}

impl<J: Journal<String>> Interceptor<String, J> for RealTime {
    async fn open(
        &mut self,
        journal: &mut J,
        recover: Recover<'_, String>,
    ) -> Result<StoreId, JournalError> {
        in_real_time(journal.open(recover)).await
    }

    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        in_real_time(journal.append(after, changes)).await
    }

    async fn read(
        &mut self,
        journal: &mut J,
        after: u64,
    ) -> Result<Vec<Change<String>>, ReadError> {
        in_real_time(journal.read(after)).await
    }

    async fn compact(
        &mut self,
        journal: &mut J,
        snapshot: Snapshot<String>,
    ) -> Result<Compaction, JournalError> {
        in_real_time(journal.compact(snapshot)).await
    }

    async fn close(&mut self, journal: &mut J) -> Result<(), JournalError> {
        in_real_time(journal.close()).await
    }
}
