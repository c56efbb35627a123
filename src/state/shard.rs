//! One shard of the map: a chunked slab of slots under a table of indices.
//!
//! The slab never moves a slot and the table holds eight bytes a key, so that growing is cheap; both
//! were measured against slots inside the table, which cost up to three times the memory.

use hashbrown::HashTable;

use super::slot::{Displaced, Payload, Slot, Stamp, Stored};
use crate::decide::Effect;
use crate::{Key, Timestamp};

/// Slots in a chunk of the slab.
const CHUNK: usize = 256;

#[derive(Debug)]
pub(crate) struct Shard<T> {
    table: HashTable<Bucket>,
    chunks: Vec<Vec<Cell<T>>>,
    /// Vacant cells.
    free: Vec<u32>,
}

/// A key in the table: its hash, so that growing the table looks at no slot, and its place.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    hash: u32,
    index: u32,
}

/// A place in the slab. When its token fires belongs to the place and not to the entry, so that
/// an entry that comes later finds the token of the one before it.
#[derive(Debug)]
struct Cell<T> {
    armed: Option<Timestamp>,
    slot: Option<Slot<T>>,
}

/// The table's hash, made of the half of the key's that did not choose the shard.
fn table_hash(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

impl<T> Default for Shard<T> {
    fn default() -> Self {
        Self { table: HashTable::new(), chunks: Vec::new(), free: Vec::new() }
    }
}

impl<T> Shard<T> {
    pub(crate) fn find(&self, hash: u64, key: &str) -> Option<u32> {
        let short = hash as u32;
        let same = |bucket: &Bucket| {
            bucket.hash == short && self.slot(bucket.index).is_some_and(|slot| slot.key == *key)
        };
        self.table.find(table_hash(short), same).map(|bucket| bucket.index)
    }

    pub(crate) fn get(&self, hash: u64, key: &str) -> Option<&Slot<T>> {
        self.slot(self.find(hash, key)?)
    }

    pub(crate) fn slot(&self, index: u32) -> Option<&Slot<T>> {
        self.cell(index)?.slot.as_ref()
    }

    /// The cells of the slab from `start`, as many as `limit`, and where to go on.
    pub(crate) fn walk(
        &self,
        start: u32,
        limit: u32,
    ) -> (impl Iterator<Item = &Slot<T>>, Option<u32>) {
        let end = start.saturating_add(limit).min(self.cells());
        let slots = (start..end).filter_map(|index| self.slot(index));
        (slots, (end < self.cells()).then_some(end))
    }

    pub(super) fn cells(&self) -> u32 {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len()) as u32
    }

    fn cell(&self, index: u32) -> Option<&Cell<T>> {
        self.chunks.get(index as usize / CHUNK)?.get(index as usize % CHUNK)
    }

    fn cell_mut(&mut self, index: u32) -> Option<&mut Cell<T>> {
        self.chunks.get_mut(index as usize / CHUNK)?.get_mut(index as usize % CHUNK)
    }

    /// Change a slot that is there.
    pub(super) fn place(
        &mut self,
        index: u32,
        effect: Effect,
        stamp: Stamp,
        payload: Payload<T>,
    ) -> Displaced<T> {
        match self.cell_mut(index).and_then(|cell| cell.slot.as_mut()) {
            Some(slot) => slot.place(effect, stamp, payload),
            None => Displaced::Nothing,
        }
    }

    /// Take some of the weight of a slot, which keeps that of its key. Says how much it was.
    pub(super) fn free(&mut self, index: u32, weight: u64) -> u64 {
        let slot = self.cell_mut(index).and_then(|cell| cell.slot.as_mut());
        slot.map_or(0, |slot| {
            let freed = weight.min(slot.weight - slot.key.len() as u64);
            slot.weight -= freed;
            freed
        })
    }

    pub(super) fn insert(&mut self, hash: u64, slot: Slot<T>) -> u32 {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                if self.chunks.last().is_none_or(|last| last.len() == CHUNK) {
                    self.chunks.push(Vec::new());
                }
                let index = self.cells();
                if let Some(last) = self.chunks.last_mut() {
                    last.push(Cell { armed: None, slot: None });
                }
                index
            }
        };
        if let Some(cell) = self.cell_mut(index) {
            cell.slot = Some(slot);
        }
        let bucket = Bucket { hash: hash as u32, index };
        self.table.insert_unique(table_hash(bucket.hash), bucket, |other| table_hash(other.hash));
        index
    }

    pub(super) fn remove(&mut self, hash: u64, index: u32) -> Displaced<T> {
        let short = hash as u32;
        if let Ok(found) = self.table.find_entry(table_hash(short), |bucket| bucket.index == index)
        {
            found.remove();
        }
        self.free.push(index);
        match self.cell_mut(index).and_then(|cell| cell.slot.take()) {
            Some(slot) => Displaced::Slot(slot),
            None => Displaced::Nothing,
        }
    }

    /// When the token of this place fires, if it has one.
    pub(super) fn armed(&self, index: u32) -> Option<Timestamp> {
        self.cell(index).and_then(|cell| cell.armed)
    }

    pub(super) fn arm(&mut self, index: u32, at: Option<Timestamp>) {
        if let Some(cell) = self.cell_mut(index) {
            cell.armed = at;
        }
    }

    /// Take some cells off the end of a shard that nobody uses any more, so that dropping a large
    /// one can be done in slices. Says whether anything is left.
    pub(super) fn drop_some(&mut self) -> bool {
        self.table = HashTable::new();
        self.free = Vec::new();
        drop(self.chunks.pop());
        !self.chunks.is_empty()
    }
}

