//! The only task that changes data: its loop, from start to end.

mod apart;
pub(crate) mod clock;
mod compacting;
pub(crate) mod counters;
mod expiring;
mod job;
mod journaling;
pub(crate) mod message;
mod plan;
pub(crate) mod queue;
mod quiet;
mod reads;
pub(crate) mod reply;
mod turn;
mod waiting;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::clock::Clock;
pub(crate) use self::compacting::Compacting;
use self::counters::Counters;
use self::expiring::Pause;
use self::journaling::Halt;
use self::waiting::{Waits, Woken};
use crate::feed::{Hub, Publisher};
use crate::journal::{Journal, JournalError, Meter};
use crate::model::decide::Rules;
use crate::model::{Change, Error, Outcome, Timestamp, panics};
use crate::owner::counters::add;
use crate::owner::message::{Envelope, Reply, ScanRequest};
use crate::state::State;

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
    pub(crate) inbox: queue::Receiver<Envelope<T>>,
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
    pub(crate) hub: Arc<Hub<T>>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) token: CancellationToken,
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
    let hub = Arc::clone(&owner.hub);
    // Dropped half-way if the runtime drops this future.
    let mut ending = Ending(owner);
    match panics::catch(ending.0.live()).await {
        Ok(Ok(())) => tracing::debug!(store = %hub.id(), "the store has ended"),
        Ok(Err(JournalError(cause))) => {
            tracing::error!(store = %hub.id(), %cause, "the store has failed");
            hub.status.fail(cause);
        }
        Err(panic) => {
            tracing::error!(store = %hub.id(), %panic, "the owner has panicked");
            hub.status.fail(format!("the owner panicked: {panic}"));
        }
    }
    hub.status.close();
    // Dropping a caller's value, or the journal, may panic once more.
    let _ = panics::catch(async { ending.0.inbox.close() }).await;
    let _ = panics::catch(async move { drop(ending) }).await;
}

/// Tells everybody of the end of the owner, and then drops it with all that waits for it.
struct Ending<T, J>(Owner<T, J>);

impl<T, J> Drop for Ending<T, J> {
    fn drop(&mut self) {
        let hub = Arc::clone(&self.0.hub);
        if !hub.status.is_closing() {
            hub.status.fail("the runtime that the store was spawned on was shut down");
        }
        // Whoever waits for the end may open the journal again; they are told also if it panics.
        let _told = Told(hub);
        drop(self.0.journal.take());
    }
}

/// Tells that the owner is gone.
struct Told<T>(Arc<Hub<T>>);

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
        let token = self.token.clone();
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
        self.hub.status.set_ready();
        tracing::debug!(store = %self.hub.id(), "the store is ready");
        self.serve_until_cancelled().await?;
        tracing::debug!(store = %self.hub.id(), "shutting down");
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
        let mut waits = Waits::new(&self.token);
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
        self.hub.status.close();
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
            self.answer_scans(self.clock.now());
            tokio::task::yield_now().await;
        }
    }

    /// Serve what was taken from the queue, after what is due.
    async fn take(&mut self, batch: &mut Vec<Envelope<T>>) {
        if self.halt.is_some() {
            self.resolve().await;
        }
        // After the commands were sent, so that nobody is told of a time before their question.
        let now = self.clock.now();
        if self.state.has_chores() || !self.scans.is_empty() {
            self.state.do_chore();
            self.answer_scans(now);
        }
        if self.is_expiry_due(now) {
            self.expire(now).await;
        }
        let counters = &self.counters;
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
        if self.end_by.is_none() && self.journal.is_some() && self.token.is_cancelled() {
            self.end_by = Some(Instant::now() + self.shutdown_deadline);
        }
        self.end_by.is_some_and(|end_by| Instant::now() >= end_by)
    }

    /// The time to go on with after an await: with a journal an append took its time, and a conflict
    /// has brought the times of another owner.
    fn now_after(&self, now: Timestamp) -> Timestamp {
        if self.journal.is_some() { self.clock.now() } else { now }
    }

    /// Let `stats` see how much there is.
    fn count(&self) {
        let totals = self.state.totals();
        let counters = &self.counters;
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
