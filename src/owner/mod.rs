//! The owner: the single task that may change data. Its loop, from start to end.
//!
//! One task instead of locks around the data: commands take effect one after another, the changes of a turn share one
//! append and one broadcast message, and no caller ever holds a lock that another one needs. The alternative of letting
//! callers run this code under a lock is 2.5 times as fast for a single caller, but loses the sharing of appends.

pub(crate) mod clock;
mod compaction;
pub(crate) mod counters;
mod data;
mod decision;
mod expiry;
mod lazy_poll;
mod log;
pub(crate) mod message;
mod partial;
mod plan;
pub(crate) mod queue;
mod recovery;
pub(crate) mod reply;
pub(crate) mod response;
mod turn;
mod wakeup;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::clock::Clock;
use self::compaction::Compactions;
use self::counters::{Counters, add};
pub(crate) use self::data::Data;
use self::expiry::ExpiryPause;
pub(crate) use self::log::Log;
use self::message::Envelope;
use self::wakeup::{WakeReason, WakeSources};
use crate::feed::Hub;
use crate::journal::{Journal, JournalError};
use crate::model::{Timestamp, panics};

/// How many commands are taken from the queue at once, unless the turn limit of the journal is larger.
const DRAIN: usize = 256;

/// How often the owner yields before a turn that is appended to a journal.
const GATHER_YIELDS: usize = 2;

/// The task that owns the data of a store.
pub(crate) struct Owner<T, J> {
    queue: queue::Receiver<Envelope<T>>,
    /// How many commands are taken from the queue at once.
    drain: usize,
    data: Data<T>,
    log: Log<T, J>,
    compactions: Compactions<T>,
    pause: Option<ExpiryPause>,
    shutdown: Shutdown,
    hub: Arc<Hub<T>>,
    clock: Arc<Clock>,
    counters: Arc<Counters>,
}

/// The shutdown of a store: its token, the tasks of the gates, and its deadline.
pub(crate) struct Shutdown {
    token: CancellationToken,
    gates: TaskTracker,
    deadline: Duration,
    /// The deadline of a shutdown that has begun.
    end_by: Option<Instant>,
}

impl Shutdown {
    /// When this token is cancelled, the tasks of the gates and the queued commands have this long to finish.
    pub(crate) fn new(token: CancellationToken, gates: TaskTracker, deadline: Duration) -> Self {
        Self { token, gates, deadline, end_by: None }
    }

    /// The deadline of the shutdown, which begins now if it has not begun.
    fn begin(&mut self) -> Instant {
        *self.end_by.get_or_insert_with(|| Instant::now() + self.deadline)
    }
}

impl<T: Send + Sync + 'static, J: Journal<T>> Owner<T, J> {
    pub(crate) fn new(
        queue: queue::Receiver<Envelope<T>>,
        data: Data<T>,
        log: Log<T, J>,
        shutdown: Shutdown,
        (hub, clock, counters): (Arc<Hub<T>>, Arc<Clock>, Arc<Counters>),
    ) -> Self {
        let drain = log.turn_limit().commands.max(DRAIN);
        let compactions = Compactions::default();
        Self { queue, drain, data, log, compactions, pause: None, shutdown, hub, clock, counters }
    }
}

/// Run an owner to its end, and publish the result.
///
/// As in tower's `buffer`, the cause is published first, then the queue is closed, and then the commands in it are
/// dropped, so that every caller gets the cause.
pub(crate) async fn run<T, J>(owner: Owner<T, J>)
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    let hub = Arc::clone(&owner.hub);
    // The guard publishes the end also if the runtime drops this future.
    let mut guard = OwnerGuard(owner);
    match panics::catch(guard.0.recover_and_serve()).await {
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
    // Dropping the value of a caller, or the journal, may panic as well.
    let _ = panics::catch(async { guard.0.queue.close() }).await;
    let _ = panics::catch(async move { drop(guard) }).await;
}

/// Publishes the end of the owner when it is dropped, and then drops the owner with the commands in its queue.
struct OwnerGuard<T, J>(Owner<T, J>);

impl<T, J> Drop for OwnerGuard<T, J> {
    fn drop(&mut self) {
        let hub = Arc::clone(&self.0.hub);
        if !hub.status.is_closing() {
            hub.status.fail("the runtime that the store was spawned on was shut down");
        }
        // Tasks that wait for the end may open the journal again, so it is dropped first. The notice is published even
        // if that drop panics.
        let _end = EndNotice(hub);
        self.0.log.drop_journal();
    }
}

/// Publishes that the owner has ended, when it is dropped.
struct EndNotice<T>(Arc<Hub<T>>);

