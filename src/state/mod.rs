//! The data structures of a store: map, key order, timing wheel. No clock, no I/O, no runtime.
//!
//! Only a `State` can take a write lock of the map, and only the owner has a `State`, so a single writer is guaranteed by
//! the types. Views and snapshots read the map beside it, under the lock of one shard at a time.

mod index;
mod ledger;
mod map;
mod order;
mod shard;
mod slab;
mod slot;
mod table;
pub(crate) mod wheel;
mod write;

use std::sync::Arc;

use self::ledger::Ledger;
use self::map::SlotId;
pub(crate) use self::map::{Map, SHARDS};
use self::order::Order;
use self::shard::Shard;
use self::slot::{NewEntry, Slot};
use crate::model::decide::{Facts, Totals};
use crate::model::{Change, Entry, Key, Page, Timestamp, Weigher};
use crate::state::wheel::{TokenTick, Wheel};

/// The data of a store. There is one per store, which belongs to its owner.
pub(crate) struct State<T> {
    map: Arc<Map<T>>,
    ledger: Ledger,
    weigher: Weigher<T>,
    /// The shards and key orders that a clear removed, dropped in slices.
    garbage: Garbage<T>,
}

struct Garbage<T> {
    shards: Vec<Shard<T>>,
    orders: Vec<Order>,
}

impl<T> State<T> {
    pub(crate) fn new(weigher: Weigher<T>, origin: Timestamp) -> Self {
        Self {
            map: Arc::new(Map::new()),
            ledger: Ledger::new(origin),
            weigher,
            garbage: Garbage { shards: Vec::new(), orders: Vec::new() },
        }
    }

    pub(crate) fn map(&self) -> &Arc<Map<T>> {
        &self.map
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.ledger.totals
    }

    /// How many entries have expired, including the expiries in the journal.
    pub(crate) fn expired(&self) -> u64 {
        self.ledger.expired
    }

    pub(crate) fn facts(&self, hash: u64, key: &str) -> Option<Facts> {
        self.map.read(Map::<T>::shard_of(hash)).get(hash, key).map(Slot::facts)
    }

