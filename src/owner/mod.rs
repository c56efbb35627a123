//! The only task that changes data: its loop, from start to end.

mod apart;
mod compacting;
mod expiring;
mod job;
mod journaling;
mod quiet;
mod reads;
mod turn;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

pub(crate) use self::compacting::Compacting;
use self::expiring::Pause;
use self::journaling::Halt;
use self::waiting::{Waits, Woken};
use crate::change::Change;
use crate::command::Outcome;
use crate::decide::Rules;
use crate::journal::{Journal, JournalError};
use crate::message::{Envelope, Reply, ScanRequest};
use crate::publisher::Publisher;
use crate::shared::Shared;
use crate::state::State;
use crate::stats::add;
use crate::{Error, Timestamp, inbox, panics};

/// How many commands are taken from the queue at once.
const DRAIN: usize = 256;

/// How often the owner gives way before a turn that is appended to a journal.
const GATHERINGS: usize = 2;

/// How many commands share a turn when somebody listens and nothing is journaled: publishing them
/// together costs a tenth, and holding replies back for longer idles the callers.
const SHARED_TURN: usize = 16;

/// How many due keys expire before the next commands are served.
const EXPIRE_AT_ONCE: usize = 1_024;

pub(crate) struct Owner<T, J> {
    pub(crate) inbox: inbox::Receiver<Envelope<T>>,
    pub(crate) state: State<T>,
    pub(crate) publisher: Publisher<T>,
    pub(crate) journal: Option<J>,
    pub(crate) halt: Option<Halt>,
    pub(crate) pause: Option<Pause>,
    /// Something was appended since the journal was asked whether it wants to be compacted.
    pub(crate) appended: bool,
    pub(crate) compacting: Compacting,
    /// The journal has told something after which there is no going on.
    pub(crate) lost: Option<JournalError>,
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) rules: Rules,
    pub(crate) gates: TaskTracker,
    pub(crate) shutdown_deadline: Duration,
    /// When a shutdown that has begun is to be over.
    pub(crate) end_by: Option<Instant>,
    /// Scans that wait for the index.
    pub(crate) scans: Vec<ScanRequest<T>>,
    /// The changes of the current turn.
    pub(crate) changes: Vec<Change<T>>,
    /// The answers of the current turn, held back until its changes are published.
    pub(crate) answers: Vec<Answer<T>>,
}

pub(crate) type Answer<T> = (Reply<Outcome<T>>, Result<Outcome<T>, Error>);

/// Run an owner to its end, whatever that is, and tell everybody.
///
/// As in tower's buffer, the cause is told first, then the queue is closed, and then the callers that
/// wait in it are let go; so nobody gets an answer that says less than is known.
pub(crate) async fn run<T, J>(owner: Owner<T, J>)
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    let shared = Arc::clone(&owner.shared);
    // Dropped half-way if the runtime drops this future.
    let mut ending = Ending(owner);
    match panics::catch(ending.0.live()).await {
        Ok(Ok(())) => tracing::debug!(store = %shared.id(), "the store has ended"),
        Ok(Err(JournalError(cause))) => {
            tracing::error!(store = %shared.id(), %cause, "the store has failed");
            shared.status.fail(cause);
        }
        Err(panic) => {
            tracing::error!(store = %shared.id(), %panic, "the owner has panicked");
            shared.status.fail(format!("the owner panicked: {panic}"));
        }
    }
    shared.status.close();
    // Dropping a caller's value, or the journal, may panic once more.
    let _ = panics::catch(async { ending.0.inbox.close() }).await;
    let _ = panics::catch(async move { drop(ending) }).await;
}

/// Tells everybody of the end of the owner, and then drops it with all that waits for it.
struct Ending<T, J>(Owner<T, J>);

impl<T, J> Drop for Ending<T, J> {
    fn drop(&mut self) {
        let shared = Arc::clone(&self.0.shared);
        if !shared.status.is_closing() {
            shared.status.fail("the runtime that the store was spawned on was shut down");
        }
        // Whoever waits for the end may open the journal again; they are told also if it panics.
        let _told = Told(shared);
        drop(self.0.journal.take());
    }
}

/// Tells that the owner is gone.
struct Told<T>(Arc<Shared<T>>);

