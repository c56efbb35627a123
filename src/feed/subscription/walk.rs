//! A snapshot, walked in slices beside the owner while it goes on changing things.
//!
//! Part by part, each of some shards, and each part in slices of places. What happens meanwhile comes
//! from the feed:
//! - a change in a part that is still to come is skipped: the walk will see it;
//! - a change in a part that is done is told;
//! - a change in the current part is kept until the part is done, and then told if the entry was
//!   told with an older revision. A key that was absent is told of from its next `set` on, because
//!   anything else was done to it before the walk came by.
//!
//! A part is done when the feed has caught up with all that the walk may have seen of it. After the
//! last one, what was told is exactly the store at the feed's position.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Event;
use super::feed::Feed;
use crate::feed::Turn;
use crate::model::{Change, ChangeKind, Error, Filter, Key};
use crate::state::{Map, SHARDS};

/// Places that are looked at in one go, and at most under one lock: some 30 us.
const SLICE: u32 = 256;

/// Shards in a part: enough to find the end of a small store soon.
const PART: usize = SHARDS / 64;

pub(super) struct SnapshotWalk<T> {
    /// The next place to look at: its shard, and its number there.
    shard: usize,
    next: u32,
    part: usize,
    /// The revisions of the entries told from the current part.
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
    /// One slice. Says whether the snapshot is complete.
    pub(super) async fn step(
        &mut self,
        feed: &mut Feed<T>,
        filter: &Filter,
        ready: &mut VecDeque<Event<T>>,
    ) -> Result<bool, Error> {
        tokio::task::coop::consume_budget().await;
        let map = Arc::clone(&feed.hub.map);
        self.look(&map, filter, ready);
        if self.shard / PART > self.part {
            // Nothing that was seen in this part is newer than this.
            let seen = map.applied();
            while feed.position() < seen {
                let (turn, after) = feed.next().await?;
                if self.offer(&map, &turn, after, filter, ready) {
                    return Ok(false);
                }
            }
            self.finish_part(ready);
        }
        while let Some((turn, after)) = feed.try_next().await.or_else(unless_ended)? {
            if self.offer(&map, &turn, after, filter, ready) {
                return Ok(false);
            }
        }
        if self.part < SHARDS / PART {
            return Ok(false);
        }
        ready.push_back(Event::SnapshotEnd { revision: feed.position() });
        Ok(true)
    }

    /// Tell the entries of one slice, which ends with the part.
    ///
    /// A key that is past its deadline is told like any other: its expiry is a change that follows.
    /// Or it does not, when the owner, whose time is that of its turn, has just moved the deadline.
    fn look(&mut self, map: &Map<T>, filter: &Filter, ready: &mut VecDeque<Event<T>>) {
        let mut left = SLICE;
        while left > 0 && self.shard / PART == self.part {
            let guard = map.read(self.shard);
            let (slots, next) = guard.walk(self.next, left);
            let seen = slots.map(|(_, slot)| slot).filter(|slot| filter.matches_key(slot.key()));
            let entries: Vec<_> = seen.map(|slot| (slot.key().clone(), slot.entry())).collect();
            // A clear leaves a shard with fewer cells than there were.
            left -= next.unwrap_or(guard.cells()).saturating_sub(self.next);
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

    /// Tell, keep or skip what has changed. A clear starts the walk again, and says so.
    fn offer(
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
            let news = match self.delivered.get(&change.key) {
                Some(delivered) => change.revision > *delivered,
                None => matches!(change.kind, ChangeKind::Set { .. }),
            };
            if news {
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

/// A store that has ended can still be walked: there is only nothing more to wait for.
fn unless_ended<T>(error: Error) -> Result<Option<T>, Error> {
    match error {
        Error::Closed | Error::Failed(_) => Ok(None),
        error => Err(error),
    }
}