    /// When to check for due keys again.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        self.ledger.wheel.next_wake()
    }

    /// At most `limit` keys whose deadline has passed, and whether there may be more. Checks at most `limit`
    /// tokens, so that it takes bounded time.
    pub(crate) fn due(&mut self, now: Timestamp, limit: usize) -> (Vec<Key>, bool) {
        self.pop_due(now, limit, Wheel::pop)
    }

    /// As `due`, but to the nanosecond, although the ticks of the wheel are coarser. Call
    /// [`fire_current_tick`](Self::fire_current_tick) first, and then this until there are no more.
    pub(crate) fn due_exactly(&mut self, now: Timestamp, limit: usize) -> (Vec<Key>, bool) {
        self.pop_due(now, limit, Wheel::pop_early)
    }

    pub(crate) fn fire_current_tick(&mut self) {
        self.ledger.wheel.fire_current_tick();
    }

    fn pop_due(
        &mut self,
        now: Timestamp,
        limit: usize,
        pop: fn(&mut Wheel, Timestamp) -> Option<u32>,
    ) -> (Vec<Key>, bool) {
        let wheel = &mut self.ledger.wheel;
        let mut due = Vec::new();
        for _ in 0..limit {
            let Some(number) = pop(wheel, now) else { return (due, false) };
            let id = SlotId::of(number);
            let mut shard = self.map.write(id.shard());
            let index = id.index();
            if !wheel.has_fired(shard.token_tick(index)) {
                continue; // stale: it was replaced by a token that fires earlier
            }
            let slot = shard.slot(index);
            let next = slot.and_then(Slot::expires_at).filter(|deadline| *deadline > now);
            due.extend(slot.filter(|slot| slot.is_expired(now)).map(|slot| slot.key().clone()));
            let token_tick =
                next.map_or(TokenTick::NONE, |at| wheel.arm(TokenTick::NONE, at, number));
            shard.set_token_tick(index, token_tick);
        }
        (due, true)
    }

    /// Whether the key is in the map and its deadline has passed.
    pub(crate) fn is_overdue(&self, key: &str, now: Timestamp) -> bool {
        self.facts(self.map.hash(key), key).is_some_and(|facts| facts.is_expired(now))
    }

    /// Arm a token of a due key again, because its expiry could not be recorded. The caller decides when to
    /// retry.
    pub(crate) fn rearm(&mut self, key: &str) {
        let hash = self.map.hash(key);
        let shard = Map::<T>::shard_of(hash);
        let mut guard = self.map.write(shard);
        if let Some(index) = guard.find(hash, key) {
            write::arm(&mut guard, &mut self.ledger.wheel, shard, index);
        }
    }

    /// Whether there is background work: building the index, or dropping what a clear removed.
    pub(crate) fn has_background_work(&self) -> bool {
        self.ledger.index.is_building()
            || !self.garbage.shards.is_empty()
            || !self.garbage.orders.is_empty()
    }

    /// Do one slice of it, of about a millisecond at most.
    pub(crate) fn do_background_work(&mut self) {
        self.ledger.index.build_some(&self.map);
        // Counted in cells; a shard counts for at least 4, because dropping a small one takes time as well.
        let mut budget = 1_024_u32;
        while budget > 0
            && let Some(shard) = self.garbage.shards.last_mut()
        {
            let before = shard.cells();
            let more = shard.drop_some();
            budget = budget.saturating_sub((before - shard.cells()).max(4));
            if !more {
                self.garbage.shards.pop();
            }
        }
        if let Some(order) = self.garbage.orders.last_mut()
            && !order.drop_some()
        {
            self.garbage.orders.pop();
        }
    }

    /// Whether the index is ready for a scan. If it does not exist yet, this starts to build it.
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
        self.page((prefix, after, limit), now, Key::clone, |slot| slot.key().clone())
    }

    fn page<I>(
        &self,
        (prefix, after, limit): (&str, Option<&str>, usize),
        now: Timestamp,
        name: impl Fn(&I) -> Key,
        pick: impl Fn(Slot<'_, T>) -> I,
    ) -> Page<I> {
        let revision = self.ledger.totals.revision;
        let (mut items, mut more) = (Vec::new(), false);
        for id in self.ledger.index.range(&self.map, prefix, after) {
            let shard = self.map.read(id.shard());
            let Some(slot) = shard.slot(id.index()) else { continue };
            if !slot.key().starts_with(prefix) {
                break;
            }
            if slot.is_expired(now) {
                continue;
            }
            more = items.len() == limit;
            if more {
                break;
            }
            items.push(pick(slot));
        }
        let next = if more { items.last().map(name) } else { None };
        Page { items, next, revision }
    }

    /// Remove all entries. They are dropped later, in slices.
    fn clear(&mut self, revision: u64) {
        self.map.set_applied(revision);
        for shard in 0..SHARDS {
            let old = std::mem::take(&mut *self.map.write(shard));
            if old.cells() > 0 {
                self.garbage.shards.push(old);
            }
        }
        self.garbage.orders.push(self.ledger.index.clear());
        self.ledger.wheel.clear();
        self.ledger.totals = Totals { revision, ..Totals::default() };
    }
}

impl<T: Clone> State<T> {
    /// Restore an entry of a snapshot. It replaces an earlier entry of the same key: a snapshot has two entries of a key
    /// that was removed and set again during the walk.
    pub(crate) fn restore(&mut self, key: &Key, entry: Entry<T>) {
        let weight = self.weigher.weigh(entry.value.elements()).unwrap_or(0);
        let weight = weight.saturating_add(key.len() as u64);
        let hash = self.map.hash(key);
        let shard = Map::<T>::shard_of(hash);
        let new_entry = NewEntry {
            key: key.clone(),
            stored: entry.value.into(),
            revision: entry.revision,
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            expires_at: entry.expires_at,
            weight,
        };
        let mut guard = self.map.write(shard);
        let replaced = guard.find(hash, key).map(|index| {
            if let Some(before) = guard.slot(index).map(Slot::facts) {
                self.ledger.record_removal(key, SlotId::new(shard, index), before);
            }
            guard.remove(hash, index)
        });
        let index = guard.insert(hash, new_entry);
        write::arm(&mut guard, &mut self.ledger.wheel, shard, index);
        let facts = guard.slot(index).map(Slot::facts);
        drop(guard);
        drop(replaced);
        self.ledger.record_change(&self.map, key, (None, facts), Some(SlotId::new(shard, index)));
    }

    /// Continue from this revision, after a snapshot was restored.
    pub(crate) fn resume_at(&mut self, revision: u64) {
        self.map.set_applied(revision);
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
        let pick = |slot: Slot<'_, T>| (slot.key().clone(), slot.entry());
        self.page((prefix, after, limit), now, |(key, _)| Key::clone(key), pick)
    }

    pub(crate) fn weigh_change(&self, change: &mut Change<T>) {
        change.weight = self.weigher.weigh(change.elements()).unwrap_or(0);
    }
}
