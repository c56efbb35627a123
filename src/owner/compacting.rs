//! Compactions of the journal: on request and automatic, one at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Owner;
use crate::feed::Subscription;
use crate::journal::{Compacted, Journal, JournalError, Snapshot};
use crate::model::{Error, Filter, Start, Timestamp, panics};
use crate::owner::message::{Envelope, Message, Reply};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// The result of a compaction, or the message of a panic in the journal's future.
pub(super) type Ended = Result<Result<Compacted, JournalError>, Arc<str>>;

/// The compaction that is running, those that are to follow it, and when an automatic one is due.
#[derive(Default)]
pub(crate) struct Compacting {
    running: Option<Running>,
    /// Callers that asked since the running compaction began. Its snapshot may be older than their request, so that
    /// it does not answer them: they share the next one.
    waiting: Vec<Reply<Compacted>>,
    /// After a failure no automatic compaction is started for a while: each costs as much as one that succeeds.
    pause: Option<Pause>,
}

struct Running {
    compaction: Pin<Box<dyn Future<Output = Ended> + Send>>,
    /// Empty if the compaction is automatic.
    replies: Vec<Reply<Compacted>>,
}

struct Pause {
    until: Timestamp,
    length: Duration,
}

impl Compacting {
    /// Wait for the end of the running compaction, if there is one.
    pub(super) fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        match &mut self.running {
            Some(running) => running.compaction.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    /// Start no automatic compaction for a while, twice as long as the time before.
    fn pause_after(&mut self, failure: Timestamp) {
        let before = self.pause.as_ref().map(|pause| pause.length);
        let length = before.map_or(FIRST_PAUSE, |length| (length * 2).min(LONGEST_PAUSE));
        self.pause = Some(Pause { until: failure + length, length });
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
    /// Compact because a caller has asked for it.
    pub(super) async fn compact(&mut self, command: Option<Envelope<T>>, now: Timestamp) {
        let Some(Envelope { message: Message::Compact { reply }, .. }) = command else { return };
        if self.compacting.running.is_some() {
            self.compacting.waiting.push(reply);
        } else {
            self.start_compaction(vec![reply], now).await;
        }
    }

    /// Compact because the log has grown too much.
    pub(super) async fn compact_if_wanted(&mut self) {
        let now = self.clock.now();
        let is_retry_due = self.compacting.retry_at().is_some_and(|at| at <= now);
        if !std::mem::take(&mut self.appended) && !is_retry_due {
            return;
        }
        let is_paused = self.compacting.pause.is_some() && !is_retry_due;
        if is_paused || self.compacting.running.is_some() || self.hub.status.is_closing() {
            return;
        }
        if self.journal.as_ref().is_some_and(Journal::wants_compaction) {
            self.start_compaction(Vec::new(), now).await;
        } else {
            self.compacting.pause = None;
        }
    }

    /// The journal takes the snapshot on its own from here.
    async fn start_compaction(&mut self, replies: Vec<Reply<Compacted>>, now: Timestamp) {
        if self.journal.is_none() {
            let nothing = Compacted::new(self.state.totals().revision, 0, 0);
            return answer(replies, &Ok(nothing));
        }
        let snapshot = match &self.halt {
            Some(halt) => Err(Error::JournalFailed(Arc::clone(&halt.cause))),
            None if self.hub.status.is_closing() => Err(self.hub.status.error()),
            None => self.subscribe(Filter::All, Start::Snapshot, now),
        };
        let (snapshot, journal) = match (snapshot, &mut self.journal) {
            (Ok(beginning), Some(journal)) => {
                let subscription = Subscription::new(Arc::clone(&self.hub), beginning);
                (Snapshot::new(subscription), journal)
            }
            (Err(error), _) => {
                self.compacting.pause_after(now);
                return answer(replies, &Err(error));
            }
            (Ok(_), None) => return,
        };
        match journal.compact(snapshot).await {
            Ok(compaction) => {
                let compaction = Box::pin(panics::catch(compaction));
                self.compacting.running = Some(Running { compaction, replies });
            }
            Err(error) => self.compaction_failed(replies, error),
        }
    }

    /// Answer the callers of the running compaction, which has ended, and start the next if any wait for it.
    pub(super) async fn end_compaction(&mut self, ended: Ended) {
        let Some(Running { replies, .. }) = self.compacting.running.take() else { return };
        match ended {
            Ok(Ok(compacted)) => {
                self.meter.compaction_ended(true);
                self.compacting.pause = None;
                let Compacted { revision, bytes_before, bytes_after } = compacted;
                tracing::debug!(revision, bytes_before, bytes_after, "a compaction has ended");
                answer(replies, &Ok(compacted));
            }
            Ok(Err(error)) => self.compaction_failed(replies, error),
            Err(panic) => {
                let error = JournalError::new(format!("the compaction panicked: {panic}"));
                self.compaction_failed(replies, error);
            }
        }
        let waiting = std::mem::take(&mut self.compacting.waiting);
        if !waiting.is_empty() {
            self.start_compaction(waiting, self.clock.now()).await;
        }
    }

    fn compaction_failed(
        &mut self,
        replies: Vec<Reply<Compacted>>,
        JournalError(cause): JournalError,
    ) {
        tracing::error!(%cause, "the log could not be compacted");
        self.meter.compaction_ended(false);
        self.compacting.pause_after(self.clock.now());
        answer(replies, &Err(Error::CompactionFailed(cause)));
    }

    /// The store is about to end, and a compaction ends with it: its callers need not wait for that.
    pub(super) fn abandon_compactions(&mut self) {
        let Compacting { running, waiting, .. } = std::mem::take(&mut self.compacting);
        let replies = running.into_iter().flat_map(|running| running.replies).chain(waiting);
        answer(replies, &Err(self.hub.status.error()));
    }
}

fn answer(replies: impl IntoIterator<Item = Reply<Compacted>>, result: &Result<Compacted, Error>) {
    replies.into_iter().for_each(|reply| reply.send(result.clone()));
}
