use std::sync::Arc;
use std::time::Duration;

use mainspring::journal::{AppendError, Journal, JournalError, Recover};
use mainspring::{Change, StoreId};
use tokio::sync::Semaphore;

use super::Interceptor;

/// Delays each append.
#[derive(Debug)]
pub struct SlowAppends(pub Duration);

impl<T: Clone + Send + Sync + 'static, J: Journal<T>> Interceptor<T, J> for SlowAppends {
    async fn append(
        &mut self,
        journal: &mut J,
        after: u64,
        changes: Arc<[Change<T>]>,
    ) -> Result<(), AppendError> {
        tokio::time::sleep(self.0).await;
        journal.append(after, changes).await
    }
}

/// Delays the end of recovery until the semaphore has a permit. The default never ends.
#[derive(Debug)]
pub struct BlockedOpen(pub Arc<Semaphore>);

impl Default for BlockedOpen {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl<T: Clone + Send + Sync + 'static, J: Journal<T>> Interceptor<T, J> for BlockedOpen {
    async fn open(
        &mut self,
        journal: &mut J,
        recover: Recover<'_, T>,
    ) -> Result<StoreId, JournalError> {
        let id = journal.open(recover).await;
        let _permit = self.0.acquire().await;
        id
    }
}
