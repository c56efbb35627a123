//! Durable stores, each in the mode that syncs before it acknowledges a write.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use mainspring::Store;
use mainspring::journal::FileJournal;
use mainspring::journal::file::SyncPolicy;
use redb::{Database, TableDefinition};

/// A durable store.
pub(crate) trait Engine: Clone + Send + 'static {
    /// Whether a write blocks its thread.
    const BLOCKS: bool;

    /// Write, and return when it is durable.
    fn write(&self, key: String, value: &str) -> impl Future<Output = Result<()>> + Send;
}

impl Engine for Store<String> {
    const BLOCKS: bool = false;

    async fn write(&self, key: String, value: &str) -> Result<()> {
        self.set(key, value).await?;
        Ok(())
    }
}

/// A store over a journal in this directory.
pub(crate) async fn mainspring(directory: &Path, sync: SyncPolicy) -> Result<Store<String>> {
    let journal = FileJournal::open(directory).sync(sync).compact_above(u64::MAX, 1.0);
    let store = Store::builder().journal(journal).spawn();
    store.ready().await?;
    Ok(store)
}

const TABLE: TableDefinition<'_, &str, &str> = TableDefinition::new("table");

/// One transaction per write.
#[derive(Clone)]
pub(crate) struct Redb(Arc<Database>);

impl Redb {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        std::fs::create_dir_all(directory)?;
        Ok(Self(Arc::new(Database::create(directory.join("redb"))?)))
    }
}

impl Engine for Redb {
    const BLOCKS: bool = true;

    async fn write(&self, key: String, value: &str) -> Result<()> {
        let transaction = self.0.begin_write()?;
        transaction.open_table(TABLE)?.insert(&*key, value)?;
        transaction.commit()?;
        Ok(())
    }
}

/// An insert and a sync of the journal per write.
#[derive(Clone)]
pub(crate) struct Fjall(fjall::Database, fjall::Keyspace);

impl Fjall {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        let database = fjall::Database::builder(directory).open()?;
        let keyspace = database.keyspace("table", fjall::KeyspaceCreateOptions::default)?;
        Ok(Self(database, keyspace))
    }
}

impl Engine for Fjall {
    const BLOCKS: bool = true;

    async fn write(&self, key: String, value: &str) -> Result<()> {
        self.1.insert(key, value)?;
        self.0.persist(fjall::PersistMode::SyncData)?;
        Ok(())
    }
}

/// An insert and a flush per write; concurrent writes share flushes.
#[derive(Clone)]
pub(crate) struct Sled(sled::Db);

impl Sled {
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        sled::open(directory).map(Self).context("sled")
    }
}

impl Engine for Sled {
    const BLOCKS: bool = true;

    async fn write(&self, key: String, value: &str) -> Result<()> {
        self.0.insert(key, value)?;
        self.0.flush()?;
        Ok(())
    }
}
