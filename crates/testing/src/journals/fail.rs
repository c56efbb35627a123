use std::future::pending;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mainspring::journal::{
    AppendError, Compaction, Journal, JournalError, Meter, Past, ReadError, Recover, Snapshot,
};
use mainspring::{Change, Error, StoreId};

use super::Interceptor;

/// The cause that a [`MemoryJournal`](mainspring::journal::MemoryJournal) states for an injected lack of space.
pub const FULL: &str = "injected lack of space";

/// The error of a write that a full journal rejected.
pub fn full_error() -> Error {
    Error::JournalFull(FULL.into())
}

/// Fails to open the journal.
#[derive(Debug)]
pub struct FailingOpen;

impl<T: Clone + Send + Sync + 'static, J: Journal<T>> Interceptor<T, J> for FailingOpen {
    async fn open(&mut self, _: &mut J, _: Recover<'_, T>) -> Result<StoreId, JournalError> {
        Err(JournalError::new("damaged"))
    }
}

/// Fails to compact and to close the journal.
#[derive(Debug)]
pub struct FailingClose;

impl<T: Clone + Send + Sync + 'static, J: Journal<T>> Interceptor<T, J> for FailingClose {
    async fn compact(&mut self, _: &mut J, _: Snapshot<T>) -> Result<Compaction, JournalError> {
        Err(JournalError::new("no room"))
    }

    async fn close(&mut self, _: &mut J) -> Result<(), JournalError> {
        Err(JournalError::new("not synced"))
    }
}

/// Injects errors into some appends, and counts appends and reads.
///
/// An `Arc` of it is an interceptor that does not forward `tail`, `past` and `meter`: the owner detects changes of
/// other owners only by a conflict.
#[derive(Debug, Default)]
pub struct InjectedErrors {
    appends: AtomicUsize,
    reads: AtomicUsize,
    /// The numbers of the appends that fail, and their error.
    failing: Mutex<Option<(Range<usize>, AppendError)>>,
}

impl InjectedErrors {
    /// The number of appends until now.
    pub fn appends(&self) -> usize {
        self.appends.load(Ordering::SeqCst)
    }

    /// The number of reads until now.
    pub fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    /// Fail `count` appends with this error, after `skip` appends from now on.
    pub fn fail(&self, skip: usize, count: usize, error: AppendError) {
        let start = self.appends() + skip;
        *self.failing.lock().unwrap() = Some((start..start.saturating_add(count), error));
    }

    /// Fail no more appends.
    pub fn clear(&self) {
        *self.failing.lock().unwrap() = None;
    }

    fn count(counter: &AtomicUsize) -> usize {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        assert!(number < 10_000, "the owner calls the journal in a busy loop");
        number
    }
}

impl<T: Clone + Send + Sync + 'static, J: Journal<T>> Interceptor<T, J> for Arc<InjectedErrors> {
    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<T>]>,
    ) -> Result<(), AppendError> {
        let number = InjectedErrors::count(&self.appends);
        let failing = self.failing.lock().unwrap().clone();
        match failing.filter(|(range, _)| range.contains(&number)) {
            Some((_, error)) => Err(error),
            None => journal.append(after, changes).await,
        }
    }

    async fn read(&mut self, journal: &mut J, after: u64) -> Result<Vec<Change<T>>, ReadError> {
        InjectedErrors::count(&self.reads);
        journal.read(after).await
    }

    async fn tail(&mut self, _: &mut J) {
        pending::<()>().await;
    }

    fn past(&self, _: &J) -> Option<Arc<dyn Past<T>>> {
        None
    }

    fn meter(&self, _: &J) -> Arc<Meter> {
        Arc::default()
    }
}
