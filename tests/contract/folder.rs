//! A store over a journal in a folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mainspring::journal::{
    AppendError, Compaction, FileJournal, Journal, JournalError, Meter, Past, ReadError, Recover,
    Snapshot,
};
use mainspring::{Change, Store, StoreId};

use crate::api::{Backend, Options};
use crate::backends::{Held, apply};
use crate::pace::awaited;

pub(crate) struct Filed;

impl Backend for Filed {
    const HAS_PAST: bool = true;
    type Handle = Held<Store<String>>;

    async fn start(options: Options) -> Self::Handle {
        let folder = fresh_folder();
        let journal = Awaited { journal: FileJournal::open(&folder), folder };
        let store = apply(&options, Store::builder().journal(journal)).spawn();
        store.ready().await.unwrap();
        Held::new(store)
    }
}

/// A folder for each store, and for each process, which may be one for all tests or one for each.
fn fresh_folder() -> PathBuf {
    static STORES: AtomicUsize = AtomicUsize::new(0);
    let name = format!("{}-{}", std::process::id(), STORES.fetch_add(1, Ordering::Relaxed));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contract").join(name);
    // Of a process that had the same number.
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

struct Awaited {
    journal: FileJournal<String>,
    folder: PathBuf,
}

/// Nothing is left of a test.
impl Drop for Awaited {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Journal<String> for Awaited {
    async fn open(&mut self, recover: Recover<'_, String>) -> Result<StoreId, JournalError> {
        awaited(self.journal.open(recover)).await
    }

    async fn append(
        &mut self,
        after: u64,
        changes: Arc<[Change<String>]>,
    ) -> Result<(), AppendError> {
        awaited(self.journal.append(after, changes)).await
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<String>>, ReadError> {
        awaited(Journal::read(&mut self.journal, after)).await
    }

    async fn compact(&mut self, snapshot: Snapshot<String>) -> Result<Compaction, JournalError> {
        awaited(self.journal.compact(snapshot)).await
    }

    async fn tail(&mut self) {
        self.journal.tail().await;
    }

    fn wants_compaction(&self) -> bool {
        self.journal.wants_compaction()
    }

    fn past(&self) -> Option<Arc<dyn Past<String>>> {
        self.journal.past()
    }

    fn meter(&self) -> Arc<Meter> {
        self.journal.meter()
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        awaited(self.journal.close()).await
    }
}
