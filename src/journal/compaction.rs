//! A running compaction and its result.

use std::fmt;
use std::pin::Pin;

use tokio::sync::oneshot;

use super::JournalError;

/// Report of a finished compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionReport {
    /// The revision of the snapshot that replaced the log before it.
    pub revision: u64,
    /// Size of the journal in bytes when the compaction began. 0 if the journal does not count bytes.
    pub bytes_before: u64,
    /// Size of the journal in bytes when the compaction ended, including changes appended during the compaction.
    pub bytes_after: u64,
}

impl CompactionReport {
    /// Creates the report of a compaction up to this revision, with the size of the journal before and after it.
    pub fn new(revision: u64, bytes_before: u64, bytes_after: u64) -> Self {
        Self { revision, bytes_before, bytes_after }
    }
}

type CompactionResult = Result<CompactionReport, JournalError>;

/// A running compaction: a future of its result.
///
/// The compaction makes progress whether or not this future is polled, and continues if the future is dropped.
///
/// # Examples
///
/// A journal without anything to replace returns a finished compaction. Others send the result from their own task:
///
/// ```
/// use mainspring::journal::{CompactionReport, Compaction, JournalError};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(Compaction::finished(CompactionReport::new(7, 0, 0)).await.unwrap().revision, 7);
///
/// let (result, compaction) = Compaction::channel();
/// tokio::spawn(async move { result.send(Err(JournalError::new("no space left on device"))) });
/// assert_eq!(compaction.await.unwrap_err().to_string(), "no space left on device");
/// # }
/// ```
#[must_use = "the result shows whether the log was compacted"]
pub struct Compaction(Pin<Box<dyn Future<Output = CompactionResult> + Send>>);

impl Compaction {
    /// Creates a compaction from a future of its result. The future must only wait for the result and not do the
    /// work,
    /// because it may be dropped.
    pub fn new(result: impl Future<Output = CompactionResult> + Send + 'static) -> Self {
        Self(Box::pin(result))
    }

    /// Creates a compaction that is already finished.
    pub fn finished(report: CompactionReport) -> Self {
        Self::new(std::future::ready(Ok(report)))
    }

    /// Creates a compaction whose result is sent by the task that does the work. If the sender is dropped without a
    /// result, the compaction resolves to an error.
    pub fn channel() -> (oneshot::Sender<CompactionResult>, Self) {
        let (sender, receiver) = oneshot::channel();
        let stopped = || Err(JournalError::new("the compaction stopped before it was complete"));
        (sender, Self::new(async move { receiver.await.unwrap_or_else(|_| stopped()) }))
    }
}

impl Future for Compaction {
    type Output = CompactionResult;

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Compaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compaction").finish_non_exhaustive()
    }
}
