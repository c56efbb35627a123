//! Slot ids in the order of their keys, without a copy of the keys.
//!
//! Leaves of sorted slot ids under a tree of the leaves' first keys. Each id is stored with eight bytes of
//! its key, those after the common prefix of the leaf, so that a search rarely reads
//! a key in the map, which is not in the cache. 13 bytes a key instead of the 39 of a
//! `BTreeSet<Key>`, and a scan finds its entries without hashing.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Bound;

use crate::model::Key;

/// The maximum number of entries of a leaf.
const LEAF: usize = 256;

/// A leaf with fewer entries is merged with its neighbour, if both together are not large.
const SMALL: usize = LEAF / 4;

/// The maximum number of unused entries in the allocation of a leaf.
const STEP: usize = 32;

/// After so many insertions that had to read keys, the common prefix of a leaf is computed again.
const TIES: u8 = 16;

/// Access to the keys.
pub(super) trait KeySource {
    /// Read the key of a slot.
    fn with_key<R>(&self, id: u32, read: impl FnOnce(&str) -> R) -> R;
}

#[derive(Debug, Default)]
pub(super) struct Order {
    /// By a key that is not greater than any in the leaf, and greater than all in earlier leaves.
    leaves: BTreeMap<Key, Leaf>,
}

#[derive(Debug, Default)]
struct Leaf {
    entries: Vec<LeafEntry>,
    /// The length of the common prefix of all keys and the key of the leaf, in bytes.
    skip: u16,
    ties: u8,
}

/// Twelve bytes: aligned to four.
#[derive(Clone, Copy, Debug)]
struct LeafEntry {
    head: [u32; 2],
    id: u32,
}

impl LeafEntry {
    fn new(key: &str, skip: u16, id: u32) -> Self {
        let head = head(key, skip);
        Self { head: [(head >> 32) as u32, head as u32], id }
    }

    fn head(&self) -> u64 {
        u64::from(self.head[0]) << 32 | u64::from(self.head[1])
    }
}

/// The eight bytes after the first `skip`, so that heads are ordered as keys are. Keys with the same head may
/// differ.
fn head(key: &str, skip: u16) -> u64 {
    let rest = key.as_bytes().get(skip.into()..).unwrap_or_default();
    match rest.first_chunk() {
        Some(chunk) => u64::from_be_bytes(*chunk),
        None => {
            let mut bytes = [0; 8];
            bytes[..rest.len()].copy_from_slice(rest);
            u64::from_be_bytes(bytes)
        }
    }
}

fn common(one: &str, other: &str) -> u16 {
    std::iter::zip(one.bytes(), other.bytes()).take_while(|(a, b)| a == b).count() as u16
}

impl Leaf {
    /// The position of a key, or where to insert it. `tie` compares keys with the same head.
    fn position(&self, key: &str, mut tie: impl FnMut(u32) -> Ordering) -> usize {
        let head = head(key, self.skip);
        self.entries.partition_point(|entry| match entry.head().cmp(&head) {
            Ordering::Equal => tie(entry.id) == Ordering::Less,
            order => order == Ordering::Less,
        })
    }

    fn insert(&mut self, at: usize, entry: LeafEntry) {
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(self.entries.len().clamp(1, STEP));
        }
        self.entries.insert(at, entry);
    }

    /// Change the length of the common prefix, because of a key with a shorter one,
    /// or because the heads distinguish too few keys.
    fn skip(&mut self, skip: u16, keys: &impl KeySource) {
        self.skip = skip;
        for entry in &mut self.entries {
            *entry = keys.with_key(entry.id, |key| LeafEntry::new(key, skip, entry.id));
        }
    }

    /// Extend the common prefix, if possible, so that the heads distinguish more keys.
    fn tighten(&mut self, leaf_key: &str, keys: &impl KeySource) {
        self.ties = 0;
        if let Some(last) = self.entries.last() {
            let skip = keys.with_key(last.id, |last| common(leaf_key, last));
            if skip > self.skip {
                self.skip(skip, keys);
            }
        }
    }

    /// Split a full leaf: at the end if the last key was appended, otherwise in the middle.
    fn split(&mut self, inserted: usize) -> Self {
        let appended = inserted + 1 == self.entries.len();
        let at = if appended { inserted } else { self.entries.len() / 2 };
        let entries = self.entries.split_off(at);
        if !appended {
            self.entries.shrink_to(at + STEP);
        }
        Self { entries, skip: self.skip, ties: 0 }
    }
}

