//! Shards: a slab of cells, and a table of their indexes by the hash of the key.

use super::slab::Slab;
use super::slot::{Cell, DisplacedValue, NewEntry, Payload, Slot, Stamp};
use super::table::Table;
use crate::model::decide::Effect;
use crate::state::wheel::TokenTick;

#[derive(Debug)]
pub(crate) struct Shard<T> {
    table: Table,
    slab: Slab<T>,
}

impl<T> Default for Shard<T> {
    fn default() -> Self {
        Self { table: Table::default(), slab: Slab::default() }
    }
}

impl<T> Shard<T> {
    pub(crate) fn find(&self, hash: u64, key: &str) -> Option<u32> {
        self.table.find(hash, |index| self.slot(index).is_some_and(|slot| slot.key() == key))
    }

    pub(crate) fn get(&self, hash: u64, key: &str) -> Option<Slot<'_, T>> {
        let mut found = None;
        self.table.find(hash, |index| {
            found = self.slot(index).filter(|slot| slot.key() == key);
            found.is_some()
        })?;
        found
    }

    pub(crate) fn slot(&self, index: u32) -> Option<Slot<'_, T>> {
        self.slab.get(index)?.slot()
    }

    /// At most `limit` cells of the slab from `start`, and the start of the next call.
    pub(crate) fn walk(
        &self,
        start: u32,
        limit: u32,
    ) -> (impl Iterator<Item = (u32, Slot<'_, T>)>, Option<u32>) {
        let end = start.saturating_add(limit).min(self.cells());
        let slots = (start..end).filter_map(|index| Some((index, self.slot(index)?)));
        (slots, (end < self.cells()).then_some(end))
    }

    pub(crate) fn cells(&self) -> u32 {
        self.slab.cells()
    }

    /// Change the entry of an occupied cell.
    pub(super) fn update(
        &mut self,
        index: u32,
        effect: Effect,
        stamp: Stamp,
        payload: Payload<T>,
    ) -> DisplacedValue<T> {
        match self.slab.get_mut(index) {
            Some(cell) => cell.update(effect, stamp, payload),
            None => DisplacedValue::Nothing,
        }
    }

    /// Reduce the weight of an entry, at most to that of its key. Returns the difference.
    pub(super) fn free(&mut self, index: u32, weight: u64) -> u64 {
        self.slab.get_mut(index).map_or(0, |cell| cell.free(weight))
    }

    pub(super) fn insert(&mut self, hash: u64, new_entry: NewEntry<T>) -> u32 {
        let entries = self.slab.occupied();
        let index = self.slab.allocate();
        if let Some(cell) = self.slab.get_mut(index) {
            cell.fill(new_entry);
        }
        self.table.insert(hash, index, entries);
        index
    }

    pub(super) fn remove(&mut self, hash: u64, index: u32) -> DisplacedValue<T> {
        self.table.remove(hash, index);
        let displaced = self.slab.get_mut(index).map_or(DisplacedValue::Nothing, Cell::empty);
        self.slab.release(index);
        displaced
    }

    /// When the token of this cell fires, if it has one.
    pub(super) fn token_tick(&self, index: u32) -> TokenTick {
        self.slab.get(index).map_or(TokenTick::NONE, |cell| cell.token_tick)
    }

    pub(super) fn set_token_tick(&mut self, index: u32, token_tick: TokenTick) {
        if let Some(cell) = self.slab.get_mut(index) {
            cell.token_tick = token_tick;
        }
    }

    /// Drop some cells of a shard that is not used any more, so that a large one is dropped in slices. Returns
    /// whether there are more.
    pub(super) fn drop_some(&mut self) -> bool {
        self.table = Table::default();
        self.slab.drop_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;
    use crate::state::slot::StoredValue;
    use crate::state::wheel::Wheel;

    /// Hashes that differ in the bits that a table uses.
    fn hash(n: u64) -> u64 {
        n << 20
    }

    fn slot(key: &str, value: u64) -> NewEntry<u64> {
        let stamp = Stamp { revision: value, at: Timestamp::from_nanos(1) };
        let effect = Effect::Set { list: None, expires_at: None, weight: 8 };
        NewEntry::new(key.into(), StoredValue::Item(value), stamp, &effect)
    }

    fn item(shard: &Shard<u64>, hash: u64, key: &str) -> Option<u64> {
        shard.get(hash, key)?.entry().item().copied()
    }

    #[test]
    fn reused_cell_keeps_its_token() {
        let mut shard = Shard::default();
        let first = shard.insert(hash(1), slot("a", 1));
        assert_eq!(shard.token_tick(first), TokenTick::NONE);
        let mut wheel = Wheel::new(Timestamp::from_nanos(1));
        let token_tick = wheel.arm(TokenTick::NONE, Timestamp::from_nanos(1 << 30), first);
        shard.set_token_tick(first, token_tick);
        shard.remove(hash(1), first);
        assert_eq!((shard.token_tick(first), shard.slot(first).is_none()), (token_tick, true));
        let second = shard.insert(hash(2), slot("b", 2));
        assert_eq!((second, shard.cells()), (first, 1));
        assert_eq!(shard.token_tick(second), token_tick, "the token is still in the wheel");
        assert_eq!((item(&shard, hash(1), "a"), item(&shard, hash(2), "b")), (None, Some(2)));
    }

    #[test]
    fn shard_grows_and_finds_all_keys() {
        let mut shard = Shard::default();
        let keys = 1_000;
        let key = |n: u64| format!("k{n}");
        for n in 0..keys {
            assert_eq!(u64::from(shard.insert(hash(n), slot(&key(n), n))), n);
        }
        assert!((0..keys).all(|n| item(&shard, hash(n), &key(n)) == Some(n)));
        let (slots, rest) = shard.walk(0, 300);
        assert_eq!((slots.count(), rest), (300, Some(300)));
        let (slots, rest) = shard.walk(900, 300);
        assert_eq!((slots.count() as u64, rest), (keys - 900, None));
        let mut slices = 1;
        while shard.drop_some() {
            slices += 1;
        }
        assert_eq!(slices, 16, "a chunk each");
        assert_eq!(item(&shard, hash(0), "k0"), None);
    }

    #[test]
    fn keys_with_the_same_hash_are_distinguished() {
        let mut shard = Shard::default();
        // The table uses only the middle bits of the hash.
        let hashes = [hash(7), hash(7), hash(7) | 1 << 60];
        let ids = [("a", 1), ("b", 2), ("c", 3)];
        let ids: Vec<_> = std::iter::zip(hashes, ids)
            .map(|(hash, (key, value))| shard.insert(hash, slot(key, value)))
            .collect();
        assert!(matches!(shard.remove(hash(7), ids[1]), DisplacedValue::Slot(_)));
        assert_eq!((item(&shard, hash(7), "a"), item(&shard, hash(7), "b")), (Some(1), None));
        assert_eq!(item(&shard, hashes[2], "c"), Some(3));
        let (left, _) = shard.walk(0, u32::MAX);
        assert_eq!(left.map(|(_, slot)| slot.revision()).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(shard.insert(hash(9), slot("d", 4)), ids[1], "its index is free");
    }
}