impl<T> Slot<T> {
    pub(super) fn new(key: Key, stored: Stored<T>, stamp: Stamp, effect: &Effect) -> Self {
        let facts = effect.after(None, &key, stamp.revision);
        Self {
            stored,
            revision: stamp.revision,
            created_at: stamp.at,
            updated_at: stamp.at,
            expires_at: facts.and_then(|facts| facts.expires_at),
            weight: facts.map_or(0, |facts| facts.weight),
            key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(key: &str, value: u64) -> Slot<u64> {
        let stamp = Stamp { revision: value, at: Timestamp::from_nanos(1) };
        let effect = Effect::Set { list: None, expires_at: None, weight: 8 };
        Slot::new(key.into(), Stored::Item(value), stamp, &effect)
    }

    fn item(shard: &Shard<u64>, hash: u64, key: &str) -> Option<u64> {
        match shard.get(hash, key)?.stored {
            Stored::Item(item) => Some(item),
            Stored::List(_) => None,
        }
    }

    #[test]
    fn a_place_that_is_used_again_keeps_its_token() {
        let mut shard = Shard::default();
        let first = shard.insert(1, slot("a", 1));
        assert_eq!(shard.armed(first), None);
        let at = Timestamp::from_nanos(99);
        shard.arm(first, Some(at));
        shard.remove(1, first);
        assert_eq!((shard.armed(first), shard.slot(first).is_none()), (Some(at), true));
        let second = shard.insert(2, slot("b", 2));
        assert_eq!((second, shard.cells()), (first, 1));
        assert_eq!(shard.armed(second), Some(at), "the token is in the wheel all the same");
        assert_eq!((item(&shard, 1, "a"), item(&shard, 2, "b")), (None, Some(2)));
        shard.arm(second, None);
        assert_eq!(shard.armed(second), None);
    }

    #[test]
    fn it_grows_without_moving_anything() {
        let mut shard = Shard::default();
        let keys = 3 * CHUNK as u64 + 7;
        let key = |n: u64| format!("k{n}");
        for n in 0..keys {
            assert_eq!(u64::from(shard.insert(n, slot(&key(n), n))), n);
        }
        assert!((0..keys).all(|n| item(&shard, n, &key(n)) == Some(n)));
        let (slots, rest) = shard.walk(0, 300);
        assert_eq!((slots.count(), rest), (300, Some(300)));
        let (slots, rest) = shard.walk(700, 300);
        assert_eq!((slots.count() as u64, rest), (keys - 700, None));
        let mut slices = 1;
        while shard.drop_some() {
            slices += 1;
        }
        assert_eq!(slices, 4, "a chunk each");
        assert_eq!(item(&shard, 0, "k0"), None);
    }

    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let mut shard = Shard::default();
        // The table looks at the lower half of the hash only.
        let hashes = [7, 7, 7 | 1 << 40];
        let places = [("a", 1), ("b", 2), ("c", 3)];
        let places: Vec<_> = std::iter::zip(hashes, places)
            .map(|(hash, (key, value))| shard.insert(hash, slot(key, value)))
            .collect();
        let Displaced::Slot(removed) = shard.remove(7, places[1]) else { panic!("it was there") };
        assert_eq!(removed.key, "b");
        assert_eq!((item(&shard, 7, "a"), item(&shard, 7, "b")), (Some(1), None));
        assert_eq!(item(&shard, hashes[2], "c"), Some(3));
        let (left, _) = shard.walk(0, u32::MAX);
        assert_eq!(left.map(|slot| slot.revision).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(shard.insert(9, slot("d", 4)), places[1], "its place is free");
    }

    #[test]
    fn a_slot_keeps_the_weight_of_its_key() {
        let mut shard = Shard::default();
        let index = shard.insert(1, slot("key", 1));
        assert_eq!((shard.free(index, 5), shard.free(index, 5), shard.free(index, 5)), (5, 3, 0));
        assert_eq!(shard.slot(index).map(|slot| slot.weight), Some(3));
    }
}
