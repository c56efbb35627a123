//! Reads of changes that have left the history, from the journal.

use std::sync::Arc;

use tokio_util::sync::ReusableBoxFuture;

use crate::feed::{Hub, Turn};
use crate::journal::{JournalError, Past, ReadError};
use crate::model::{Change, Error};

type ReadResult<T> = Result<Vec<Change<T>>, ReadError>;

/// A read of the journal in progress. It is kept if the future that waits for it is dropped.
pub(super) struct JournalRead<T> {
    after: u64,
    up_to: u64,
    future: ReusableBoxFuture<'static, ReadResult<T>>,
}

impl<T: Send + Sync + 'static> JournalRead<T> {
    /// Read the changes after a revision, up to the one at which the history begins: those have been published.
    pub(super) fn start(past: Arc<dyn Past<T>>, after: u64, up_to: u64) -> Self {
        let future = ReusableBoxFuture::new(async move { past.read(after, up_to).await });
        Self { after, up_to, future }
    }

    /// Wait for the changes, at least one. Cancel safe.
    pub(super) async fn done(&mut self, hub: &Hub<T>) -> Result<Turn<T>, Error> {
        let read = std::future::poll_fn(|cx| self.future.poll(cx)).await;
        let mut changes = read.map_err(|error| match error {
            ReadError::Compacted { oldest } => {
                Error::Compacted { oldest: oldest.min(hub.history.size().floor) }
            }
            ReadError::Failed(JournalError(cause)) => Error::JournalFailed(cause),
        })?;
        self.check(&changes)?;
        changes.iter_mut().for_each(|change| hub.weigh(change));
        Ok(changes.into())
    }

    /// Check what the journal returned: no change is delivered after a gap, or before it was published.
    fn check(&self, changes: &[Change<T>]) -> Result<(), Error> {
        let first = changes.first().map_or(0, |change| change.revision);
        if (1..=self.after).contains(&first) {
            return Err(Error::InsideBatch { asked: self.after, before: first - 1 });
        }
        let in_order =
            changes.iter().zip(self.after + 1..).all(|(change, at)| change.revision == at);
        let is_last = |last: &Change<T>| last.revision <= self.up_to && !last.continues;
        if !in_order || !changes.last().is_some_and(is_last) {
            let (after, up_to) = (self.after, self.up_to);
            let why = format!("it does not have the changes after {after} up to {up_to} in order");
            return Err(Error::JournalFailed(why.into()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::History;
    use crate::journal::PastChanges;
    use crate::model::{ChangeKind, Key, Timestamp, Weigher};
    use crate::state::State;

    /// Returns the same revisions for every read. Negative: the next change belongs to the same batch.
    struct FixedPast(Vec<i64>);

    impl Past<u64> for FixedPast {
        fn oldest(&self) -> u64 {
            0
        }

        fn read(&self, _: u64, _: u64) -> PastChanges<'_, u64> {
            let change = |n: &i64| {
                let (key, at) = (Key::from("key"), Timestamp::from_nanos(1));
                Change::recorded(n.unsigned_abs(), at, key, ChangeKind::Removed, *n < 0)
            };
            Box::pin(std::future::ready(Ok(self.0.iter().map(change).collect())))
        }
    }

    /// The result of a read after 3 and up to 6 that returns these revisions.
    async fn read(revisions: &[i64]) -> Result<usize, Error> {
        let weigher = Weigher::built_in();
        let map = Arc::clone(State::new(weigher.clone(), Timestamp::from_nanos(1)).map());
        let hub = Hub::new(map, History::new(0, 0), weigher);
        let past = Arc::new(FixedPast(revisions.to_vec()));
        JournalRead::start(past, 3, 6).done(&hub).await.map(|turn| turn.len())
    }

    #[tokio::test]
    async fn invalid_read_of_a_journal_is_an_error() {
        assert_eq!(read(&[4, 5, 6]).await, Ok(3));
        assert_eq!(read(&[4]).await, Ok(1));
        assert_eq!(read(&[-4, -5, 6]).await, Ok(3));
        assert_eq!(read(&[-2, -3, 4]).await, Err(Error::InsideBatch { asked: 3, before: 1 }));
        for wrong in [&[][..], &[5, 6], &[4, 6], &[4, 5, 5], &[4, 5, 6, 7], &[-4, -5], &[7]] {
            let read = read(wrong).await;
            assert!(matches!(read, Err(Error::JournalFailed(_))), "{wrong:?}: {read:?}");
        }
    }
}
