//! Compactions of the journal: on request and automatic, one at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Owner;
use crate::feed::Subscription;
use crate::journal::{CompactionReport, Journal, JournalError, Snapshot};
use crate::model::{Error, Filter, Start, Subscribe, Timestamp, panics};
use crate::owner::message::{CommandReply, Envelope};
use crate::owner::response::Response;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The result of a compaction, or the message of a panic in the journal's future.
pub(super) type CompactionResult = Result<Result<CompactionReport, JournalError>, Arc<str>>;

/// The running compaction, the callers of the next one, and the pause of automatic ones.
pub(super) struct Compactions<T> {
    running: Option<RunningCompaction<T>>,
    /// Callers that have requested a compaction since the running one began. Its snapshot may be older than their
    /// request, so they share the next one.
    waiting: Vec<CommandReply<T>>,
    /// After a failure, no automatic compaction is started for a while: a failed one costs as much as any other.
    pause: Option<CompactionPause>,
}

struct RunningCompaction<T> {
    compaction: Pin<Box<dyn Future<Output = CompactionResult> + Send>>,
    /// Empty if the compaction is automatic.
    replies: Vec<CommandReply<T>>,
}

struct CompactionPause {
    until: Timestamp,
    length: Duration,
}

impl<T> Default for Compactions<T> {
    fn default() -> Self {
        Self { running: None, waiting: Vec::new(), pause: None }
    }
}

impl<T> Compactions<T> {
    /// Wait for the end of the running compaction, if there is one.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<CompactionResult> {
        match &mut self.running {
            Some(running) => running.compaction.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Start no automatic compaction for a while, twice as long as the last time.
    fn pause_after(&mut self, failure: Timestamp) {
        let before = self.pause.as_ref().map(|pause| pause.length);
        let length = before.map_or(FIRST_PAUSE, |length| (length * 2).min(LONGEST_PAUSE));
        self.pause = Some(CompactionPause { until: failure + length, length });
    }

    /// When an automatic compaction that has failed is tried again.
    pub(super) fn retry_at(&self) -> Option<Timestamp> {
        self.pause.as_ref().filter(|_| self.running.is_none()).map(|pause| pause.until)
    }
}

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Compact on request of a caller.
    pub(super) async fn compact(&mut self, command: Option<Envelope<T>>, now: Timestamp) {
        let Some(Envelope { reply, .. }) = command else { return };
        if self.compactions.running.is_some() {
            self.compactions.waiting.push(reply);
        } else {
            self.start_compaction(vec![reply], now).await;
        }
    }

    /// Compact automatically, if the journal requests it.
    pub(super) async fn compact_if_requested(&mut self) {
        let now = self.clock.now();
        let is_retry_due = self.compactions.retry_at().is_some_and(|at| at <= now);
        if !self.log.take_appended() && !is_retry_due {
            return;
        }
        let is_paused = self.compactions.pause.is_some() && !is_retry_due;
        if is_paused || self.compactions.running.is_some() || self.hub.status.is_closing() {
            return;
        }
        if self.log.wants_compaction() {
            self.start_compaction(Vec::new(), now).await;
        } else {
            self.compactions.pause = None;
        }
    }

    /// Start a compaction: the journal reads the snapshot in a task of its own.
    async fn start_compaction(&mut self, replies: Vec<CommandReply<T>>, now: Timestamp) {
        if !self.log.has_journal() {
            let nothing = CompactionReport::new(self.data.revision(), 0, 0);
            return send_to_all(replies, &Ok(nothing));
        }
        let all = Subscribe { filter: Filter::All, start: Start::Snapshot };
        let source = match self.log.halted() {
            Some(halted) => Err(halted),
            None if self.hub.status.is_closing() => Err(self.hub.status.error()),
            None => self.data.subscribe(all, now),
        };
        let snapshot = match source {
            Ok(source) => Snapshot::new(Subscription::open(source)),
            Err(error) => {
                self.compactions.pause_after(now);
                return send_to_all(replies, &Err(error));
            }
        };
        match self.log.compact(snapshot).await {
            Some(Ok(compaction)) => {
                let compaction = Box::pin(panics::catch(compaction));
                self.compactions.running = Some(RunningCompaction { compaction, replies });
            }
            Some(Err(error)) => self.compaction_failed(replies, error),
            None => {}
        }
    }

    /// Reply to the callers of the compaction that has ended, and start the next one if callers wait for it.
    pub(super) async fn end_compaction(&mut self, result: CompactionResult) {
        let Some(RunningCompaction { replies, .. }) = self.compactions.running.take() else {
            return;
        };
        match result {
            Ok(Ok(compacted)) => {
                self.log.meter().compaction_ended(true);
                self.compactions.pause = None;
                let CompactionReport { revision, bytes_before, bytes_after } = compacted;
                tracing::debug!(revision, bytes_before, bytes_after, "a compaction has ended");
                send_to_all(replies, &Ok(compacted));
            }
            Ok(Err(error)) => self.compaction_failed(replies, error),
            Err(panic) => {
                let error = JournalError::new(format!("the compaction panicked: {panic}"));
                self.compaction_failed(replies, error);
            }
        }
        let waiting = std::mem::take(&mut self.compactions.waiting);
        if !waiting.is_empty() {
            self.start_compaction(waiting, self.clock.now()).await;
        }
    }

    fn compaction_failed(
        &mut self,
        replies: Vec<CommandReply<T>>,
        JournalError(cause): JournalError,
    ) {
        tracing::error!(%cause, "the log could not be compacted");
        self.log.meter().compaction_ended(false);
        self.compactions.pause_after(self.clock.now());
        send_to_all(replies, &Err(Error::CompactionFailed(cause)));
    }

    /// Reply to all callers with the error of the ending store: a running compaction ends with the store.
    pub(super) fn abandon_compactions(&mut self) {
        let Compactions { running, waiting, .. } = std::mem::take(&mut self.compactions);
        let replies = running.into_iter().flat_map(|running| running.replies).chain(waiting);
        send_to_all(replies, &Err(self.hub.status.error()));
    }
}

fn send_to_all<T>(
    replies: impl IntoIterator<Item = CommandReply<T>>,
    result: &Result<CompactionReport, Error>,
) {
    let result = || result.clone().map(Response::Compacted);
    replies.into_iter().for_each(|reply| reply.send(result()));
}
