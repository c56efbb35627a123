//! All data, and the only code that changes it. No clocks, no I/O, no runtime.

mod index;
mod ledger;
mod map;
mod shard;
mod slot;
mod write;

use std::collections::BTreeSet;
use std::sync::Arc;

use self::ledger::Ledger;
pub(crate) use self::map::{Map, SHARDS};
use self::shard::Shard;
use self::slot::Slot;
use crate::change::Change;
use crate::decide::{Facts, Totals};
use crate::expiry::Token;
use crate::weigh::Weigher;
use crate::{Entry, Key, Page, Timestamp};

/// The data of a store. There is one, and the owner has it.
pub(crate) struct State<T> {
    map: Arc<Map<T>>,
    ledger: Ledger,
    weigher: Weigher<T>,
    /// What a clear left behind, dropped in slices.
    garbage: Garbage<T>,
}

struct Garbage<T> {
    shards: Vec<Shard<T>>,
    keys: BTreeSet<Key>,
}

impl<T> State<T> {
    pub(crate) fn new(weigher: Weigher<T>, origin: Timestamp) -> Self {
        Self {
            map: Arc::new(Map::new()),
            ledger: Ledger::new(origin),
            weigher,
            garbage: Garbage { shards: Vec::new(), keys: BTreeSet::new() },
        }
    }

    pub(crate) fn map(&self) -> &Arc<Map<T>> {
        &self.map
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.ledger.totals
    }

    /// How many entries have expired, those in the journal included.
    pub(crate) fn expired(&self) -> u64 {
        self.ledger.expired
    }

    pub(crate) fn facts(&self, hash: u64, key: &str) -> Option<Facts> {
        self.map.read(Map::<T>::shard_of(hash)).get(hash, key).map(Slot::facts)
    }

