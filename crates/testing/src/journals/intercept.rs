use std::sync::Arc;

use mainspring::journal::{
    AppendError, Compaction, Journal, JournalError, Meter, Past, ReadError, Recover, Snapshot,
    TurnLimit,
};
use mainspring::{Change, StoreId};

/// Changes some of the calls to a journal of type `J`. The default methods forward the call.
///
/// The methods are those of [`Journal`] with the journal as one more argument.
pub trait Interceptor<T: Clone + Send + Sync + 'static, J: Journal<T>>: Send + 'static {
    /// Recover the journal.
    fn open(
        &mut self,
        journal: &mut J,
        recover: Recover<'_, T>,
    ) -> impl Future<Output = Result<StoreId, JournalError>> + Send {
        journal.open(recover)
    }

    /// Append the changes of a turn.
    fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<T>]>,
    ) -> impl Future<Output = Result<(), AppendError>> + Send {
        journal.append(after, changes)
    }

    /// Read the changes after a revision.
    fn read(
        &mut self,
        journal: &mut J,
        after: u64,
    ) -> impl Future<Output = Result<Vec<Change<T>>, ReadError>> + Send {
        journal.read(after)
    }

    /// Wait until another owner has appended.
    fn tail(&mut self, journal: &mut J) -> impl Future<Output = ()> + Send {
        journal.tail()
    }

    /// Start a compaction.
    fn compact(
        &mut self,
        journal: &mut J,
        snapshot: Snapshot<T>,
    ) -> impl Future<Output = Result<Compaction, JournalError>> + Send {
        journal.compact(snapshot)
    }

    /// Whether the owner should compact the journal.
    fn wants_compaction(&self, journal: &J) -> bool {
        journal.wants_compaction()
    }

    /// The size of a turn.
    fn turn_limit(&self, journal: &J) -> TurnLimit {
        journal.turn_limit()
    }

    /// The changes that are no longer in the history.
    fn past(&self, journal: &J) -> Option<Arc<dyn Past<T>>> {
        journal.past()
    }

    /// The statistics of the journal.
    fn meter(&self, journal: &J) -> Arc<Meter> {
        journal.meter()
    }

    /// Close the journal.
    fn close(&mut self, journal: &mut J) -> impl Future<Output = Result<(), JournalError>> + Send {
        journal.close()
    }
}

/// A journal with an interceptor in front of it.
#[derive(Debug)]
pub struct InterceptedJournal<J, I> {
    // Dropped first: an interceptor may own something that must be removed while the journal is open.
    interceptor: I,
    journal: J,
}

impl<J, I> InterceptedJournal<J, I> {
    /// Put an interceptor in front of a journal.
    pub fn new(journal: J, interceptor: I) -> Self {
        Self { interceptor, journal }
    }
}

impl<T, J, I> Journal<T> for InterceptedJournal<J, I>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
    I: Interceptor<T, J>,
{
    async fn open(&mut self, recover: Recover<'_, T>) -> Result<StoreId, JournalError> {
        self.interceptor.open(&mut self.journal, recover).await
    }

    async fn append(&mut self, after: u64, changes: Arc<[Change<T>]>) -> Result<(), AppendError> {
        self.interceptor.append(&mut self.journal, after, changes).await
    }

    async fn read(&mut self, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        self.interceptor.read(&mut self.journal, after).await
    }

    async fn tail(&mut self) {
        self.interceptor.tail(&mut self.journal).await;
    }

    async fn compact(&mut self, snapshot: Snapshot<T>) -> Result<Compaction, JournalError> {
        self.interceptor.compact(&mut self.journal, snapshot).await
    }

    fn wants_compaction(&self) -> bool {
        self.interceptor.wants_compaction(&self.journal)
    }

    fn turn_limit(&self) -> TurnLimit {
        self.interceptor.turn_limit(&self.journal)
    }

    fn past(&self) -> Option<Arc<dyn Past<T>>> {
        self.interceptor.past(&self.journal)
    }

    fn meter(&self) -> Arc<Meter> {
        self.interceptor.meter(&self.journal)
    }

    async fn close(&mut self) -> Result<(), JournalError> {
        self.interceptor.close(&mut self.journal).await
    }
}
