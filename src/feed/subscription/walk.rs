//! The walk of a snapshot: reads the map in slices while the owner keeps changing it.
//!
//! Copying the store under a lock would stall the owner, so the snapshot is fuzzy while it is read, and changes from
//! the feed make it exact. The shards are divided into parts, and a part is read in slices of slots. A change that the
//! feed delivers during the walk is handled by the part of its key:
//!
//! - A later part: the change is skipped, because it is in the map already when the walk reads that part. (A change is
//!   applied before it is published.)
//! - A part that is done: the change is delivered.
//! - The current part: the change is deferred until the part is done, because the walk may or may not have seen it. If
//!   the key was delivered, the change is delivered if its revision is newer than that of the entry. If the key was not
//!   delivered, it was absent when the walk read its slot, so the first change to deliver is its next `Set`: any other
//!   change of it was made before it was removed.
//!
//! A part is done when the feed has reached `Map::applied`, read after the last slice of the part. The owner stores that
//! revision before it applies a change, and the walk reads slots under the locks that the owner writes them under, so
//! no slot that the walk has read has a newer change. After the last part, the delivered events result in exactly the
//! store at the position of the feed. A clear restarts the walk, because it empties all parts at once.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Event;
use super::feed::Feed;
use crate::feed::Turn;
use crate::model::{Change, ChangeKind, Error, Filter, Key};
use crate::state::{Map, SHARDS};

/// How many slots are read in one step, and at most under one lock: about 30 us.
const SLICE: u32 = 256;

/// How many shards a part has. With 64 parts, the walk of a small store has few steps.
const PART: usize = SHARDS / 64;

pub(super) struct SnapshotWalk<T> {
    /// The next slot to read: its shard, and its index there.
    shard: usize,
    next: u32,
    part: usize,
    /// The revisions of the entries delivered from the current part.
    delivered: HashMap<Key, u64, foldhash::fast::RandomState>,
    /// Changes in the current part.
    deferred: Vec<Change<T>>,
}

impl<T> Default for SnapshotWalk<T> {
    fn default() -> Self {
        Self { shard: 0, next: 0, part: 0, delivered: HashMap::default(), deferred: Vec::new() }
    }
}

impl<T: Clone + Send + Sync + 'static> SnapshotWalk<T> {
    /// Do one step: a slice, and the changes that the feed has. Returns whether the snapshot is complete.
    pub(super) async fn step(
        &mut self,
        feed: &mut Feed<T>,
        filter: &Filter,
        ready: &mut VecDeque<Event<T>>,
    ) -> Result<bool, Error> {
        tokio::task::coop::consume_budget().await;
        let map = Arc::clone(&feed.hub.map);
        self.read_slice(&map, filter, ready);
        if self.shard / PART > self.part {
            // No entry that was read in this part is newer than this.
            let applied = map.applied();
            while feed.position() < applied {
                let (turn, after) = feed.next().await?;
                if self.handle_turn(&map, &turn, after, filter, ready) {
                    return Ok(false);
                }
            }
            self.finish_part(ready);
        }
        while let Some((turn, after)) = feed.try_next().await.or_else(ignore_end)? {
            if self.handle_turn(&map, &turn, after, filter, ready) {
                return Ok(false);
            }
        }
        if self.part < SHARDS / PART {
            return Ok(false);
        }
        ready.push_back(Event::SnapshotEnd { revision: feed.position() });
        Ok(true)
    }

    /// Deliver the entries of one slice, which ends at the latest with the part.
    ///
    /// A key that is past its deadline is delivered like any other, and its `Expired` change follows. It must not be
    /// left out: the time of the owner is that of its turn, so it may have just moved that deadline in time.
    fn read_slice(&mut self, map: &Map<T>, filter: &Filter, ready: &mut VecDeque<Event<T>>) {
        let mut budget = SLICE;
        while budget > 0 && self.shard / PART == self.part {
            let guard = map.read(self.shard);
            let (slots, next) = guard.walk(self.next, budget);
            let matching =
                slots.map(|(_, slot)| slot).filter(|slot| filter.matches_key(slot.key()));
            let entries: Vec<_> = matching.map(|slot| (slot.key().clone(), slot.entry())).collect();
            // After a clear, a shard has fewer cells than before.
            budget -= next.unwrap_or(guard.cells()).saturating_sub(self.next);
            drop(guard);
            (self.shard, self.next) = match next {
                Some(next) => (self.shard, next),
                None => (self.shard + 1, 0),
            };
            for (key, entry) in entries {
                self.delivered.insert(key.clone(), entry.revision);
                ready.push_back(Event::Entry { key, entry });
            }
        }
    }

    /// Deliver, defer or skip the changes of a turn. Returns whether a clear has restarted the walk.
    fn handle_turn(
        &mut self,
        map: &Map<T>,
        turn: &Turn<T>,
        after: u64,
        filter: &Filter,
        ready: &mut VecDeque<Event<T>>,
    ) -> bool {
        let mut restarted = false;
        for change in turn.iter().filter(|change| change.revision > after) {
            if matches!(change.kind, ChangeKind::Cleared { .. }) {
                *self = Self::default();
                ready.push_back(Event::Change(change.clone()));
                restarted = true;
            } else if filter.matches(change) {
                match (Map::<T>::shard_of(map.hash(&change.key)) / PART).cmp(&self.part) {
                    std::cmp::Ordering::Less => ready.push_back(Event::Change(change.clone())),
                    std::cmp::Ordering::Equal => self.deferred.push(change.clone()),
                    std::cmp::Ordering::Greater => {}
                }
            }
        }
        restarted
    }

    fn finish_part(&mut self, ready: &mut VecDeque<Event<T>>) {
        for change in self.deferred.drain(..) {
            let is_new = match self.delivered.get(&change.key) {
                Some(delivered) => change.revision > *delivered,
                None => matches!(change.kind, ChangeKind::Set { .. }),
            };
            if is_new {
                if matches!(change.kind, ChangeKind::Removed | ChangeKind::Expired) {
                    self.delivered.remove(&change.key);
                } else {
                    self.delivered.insert(change.key.clone(), change.revision);
                }
                ready.push_back(Event::Change(change));
            }
        }
        self.delivered.clear();
        self.part += 1;
    }
}

/// The walk of a store that has ended continues: there are only no more changes.
fn ignore_end<T>(error: Error) -> Result<Option<T>, Error> {
    match error {
        Error::Closed | Error::Failed(_) => Ok(None),
        error => Err(error),
    }
}