    /// When to look for due keys again.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.ledger.wheel.next_wake()
    }

    /// Keys whose deadline has passed, at most `limit` of them. Looks at no more than `limit`
    /// tokens, so that it takes bounded time; says whether there may be more.
    pub(crate) fn due(&mut self, now: Timestamp, limit: usize) -> (Vec<Key>, bool) {
        let mut due = Vec::new();
        for _ in 0..limit {
            let Some(token) = self.ledger.wheel.pop(now) else { return (due, false) };
            let mut shard = self.map.write(token.shard.into());
            if shard.armed(token.index) != Some(token.at) {
                continue; // a token for an earlier moment took its place
            }
            let deadline = shard.slot(token.index).and_then(|slot| slot.expires_at);
            if let Some(deadline) = deadline
                && deadline <= now
            {
                due.extend(shard.slot(token.index).map(|slot| slot.key.clone()));
            }
            let next = deadline.filter(|deadline| *deadline > now);
            shard.arm(token.index, next);
            drop(shard);
            if let Some(at) = next {
                self.ledger.wheel.insert(Token { at, ..token });
            }
        }
        (due, true)
    }

    /// Keys whose deadline has passed and whose token has not fired yet, because the wheel is coarser
    /// than deadlines are.
    pub(crate) fn due_in_this_tick(&self, now: Timestamp) -> Vec<Key> {
        let key = |token: &Token| {
            let shard = self.map.read(token.shard.into());
            let slot = shard.slot(token.index).filter(|slot| slot.is_over(now))?;
            (shard.armed(token.index) == Some(token.at)).then(|| slot.key.clone())
        };
        let mut keys: Vec<Key> = self.ledger.wheel.due_in_this_tick(now).filter_map(key).collect();
        // A place can have two tokens for the same moment.
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether the key is there and its deadline has passed.
    pub(crate) fn is_overdue(&self, key: &str, now: Timestamp) -> bool {
        self.facts(self.map.hash(key), key).is_some_and(|facts| facts.is_over(now))
    }

    /// Give a due key back, because its expiry could not be recorded. It stays due, for whoever asks
    /// next; when that is, the caller knows.
    pub(crate) fn look_again(&mut self, key: &str) {
        let hash = self.map.hash(key);
        let shard = Map::<T>::shard_of(hash);
        let mut guard = self.map.write(shard);
        let index = guard.find(hash, key);
        let deadline = index.and_then(|index| guard.slot(index)?.expires_at);
        if let (Some(index), Some(at)) = (index, deadline) {
            guard.arm(index, Some(at));
            self.ledger.wheel.insert(Token { at, shard: shard as u8, index });
        }
    }

    /// Work that waits for a quiet moment: building the index, dropping what a clear left.
    pub(crate) fn has_chores(&self) -> bool {
        self.ledger.index.is_building()
            || !self.garbage.shards.is_empty()
            || !self.garbage.keys.is_empty()
    }

    /// One slice of it, of about a millisecond at most.
    pub(crate) fn do_chore(&mut self) {
        self.ledger.index.build_some(&self.map);
        if let Some(shard) = self.garbage.shards.last_mut()
            && !shard.drop_some()
        {
            self.garbage.shards.pop();
        }
        for _ in 0..self.garbage.keys.len().min(1_024) {
            self.garbage.keys.pop_first();
        }
    }

    /// Whether a scan can be answered; if not, the index is being built from now on.
    pub(crate) fn ready_to_scan(&mut self) -> bool {
        self.ledger.index.start();
        !self.ledger.index.is_building()
    }

    /// A sorted page of keys.
    pub(crate) fn keys(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Page<Key> {
        let live = |key: &&Key| self.map.contains(self.map.hash(key), key, now);
        let mut keys = self.ledger.index.range(prefix, after).filter(live);
        let items: Vec<Key> = keys.by_ref().take(limit).cloned().collect();
        let next = if keys.next().is_some() { items.last().cloned() } else { None };
        Page { items, next, revision: self.ledger.totals.revision }
    }

    /// Remove everything. What was there is dropped in slices.
    fn clear(&mut self, revision: u64) {
        self.map.announce(revision);
        for shard in 0..SHARDS {
            let old = std::mem::take(&mut *self.map.write(shard));
            if old.cells() > 0 {
                self.garbage.shards.push(old);
            }
        }
        self.garbage.keys.append(&mut self.ledger.index.clear());
        self.ledger.wheel.retain(|_| false);
        self.ledger.totals = Totals { revision, ..Totals::default() };
    }
}

impl<T: Clone> State<T> {
    /// Put an entry of a snapshot in its place.
    pub(crate) fn restore(&mut self, key: &Key, entry: Entry<T>) {
        let weight = self.weigher.weigh(entry.value.elements()).unwrap_or(0);
        let weight = weight.saturating_add(key.len() as u64);
        let hash = self.map.hash(key);
        let shard = Map::<T>::shard_of(hash);
        let slot = Slot {
            key: key.clone(),
            stored: entry.value.into(),
            revision: entry.revision,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            expires_at: entry.expires_at,
            weight,
        };
        let facts = slot.facts();
        let mut guard = self.map.write(shard);
        let index = guard.insert(hash, slot);
        let arm = write::arm(&mut guard, shard, index, entry.expires_at);
        drop(guard);
        self.ledger.settle(&self.map, key, (None, Some(facts)), arm);
    }

    /// Go on from this revision, after a snapshot was restored.
    pub(crate) fn resume_at(&mut self, revision: u64) {
        self.map.announce(revision);
        self.ledger.totals.revision = revision;
    }

    /// A sorted page of entries.
    pub(crate) fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Page<(Key, Entry<T>)> {
        let Page { items, next, revision } = self.keys(prefix, after, limit, now);
        let entry = |key: Key| {
            let entry = self.map.get(self.map.hash(&key), &key, now)?;
            Some((key, entry))
        };
        Page { items: items.into_iter().filter_map(entry).collect(), next, revision }
    }

    pub(crate) fn weigh_change(&self, change: &mut Change<T>) {
        change.weight = self.weigher.weigh(change.elements()).unwrap_or(0);
    }
}
