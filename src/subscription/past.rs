//! Changes that have left the history, read from the journal.

use std::sync::Arc;

use tokio_util::sync::ReusableBoxFuture;

use crate::Error;
use crate::change::Change;
use crate::history::Turn;
use crate::journal::{JournalError, Past, ReadError};
use crate::shared::Shared;

type Read<T> = Result<Vec<Change<T>>, ReadError>;

/// A read that is under way. Whoever waits for it may leave and come back: the future stays.
pub(super) struct Reading<T> {
    after: u64,
    up_to: u64,
    future: ReusableBoxFuture<'static, Read<T>>,
}

impl<T: Send + Sync + 'static> Reading<T> {
    /// Read what follows a revision, up to where the history begins: what is there has been published.
    pub(super) fn start(past: Arc<dyn Past<T>>, after: u64, up_to: u64) -> Self {
        let future = ReusableBoxFuture::new(async move { past.read(after, up_to).await });
        Self { after, up_to, future }
    }

    /// The changes that were read, at least one. Cancel safe.
    pub(super) async fn done(&mut self, shared: &Shared<T>) -> Result<Turn<T>, Error> {
        let read = std::future::poll_fn(|cx| self.future.poll(cx)).await;
        let mut changes = read.map_err(|error| match error {
            ReadError::Compacted { oldest } => {
                Error::Compacted { oldest: oldest.min(shared.history.span().floor) }
            }
            ReadError::Failed(JournalError(cause)) => Error::JournalFailed(cause),
        })?;
        self.check(&changes)?;
        for change in &mut changes {
            // As the owner has weighed it, so that it is the same change wherever it is read.
            change.weight = shared.weigher.weigh(change.elements()).unwrap_or(0);
        }
        Ok(changes.into())
    }

    /// Nothing that a journal says is told on with a gap, or before it was published.
    fn check(&self, changes: &[Change<T>]) -> Result<(), Error> {
        let first = changes.first().map_or(0, |change| change.revision);
        if (1..=self.after).contains(&first) {
            return Err(Error::InsideBatch { asked: self.after, before: first - 1 });
        }
        let mut at = self.after;
        for change in changes {
            if change.revision != at + 1 || change.revision > self.up_to {
                break;
            }
            at = change.revision;
        }
        let last = changes.last().filter(|last| last.revision == at && !last.continues);
        if last.is_none() {
            let (after, up_to) = (self.after, self.up_to);
            let why = format!("it does not have the changes after {after} up to {up_to} in order");
            return Err(Error::JournalFailed(why.into()));
        }
        Ok(())
    }
}
