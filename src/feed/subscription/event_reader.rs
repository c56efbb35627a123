//! Conversion of turns into events: the filter, batches, progress, and the snapshot.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::feed::Feed;
use super::walk::SnapshotWalk;
use super::{Event, StartPoint};
use crate::feed::{Hub, Mark, Turn};
use crate::model::{Change, Error, Filter, Start};

/// A `Progress` event follows after this many changes that the filter hides, or this long after the first of them.
const HIDDEN_AT_MOST: u64 = 1_024;
const SILENT_AT_MOST: Duration = Duration::from_secs(5);

pub(super) struct EventReader<T> {
    feed: Feed<T>,
    filter: Filter,
    /// The snapshot, until it is complete.
    walk: Option<SnapshotWalk<T>>,
    ready: VecDeque<Event<T>>,
    /// The revision of the last event.
    delivered: u64,
    /// The timer of `Progress` events. Created on the first wait: a subscription that never waits needs none.
    tick: Option<Pin<Box<Sleep>>>,
}

impl<T: Clone + Send + Sync + 'static> EventReader<T> {
    pub(super) fn new(hub: Arc<Hub<T>>, mark: Arc<Mark>, start_point: StartPoint<T>) -> Self {
        let StartPoint { filter, start, source, after, head, entry } = start_point;
        let mut ready = VecDeque::new();
        let mut walk = None;
        if start == Start::Snapshot {
            if let Filter::Key(key) = &filter {
                // The owner has read the entry of the key together with the head.
                ready.extend(entry.map(|entry| Event::Entry { key: key.clone(), entry }));
                ready.push_back(Event::SnapshotEnd { revision: head });
            } else {
                walk = Some(SnapshotWalk::default());
            }
        }
        Self {
            feed: Feed::new(hub, mark, source, after, head),
            filter,
            walk,
            ready,
            delivered: after,
            tick: None,
        }
    }

    pub(super) fn take_ready(&mut self) -> Option<Event<T>> {
        let event = self.ready.pop_front()?;
        self.delivered = event.revision().unwrap_or(self.delivered);
        Some(event)
    }

    /// Wait for the next event. Not cancel safe by itself: the subscription keeps the future.
    pub(super) async fn next(&mut self) -> Result<Event<T>, Error> {
        loop {
            if let Some(event) = self.take_ready() {
                return Ok(event);
            }
            if let Some(walk) = &mut self.walk {
                if walk.step(&mut self.feed, &self.filter, &mut self.ready).await? {
                    self.walk = None;
                }
                continue;
            }
            let tick = {
                let hub = self.feed.hub();
                self.tick.get_or_insert_with(|| Box::pin(hub.sleep(SILENT_AT_MOST)))
            };
            tokio::select! {
                biased;
                turn = self.feed.next() => {
                    let (turn, after) = turn?;
                    self.push_events(&turn, after);
                }
                () = &mut *tick => {
                    tick.as_mut().reset(Instant::now() + SILENT_AT_MOST);
                    self.feed.skip_hidden();
                    self.push_progress(1);
                }
            }
        }
    }

    fn push_events(&mut self, turn: &Turn<T>, after: u64) {
        let new_changes = turn.partition_point(|change| change.revision <= after);
        let mut rest = &turn[new_changes..];
        while !rest.is_empty() {
            let end = rest.iter().position(|change| !change.continues);
            let (batch, next) = rest.split_at(end.map_or(rest.len(), |last| last + 1));
            rest = next;
            let mut matching = batch.iter().filter(|change| self.filter.matches(change)).cloned();
            if batch.len() == 1 {
                self.ready.extend(matching.next().map(Event::Change));
                continue;
            }
            let changes: Vec<Change<T>> = matching.collect();
            if !changes.is_empty() {
                let revision = batch.last().map_or(after, |last| last.revision);
                self.ready.push_back(Event::Batch { changes, revision });
            }
        }
        if self.ready.is_empty() {
            self.push_progress(HIDDEN_AT_MOST);
        }
    }

    /// Push a `Progress` event, if no event was delivered for this many changes.
    fn push_progress(&mut self, at_least: u64) {
        let revision = self.feed.position();
        if self.ready.is_empty() && revision >= self.delivered + at_least {
            self.ready.push_back(Event::Progress { revision });
        }
    }
}
