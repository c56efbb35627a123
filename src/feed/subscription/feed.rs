//! The feed of a subscription: every turn after a revision, in order and without a gap, from the journal, the history,
//! or the live changes.
//!
//! The hand-over between the three is by revision. `position` is the last revision that was delivered, and `behind` is
//! a revision up to which the history has to be read first. While `position < behind`, the feed reads the history; if
//! that begins after `position`, it reads the journal up to where the history begins, and then the history again.
//! Otherwise it takes live changes. Each source may overlap with the one before it, because `advance` skips what was
//! delivered. A gap cannot pass: a live turn that does not follow `position`, a lagged channel, and a full watcher
//! only set `behind` again, and the missing changes are then in the history, because the publisher writes to the
//! history before it notifies watchers and the channel. If the changes have left both the history and the journal, the
//! feed ends with `Compacted`.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use super::LiveSource;
use super::journal_read::JournalRead;
use crate::feed::{Hub, Mark, Turn, WatcherItem};
use crate::model::Error;

/// How many turns are read from the history under one lock, for which the owner may wait.
const SLICE: usize = 128;

pub(super) struct Feed<T> {
    pub(super) hub: Arc<Hub<T>>,
    source: LiveSource<T>,
    /// Every change up to this revision has been delivered, or does not match the filter.
    position: u64,
    /// Publishes the position for `stats`.
    mark: Arc<Mark>,
    /// Read the history up to this revision before the live changes.
    behind: u64,
    /// Turns that were read from the history or the journal.
    read: VecDeque<Turn<T>>,
    /// The read of the journal, while the history does not reach back to the position.
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

    /// Wait for the next turn. Returns it with the revision after which its changes are new. Cancel safe.
    pub(super) async fn next(&mut self) -> Result<(Turn<T>, u64), Error> {
        loop {
            // Yield to other tasks now and then, however much there is to read.
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
                    // `try_next` sees this again, and reads the rest.
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

    /// The next turn, if there is one. Waits for a read of the journal, but not for new changes. Cancel safe.
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
                    Some(WatcherItem::Turn(turn)) => {
                        if let Some(turn) = self.advance(turn) {
                            return Ok(Some(turn));
                        }
                    }
                    Some(WatcherItem::MissedFrom(first)) => {
                        self.note_lag();
                        self.position = self.position.max(first - 1);
                        self.behind = self.hub.history.newest().max(first);
                    }
                },
            }
        }
    }

    /// Advance the position of a subscription to one key past the changes of other keys, which do not wake it: if it has
    /// nothing to read, no change published so far is one of its key.
    pub(super) fn skip_hidden(&mut self) {
        if let LiveSource::Watcher { watcher, .. } = &self.source {
            // Read the head before the watcher: the publisher notifies the watcher before it moves the head, so every
            // change of this key up to that head is in the watcher.
            let head = self.hub.history.head();
            if watcher.is_empty() && self.read.is_empty() && self.position >= self.behind {
                self.position = self.position.max(head);
            }
        }
    }

    /// Accept a turn from the channel if it follows the position. Otherwise read the history first, which has it too.
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

    /// Read the next turns from the history, or from the journal if the history does not reach back to the position.
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