impl<T> Drop for Told<T> {
    fn drop(&mut self) {
        self.0.status.end();
    }
}

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    async fn live(&mut self) -> Result<(), JournalError> {
        let token = self.shared.token.clone();
        let recovered = tokio::select! {
            biased;
            recovered = self.recover() => Some(recovered),
            () = token.cancelled() => None,
        };
        match recovered {
            Some(recovered) => recovered?,
            // It may have been opened, and have something to put in order.
            None => return self.close_journal().await,
        }
        self.shared.status.set_ready();
        tracing::debug!(store = %self.shared.id(), "the store is ready");
        self.serve_until_cancelled().await?;
        tracing::debug!(store = %self.shared.id(), "shutting down");
        self.finish().await;
        self.close_journal().await
    }

    async fn close_journal(&mut self) -> Result<(), JournalError> {
        match &mut self.journal {
            Some(journal) => journal.close().await,
            None => Ok(()),
        }
    }

    /// Serve until the store is cancelled or its last handle is gone.
    async fn serve_until_cancelled(&mut self) -> Result<(), JournalError> {
        let mut waits = Waits::new(&self.shared.token);
        let mut batch = Vec::new();
        loop {
            match self.woken(&mut waits, &mut batch).await {
                Woken::Commands | Woken::Idle => {}
                Woken::Foreign => {
                    // What others have appended comes first, and then what is queued all the same.
                    self.take_foreign().await;
                    self.inbox.try_recv(&mut batch, DRAIN);
                }
                Woken::Compacted(ended) => {
                    self.end_compaction(ended).await;
                    self.inbox.try_recv(&mut batch, DRAIN);
                }
                Woken::End => return Ok(()),
            }
            if self.journal.is_some() {
                self.gather(&mut batch).await;
            }
            self.take(&mut batch).await;
            if let Some(cause) = self.lost.take() {
                return Err(cause);
            }
        }
    }

    /// Give those who were just answered the time to ask again, so that they share the next append with
    /// those who were not: otherwise callers split into two halves that take turns.
    async fn gather(&mut self, batch: &mut Vec<Envelope<T>>) {
        for _ in 0..GATHERINGS {
            if batch.len() >= DRAIN {
                break;
            }
            tokio::task::yield_now().await;
            self.inbox.try_recv(batch, DRAIN - batch.len());
        }
    }

    /// Refuse what is new and finish what is queued, until the deadline.
    async fn finish(&mut self) {
        self.shared.status.close();
        self.abandon_compactions();
        let deadline = *self.end_by.get_or_insert_with(|| Instant::now() + self.shutdown_deadline);
        let mut batch = Vec::with_capacity(DRAIN);
        // Gates finish what is queued there; what they admit still comes in here.
        self.gates.close();
        while !self.gates.is_empty() {
            let gates = self.gates.clone();
            tokio::select! {
                biased;
                _ = timeout_at(deadline, gates.wait()) => break,
                _ = self.inbox.recv(&mut batch, DRAIN) => self.take(&mut batch).await,
            }
        }
        self.inbox.close();
        loop {
            let more = timeout_at(deadline, self.inbox.recv(&mut batch, DRAIN)).await;
            match more {
                Ok(0) => break,
                Ok(_) => self.take(&mut batch).await,
                Err(_) => {
                    tracing::warn!("the shutdown deadline has passed with commands in the queue");
                    break;
                }
            }
        }
        while !self.scans.is_empty() && !self.is_too_late() {
            self.state.do_chore();
            self.answer_scans(self.shared.clock.now());
            tokio::task::yield_now().await;
        }
    }

    /// Serve what was taken from the queue, after what is due.
    async fn take(&mut self, batch: &mut Vec<Envelope<T>>) {
        if self.halt.is_some() {
            self.resolve().await;
        }
        // After the commands were sent, so that nobody is told of a time before their question.
        let now = self.shared.clock.now();
        if self.state.has_chores() || !self.scans.is_empty() {
            self.state.do_chore();
            self.answer_scans(now);
        }
        if self.is_expiry_due(now) {
            self.expire(now).await;
        }
        let counters = &self.shared.counters;
        add(&counters.commands, batch.len());
        let mut queue = batch.drain(..);
        let direct = self.journal.is_none() && !self.is_too_late();
        if direct && !self.may_meet_limit(queue.as_slice(), now) {
            self.direct_turns(&mut queue, now);
        }
        if queue.len() > 0 {
            self.serve(&mut queue, now).await;
        }
        if self.appended || self.compacting.retry_at().is_some() {
            self.compact_if_wanted().await;
        }
        self.count();
    }

    /// Whether a shutdown has begun and its deadline has passed. Without a journal turns are too short
    /// for it to begin during one.
    fn is_too_late(&mut self) -> bool {
        if self.end_by.is_none() && self.journal.is_some() && self.shared.token.is_cancelled() {
            self.end_by = Some(Instant::now() + self.shutdown_deadline);
        }
        self.end_by.is_some_and(|end_by| Instant::now() >= end_by)
    }

    /// The time to go on with after an await: with a journal an append took its time, and a conflict
    /// has brought the times of another owner.
    fn now_after(&self, now: Timestamp) -> Timestamp {
        if self.journal.is_some() { self.shared.clock.now() } else { now }
    }

    /// Let `stats` see how much there is.
    fn count(&self) {
        let totals = self.state.totals();
        let counters = &self.shared.counters;
        counters.entries.store(totals.entries as u64, Ordering::Relaxed);
        counters.bytes.store(totals.bytes, Ordering::Relaxed);
        counters.expired.store(self.state.expired(), Ordering::Relaxed);
    }

    /// When something has to be done even if nobody asks for it.
    fn next_deadline(&self) -> Option<Timestamp> {
        let retry = self.halt.as_ref().map(Halt::retry_at);
        self.next_expiry().into_iter().chain(retry).chain(self.compacting.retry_at()).min()
    }
}