impl<T> Drop for EndNotice<T> {
    fn drop(&mut self) {
        self.0.status.end();
    }
}

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    async fn recover_and_serve(&mut self) -> Result<(), JournalError> {
        let token = self.shutdown.token.clone();
        let recovered = tokio::select! {
            biased;
            recovered = self.recover() => Some(recovered),
            () = token.cancelled() => None,
        };
        match recovered {
            Some(recovered) => recovered?,
            // The journal may already be open.
            None => return self.log.close().await,
        }
        self.hub.status.set_ready();
        tracing::debug!(store = %self.hub.id(), "the store is ready");
        self.serve_until_cancelled().await?;
        tracing::debug!(store = %self.hub.id(), "shutting down");
        self.finish().await;
        self.log.close().await
    }

    /// Serve commands until the store is cancelled or its last handle is dropped.
    async fn serve_until_cancelled(&mut self) -> Result<(), JournalError> {
        let mut sources = WakeSources::new(&self.shutdown.token);
        let mut batch = Vec::new();
        loop {
            match self.wait_for_work(&mut sources, &mut batch).await {
                WakeReason::Commands | WakeReason::Idle => {}
                WakeReason::Foreign => {
                    // Apply the changes of other owners first, and then process the queue in the same round.
                    self.apply_foreign_changes().await;
                    self.queue.try_recv(&mut batch, self.drain);
                }
                WakeReason::Compacted(ended) => {
                    self.end_compaction(ended).await;
                    self.queue.try_recv(&mut batch, self.drain);
                }
                WakeReason::End => return Ok(()),
            }
            if self.log.has_journal() {
                self.gather_commands(&mut batch).await;
            }
            self.process(&mut batch).await;
            if let Some(cause) = self.log.take_failure() {
                return Err(cause);
            }
        }
    }

    /// Yield, so that callers that have just got a reply can send their next command, and share the next append with
    /// the other callers. Otherwise callers split into two halves that alternate, each with appends of its own.
    async fn gather_commands(&mut self, batch: &mut Vec<Envelope<T>>) {
        for _ in 0..GATHER_YIELDS {
            if batch.len() >= self.drain {
                break;
            }
            tokio::task::yield_now().await;
            self.queue.try_recv(batch, self.drain - batch.len());
        }
    }

    /// Reject new commands, and finish the queued ones until the deadline.
    async fn finish(&mut self) {
        self.hub.status.close();
        self.abandon_compactions();
        let deadline = self.shutdown.begin();
        let mut batch = Vec::new();
        // Gates finish their queues: the writes that they admit still arrive here.
        self.shutdown.gates.close();
        while !self.shutdown.gates.is_empty() {
            let gates = self.shutdown.gates.clone();
            tokio::select! {
                biased;
                _ = timeout_at(deadline, gates.wait()) => break,
                _ = self.queue.recv(&mut batch, self.drain) => self.process(&mut batch).await,
            }
        }
        self.queue.close();
        loop {
            let more = timeout_at(deadline, self.queue.recv(&mut batch, self.drain)).await;
            match more {
                Ok(0) => break,
                Ok(_) => self.process(&mut batch).await,
                Err(_) => {
                    tracing::warn!("the shutdown deadline has passed with commands in the queue");
                    break;
                }
            }
        }
        while self.data.has_waiting_scans() && !self.is_past_deadline() {
            self.data.do_background_work(self.clock.now());
            tokio::task::yield_now().await;
        }
    }

    /// Process commands that were taken from the queue, after expiring due keys.
    async fn process(&mut self, batch: &mut Vec<Envelope<T>>) {
        self.resolve().await;
        // Read after the commands were sent, so that no result has a time before its command.
        let now = self.clock.now();
        self.data.do_background_work(now);
        // Computed once: both expiry and limits depend on it, and it is mostly false.
        let is_wake_near = self.data.is_wake_near(now);
        if is_wake_near && self.is_expiry_due(now) {
            self.expire(now).await;
        }
        add(&self.counters.commands, batch.len());
        let mut queue = batch.drain(..);
        let direct = !self.log.has_journal() && !self.is_past_deadline();
        if direct && !(is_wake_near && self.data.may_meet_limit(queue.as_slice(), now)) {
            self.data.direct_turns(&mut queue, now);
        }
        if queue.len() > 0 {
            self.serve(&mut queue, now).await;
        }
        if self.log.has_appended() || self.compactions.retry_at().is_some() {
            self.compact_if_requested().await;
        }
        self.data.update_counters();
    }

    /// Whether a shutdown has begun and its deadline has passed. Without a journal, turns are so short that a shutdown
    /// does not have to begin during one.
    fn is_past_deadline(&mut self) -> bool {
        if self.log.has_journal() && self.shutdown.token.is_cancelled() {
            self.shutdown.begin();
        }
        self.shutdown.end_by.is_some_and(|end_by| Instant::now() >= end_by)
    }

    /// The time to use after an await: with a journal, an append may have taken long, and a conflict
    /// may have brought later timestamps of another owner.
    fn now_after(&self, now: Timestamp) -> Timestamp {
        if self.log.has_journal() { self.clock.now() } else { now }
    }

    /// When the owner next has work without a command.
    fn next_deadline(&self) -> Option<Timestamp> {
        // Chained instead of collected: an array costs 40 more instructions in each turn.
        let retries = self.log.retry_at().into_iter().chain(self.compactions.retry_at());
        self.next_expiry().into_iter().chain(retries).min()
    }
}
