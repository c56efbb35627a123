use std::sync::Arc;

use mainspring::journal::{
    AppendError, Compaction, CompactionReport, Journal, JournalError, ReadError, Recover,
    Recovered, Snapshot,
};
use mainspring::{Change, StoreId};

/// A journal that recovers the given records, and accepts every append without storing it.
#[derive(Debug)]
pub struct ReplayJournal<T>(pub Vec<Recovered<T>>);

impl<T: Clone + Send + Sync + 'static> Journal<T> for ReplayJournal<T> {
    async fn open(&mut self, recover: Recover<'_, T>) -> Result<StoreId, JournalError> {
        self.0.drain(..).for_each(recover);
        Ok(StoreId::random())
    }

    async fn append(&mut self, _: u64, _: Arc<[Change<T>]>) -> Result<(), AppendError> {
        Ok(())
    }

    async fn read(&mut self, _: u64) -> Result<Vec<Change<T>>, ReadError> {
        Ok(Vec::new())
    }

    async fn compact(&mut self, _: Snapshot<T>) -> Result<Compaction, JournalError> {
        Ok(Compaction::finished(CompactionReport::new(0, 0, 0)))
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}