impl Order {
    /// Insert a key, unless it is already in the order.
    pub(super) fn insert(&mut self, key: &Key, id: u32, keys: &impl KeySource) {
        let below = (Bound::Unbounded, Bound::Included(key));
        let Some((leaf_key, leaf)) = self.leaves.range_mut::<Key, _>(below).next_back() else {
            return self.insert_first(key, id, keys);
        };
        let shared = common(leaf_key, key);
        if shared < leaf.skip {
            leaf.skip(shared, keys);
        }
        let mut tied = false;
        let at = leaf.position(key, |other| {
            tied = true;
            keys.with_key(other, |other| other.cmp(key))
        });
        if leaf.entries.get(at).is_some_and(|entry| entry.id == id) {
            return;
        }
        leaf.insert(at, LeafEntry::new(key, leaf.skip, id));
        leaf.ties += u8::from(tied);
        if leaf.ties >= TIES {
            leaf.tighten(leaf_key, keys);
        }
        if leaf.entries.len() > LEAF {
            let next = leaf.split(at);
            let first =
                next.entries.first().map(|first| keys.with_key(first.id, |key| Key::from(key)));
            if let Some(first) = first {
                self.leaves.insert(first, next);
            }
        }
    }

    /// Insert a key that is less than all others.
    fn insert_first(&mut self, key: &Key, id: u32, keys: &impl KeySource) {
        let first = self.leaves.first_entry();
        let full = first.as_ref().is_none_or(|leaf| leaf.get().entries.len() >= LEAF);
        let mut leaf = match first {
            Some(first) if !full => {
                let shared = common(first.key(), key);
                let mut leaf = first.remove();
                if shared < leaf.skip {
                    leaf.skip(shared, keys);
                }
                leaf
            }
            _ => Leaf::default(),
        };
        leaf.insert(0, LeafEntry::new(key, leaf.skip, id));
        self.leaves.insert(key.clone(), leaf);
    }

    /// Remove a key, which does not have to be in the map any more. Reads no other key.
    pub(super) fn remove(&mut self, key: &Key, id: u32) {
        let below = (Bound::Unbounded, Bound::Included(key));
        let Some((leaf_key, leaf)) = self.leaves.range_mut::<Key, _>(below).next_back() else {
            return;
        };
        if common(leaf_key, key) < leaf.skip {
            return;
        }
        let head = head(key, leaf.skip);
        let start = leaf.position(key, |_| Ordering::Greater);
        let mut same = leaf.entries[start..].iter().take_while(|entry| entry.head() == head);
        let Some(at) = same.position(|entry| entry.id == id) else { return };
        leaf.entries.remove(start + at);
        if leaf.entries.len() < SMALL {
            let leaf_key = leaf_key.clone();
            self.merge(&leaf_key);
        }
    }

    /// Remove an empty leaf, or merge a small one with a neighbour.
    fn merge(&mut self, leaf_key: &Key) {
        if self.leaves.get(leaf_key).is_some_and(|leaf| leaf.entries.is_empty()) {
            self.leaves.remove(leaf_key);
        } else if !self.merge_next(leaf_key) {
            let before = (Bound::Unbounded, Bound::Excluded(leaf_key));
            let previous = self.leaves.range::<Key, _>(before).next_back();
            if let Some(previous) = previous.map(|(previous, _)| previous.clone()) {
                self.merge_next(&previous);
            }
        }
    }

    /// Merge a leaf with the next one, if both together are not large, and no key has to be
    /// read for it.
    fn merge_next(&mut self, leaf_key: &Key) -> bool {
        let from = (Bound::Included(leaf_key), Bound::Unbounded);
        let mut leaves = self.leaves.range::<Key, _>(from);
        let (Some((_, leaf)), Some((next, other))) = (leaves.next(), leaves.next()) else {
            return false;
        };
        let fits = leaf.entries.len() + other.entries.len() <= LEAF - SMALL;
        if !fits || leaf.skip != other.skip || common(leaf_key, next) < leaf.skip {
            return false;
        }
        let next = next.clone();
        if let Some(other) = self.leaves.remove(&next)
            && let Some(leaf) = self.leaves.get_mut(leaf_key)
        {
            leaf.entries.reserve_exact(other.entries.len());
            leaf.entries.extend(other.entries);
        }
        true
    }

    /// The slot ids from a key on, or after it, in key order.
    pub(super) fn range(
        &self,
        start: Bound<&str>,
        keys: &impl KeySource,
    ) -> impl Iterator<Item = u32> {
        let (key, tie) = match start {
            Bound::Included(key) => (key, Ordering::Less),
            Bound::Excluded(key) => (key, Ordering::Equal),
            Bound::Unbounded => ("", Ordering::Less),
        };
        let below = (Bound::Unbounded, Bound::Included(key));
        let found = self.leaves.range::<str, _>(below).next_back();
        let first = found.map_or(&[][..], |(leaf_key, leaf)| {
            // A key with a shorter common prefix is greater than all keys of the leaf, because it is not less.
            let at = if common(leaf_key, key) < leaf.skip {
                leaf.entries.len()
            } else {
                // `tie` is the greatest order that is still before the start.
                leaf.position(key, |id| match keys.with_key(id, |other| other.cmp(key)) {
                    order if order <= tie => Ordering::Less,
                    order => order,
                })
            };
            &leaf.entries[at..]
        });
        let after = match found {
            Some((leaf_key, _)) => Bound::Excluded(leaf_key),
            None => Bound::Unbounded,
        };
        let rest = self.leaves.range::<Key, _>((after, Bound::Unbounded));
        first.iter().chain(rest.flat_map(|(_, leaf)| &leaf.entries)).map(|entry| entry.id)
    }

