//! Every turn after a revision, in order and without a gap, from wherever it can be had: the journal, the
//! history, the channel.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::LiveSource;
use super::journal_read::JournalRead;
use crate::feed::{Hub, Mark, News, Turn};
use crate::model::Error;

/// Turns that are read from the history at once: the owner waits for the lock no longer than that.
const SLICE: usize = 128;

pub(super) struct Feed<T> {
    pub(super) hub: Arc<Hub<T>>,
    source: LiveSource<T>,
    /// Everything up to here has been given out, or is of no concern.
    position: u64,
    /// Says so to others.
    mark: Arc<Mark>,
    /// Read the history up to here before anything else.
    behind: u64,
    /// What was read from it, or from the journal.
    read: VecDeque<Turn<T>>,
    /// The history does not reach back to the position, but the journal does.
    reading: Option<JournalRead<T>>,
}

impl<T: Send + Sync + 'static> Feed<T> {
    pub(super) fn new(
        hub: Arc<Hub<T>>,
        mark: Arc<Mark>,
        source: LiveSource<T>,
        after: u64,
        head: u64,
    ) -> Self {
        let (position, behind) = (after, head);
        Self { hub, source, position, mark, behind, read: VecDeque::new(), reading: None }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn hub(&self) -> &Hub<T> {
        &self.hub
    }

    /// The next turn, and the revision after which it is news. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<(Turn<T>, u64), Error> {
        loop {
            // Gives way to others now and then, however much there is to read.
            tokio::task::coop::consume_budget().await;
            if let Some(turn) = self.try_next().await? {
                return Ok(turn);
            }
            match &mut self.source {
                LiveSource::Channel { receiver, .. } => match receiver.recv().await {
                    Ok(turn) => {
                        if let Some(turn) = self.accept(turn)? {
                            return Ok(turn);
                        }
                    }
                    Err(RecvError::Lagged(_)) => self.note_lag(),
                    // Seen again by `try_next`, which reads the rest.
                    Err(RecvError::Closed) => {}
                },
                LiveSource::Watcher { watcher, .. } => {
                    if self.hub.status.has_ended() && watcher.is_empty() {
                        return Err(self.hub.status.error());
                    }
                    watcher.changed().await;
                }
            }
        }
    }

    /// The next turn, if it is there: waits for the journal to be read, and not for news. Cancel safe.
    pub(super) async fn try_next(&mut self) -> Result<Option<(Turn<T>, u64)>, Error> {
        loop {
            if let Some(turn) = self.read.pop_front() {
                let turn = self.advance(turn);
                self.mark.set(Some(self.position + 1));
                if turn.is_some() {
                    return Ok(turn);
                }
                continue;
            }
            if self.position < self.behind {
                self.catch_up().await?;
                continue;
            }
            match &mut self.source {
                LiveSource::Channel { receiver, .. } => match receiver.try_recv() {
                    Ok(turn) => {
                        if let Some(turn) = self.accept(turn)? {
                            return Ok(Some(turn));
                        }
                    }
                    Err(TryRecvError::Empty) => return Ok(None),
                    Err(TryRecvError::Lagged(_)) => self.note_lag(),
                    Err(TryRecvError::Closed) => {
                        let head = self.hub.history.head();
                        if self.position >= head {
                            return Err(self.hub.status.error());
                        }
                        self.behind = head;
                    }
                },
                LiveSource::Watcher { watcher, .. } => match watcher.take() {
                    None => return Ok(None),
                    Some(News::Turn(turn)) => {
                        if let Some(turn) = self.advance(turn) {
                            return Ok(Some(turn));
                        }
                    }
                    Some(News::MissedFrom(first)) => {
                        self.note_lag();
                        self.position = self.position.max(first - 1);
                        self.behind = self.hub.history.newest().max(first);
                    }
                },
            }
        }
    }

    /// A subscription to one key is not woken by others: when it has nothing to read, everything
    /// published so far was of no concern to it.
    pub(super) fn skip_hidden(&mut self) {
        if let LiveSource::Watcher { watcher, .. } = &self.source {
            // In this order: what is published later sets the watcher before the head.
            let head = self.hub.history.head();
            if watcher.is_empty() && self.read.is_empty() && self.position >= self.behind {
                self.position = self.position.max(head);
            }
        }
    }

    /// A turn from the channel: given out if it follows, and otherwise the history has it too.
    fn accept(&mut self, turn: Turn<T>) -> Result<Option<(Turn<T>, u64)>, Error> {
        let Some((first, last)) = turn.first().zip(turn.last()) else { return Ok(None) };
        if first.revision > self.position + 1 {
            self.behind = last.revision;
            return Ok(None);
        }
        let turn = self.advance(turn);
        self.mark.set(Some(self.position + 1));
        Ok(turn)
    }

    fn advance(&mut self, turn: Turn<T>) -> Option<(Turn<T>, u64)> {
        let last = turn.last()?.revision;
        let before = self.position;
        self.position = self.position.max(last);
        (last > before).then_some((turn, before))
    }

    /// Read on in the history, or where it does not reach back that far, in the journal.
    async fn catch_up(&mut self) -> Result<(), Error> {
        if let Some(reading) = &mut self.reading {
            let turn = reading.done(&self.hub).await;
            self.reading = None;
            self.read.push_back(turn?);
            return Ok(());
        }
        match self.hub.history.read(self.position, SLICE) {
            Ok(turns) if turns.is_empty() => self.behind = self.position,
            Ok(turns) => self.read.extend(turns),
            Err(Error::Compacted { oldest: up_to }) => {
                let past = self.hub.past_after(self.position, up_to)?;
                self.reading = Some(JournalRead::start(past, self.position, up_to));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn note_lag(&self) {
        tracing::debug!(position = self.position, "a subscription lags and catches up");
        self.hub.lag.count_lagged();
    }
}
