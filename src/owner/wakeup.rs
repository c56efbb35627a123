//! What the owner waits for, in the order in which it is polled.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::Owner;
use super::compaction::CompactionResult;
use super::lazy_poll::LazyPoll;
use crate::journal::Journal;
use crate::model::Timestamp;
use crate::owner::clock::Clock;
use crate::owner::message::Envelope;

/// The longest sleep while there is a deadline, so that a wall clock that runs ahead of the timers is noticed.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Why the owner woke up.
pub(super) enum WakeReason {
    /// There are commands.
    Commands,
    /// Another owner has appended to the journal.
    Foreign,
    /// The compaction of the journal has ended.
    Compacted(CompactionResult),
    /// A deadline has passed, or there is time for background work.
    Idle,
    /// The store was cancelled, or its last handle was dropped.
    End,
}

/// The futures that outlive a single wait.
pub(super) struct WakeSources {
    cancelled: LazyPoll<WaitForCancellationFutureOwned>,
    alarm: LazyPoll<Sleep>,
    alarm_at: Option<Timestamp>,
}

impl WakeSources {
    pub(super) fn new(token: &CancellationToken) -> Self {
        Self {
            cancelled: LazyPoll::new(token.clone().cancelled_owned()),
            alarm: LazyPoll::new(sleep(LONGEST_SLEEP)),
            alarm_at: None,
        }
    }

    /// Set the alarm to this time. It is only moved to an earlier time, because an alarm that fires too early does no
    /// harm.
    fn set_alarm(&mut self, next: Option<Timestamp>, clock: &Clock) {
        if let Some(next) = next
            && self.alarm_at.is_none_or(|at| next < at)
        {
            let sleep_time = next.saturating_since(clock.now()).min(LONGEST_SLEEP);
            self.alarm.renew().reset(Instant::now() + sleep_time);
            self.alarm_at = Some(next);
        }
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.alarm_at.is_none() {
            return Poll::Pending;
        }
        let rung = Pin::new(&mut self.alarm).poll(cx);
        if rung.is_ready() {
            self.alarm_at = None;
        }
        rung
    }
}

impl<T, J> Owner<T, J>
where
    T: Clone + Send + Sync + 'static,
    J: Journal<T>,
{
    /// Wait until there is work. Commands are put into `batch`, which is empty.
    pub(super) async fn wait_for_work(
        &mut self,
        sources: &mut WakeSources,
        batch: &mut Vec<Envelope<T>>,
    ) -> WakeReason {
        sources.set_alarm(self.next_deadline(), &self.clock);
        let has_background_work = self.data.has_background_work();
        let (queue, drain) = (&mut self.queue, self.drain);
        let compactions = &mut self.compactions;
        let mut foreign = pin!(self.log.tail());
        // Background work is done only while there are no commands.
        let mut rest = pin!(tokio::task::yield_now());
        poll_fn(|cx| {
            if Pin::new(&mut sources.cancelled).poll(cx).is_ready() {
                return Poll::Ready(WakeReason::End);
            }
            if foreign.as_mut().poll(cx).is_ready() {
                return Poll::Ready(WakeReason::Foreign);
            }
            if let Poll::Ready(ended) = compactions.poll_ended(cx) {
                return Poll::Ready(WakeReason::Compacted(ended));
            }
            match queue.poll_recv(cx, batch, drain) {
                Poll::Ready(0) => return Poll::Ready(WakeReason::End),
                Poll::Ready(_) => return Poll::Ready(WakeReason::Commands),
                Poll::Pending => {}
            }
            if has_background_work && rest.as_mut().poll(cx).is_ready() {
                return Poll::Ready(WakeReason::Idle);
            }
            sources.poll_alarm(cx).map(|()| WakeReason::Idle)
        })
        .await
    }
}
