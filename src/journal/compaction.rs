//! The result of a compaction, and how a caller waits for it.

use std::fmt;
use std::pin::Pin;

use tokio::sync::oneshot;

use super::JournalError;

/// What a finished compaction has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionReport {
    /// The revision of the snapshot that replaced the log before it.
    pub revision: u64,
    /// Bytes that the journal took when the compaction began. 0 if the journal does not count bytes.
    pub bytes_before: u64,
    /// Bytes that the journal took when the compaction ended, changes appended meanwhile included.
    pub bytes_after: u64,
}

impl CompactionReport {
    /// The result of a compaction up to this revision, with the size of the journal before and after it.
    pub fn new(revision: u64, bytes_before: u64, bytes_after: u64) -> Self {
        Self { revision, bytes_before, bytes_after }
    }
}

type Outcome = Result<CompactionReport, JournalError>;

/// A running compaction: a future of its result.
///
/// The compaction makes progress whether this is polled or not, and goes on if this is dropped.
///
/// # Examples
///
/// A journal that has nothing to replace is done at once; others send the result from their own task:
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
#[must_use = "the result says whether the log was compacted"]
pub struct Compaction(Pin<Box<dyn Future<Output = Outcome> + Send>>);

impl Compaction {
    /// A compaction whose result is that of a future. The future must not be what does the work, since it may be
    /// dropped.
    pub fn new(result: impl Future<Output = Outcome> + Send + 'static) -> Self {
        Self(Box::pin(result))
    }

    /// A compaction that has nothing left to do.
    pub fn finished(compacted: CompactionReport) -> Self {
        Self::new(std::future::ready(Ok(compacted)))
    }

    /// A compaction whose result is sent by the task that does the work. If the sender is dropped, the
    /// compaction has failed.
    pub fn channel() -> (oneshot::Sender<Outcome>, Self) {
        let (sender, receiver) = oneshot::channel();
        let stopped = || Err(JournalError::new("the compaction stopped before its end"));
        (sender, Self::new(async move { receiver.await.unwrap_or_else(|_| stopped()) }))
    }
}

impl Future for Compaction {
    type Output = Outcome;

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