    /// Drop some leaves. Returns whether there are more.
    pub(super) fn drop_some(&mut self) -> bool {
        for _ in 0..64 {
            self.leaves.pop_first();
        }
        !self.leaves.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Keys by their id.
    impl KeySource for Vec<Key> {
        fn with_key<R>(&self, id: u32, read: impl FnOnce(&str) -> R) -> R {
            read(&self[id as usize])
        }
    }

    fn keys_from(order: &Order, keys: &Vec<Key>, start: Bound<&str>) -> Vec<String> {
        order.range(start, keys).map(|id| keys[id as usize].to_string()).collect()
    }

    fn entries(order: &Order) -> usize {
        order.leaves.values().map(|leaf| leaf.entries.len()).sum()
    }

    #[test]
    fn leaf_entry_is_12_bytes() {
        assert_eq!(size_of::<LeafEntry>(), 12);
    }

    #[test]
    fn ascending_and_descending_keys_fill_their_leaves() {
        let keys: Vec<Key> = (0..5_000).map(|n| format!("key:{n:012}").into()).collect();
        let mut order = Order::default();
        for (id, key) in (0..).zip(&keys) {
            order.insert(key, id, &keys);
        }
        assert_eq!((order.leaves.len(), entries(&order)), (5_000_usize.div_ceil(LEAF), 5_000));
        assert!(order.range(Bound::Unbounded, &keys).eq(0..5_000));
        // And so do descending ones.
        let mut order = Order::default();
        for (id, key) in (0..5_000).zip(&keys).rev() {
            order.insert(key, id, &keys);
        }
        assert_eq!((order.leaves.len(), entries(&order)), (5_000_usize.div_ceil(LEAF), 5_000));
        assert!(order.range(Bound::Unbounded, &keys).eq(0..5_000));
    }

    #[test]
    fn nearly_empty_leaves_are_merged() {
        let keys: Vec<Key> =
            (0..10_000_u64).map(|n| format!("{:08x}", n * 429_497).into()).collect();
        let mut order = Order::default();
        for (id, key) in (0..).zip(&keys) {
            order.insert(key, id, &keys);
        }
        for (id, key) in (0..).zip(&keys).filter(|(id, _)| id % 50 != 0) {
            order.remove(key, id);
        }
        assert_eq!(entries(&order), 200);
        assert!(order.leaves.len() <= 6, "{}", order.leaves.len());
        assert!(order.range(Bound::Unbounded, &keys).eq((0..10_000).step_by(50)));
        let mut slices = 1;
        while order.drop_some() {
            slices += 1;
        }
        assert_eq!(slices, 1);
    }

    /// Few different keys, which are prefixes of each other, or have long common prefixes.
    fn any_key() -> impl Strategy<Value = String> {
        let letter = prop::sample::select(vec!["a", "b", "\0", "aaaaaaaa", "key:", "é"]);
        prop::collection::vec(letter, 1..7).prop_map(|letters| letters.concat())
    }

    proptest! {
        #[test]
        fn order_equals_a_sorted_set(
            steps in prop::collection::vec((any_key(), 0_u8..10), 1..1_500),
            starts in prop::collection::vec(any_key(), 20),
        ) {
            let (mut order, mut model) = (Order::default(), BTreeSet::new());
            let mut keys: Vec<Key> = Vec::new();
            let mut ids: BTreeMap<String, u32> = BTreeMap::new();
            for (key, choice) in steps {
                let next = ids.len() as u32;
                let id = *ids.entry(key.clone()).or_insert(next);
                if id == next {
                    keys.push(key.as_str().into());
                }
                if choice < 7 {
                    order.insert(&key.as_str().into(), id, &keys);
                    model.insert(key);
                } else {
                    order.remove(&key.as_str().into(), id);
                    model.remove(&key);
                }
            }
            prop_assert_eq!(entries(&order), model.len());
            for start in starts.iter().chain(model.iter().step_by(7)) {
                for bound in [Bound::Included(start.as_str()), Bound::Excluded(start.as_str())] {
                    let expected: Vec<_> = model.range::<str, _>((bound, Bound::Unbounded)).collect();
                    let found = keys_from(&order, &keys, bound);
                    prop_assert!(found.iter().eq(expected), "from {bound:?}: {found:?}");
                }
            }
            for leaf in order.leaves.values() {
                prop_assert!(leaf.entries.len() <= LEAF);
            }
        }
    }
}
