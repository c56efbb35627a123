//! The map: shards behind one lock each, which any thread can read.
//!
//! Only [`State`](super::State) can write to it, because the method that takes a write lock is private to the parent
//! module.
//!
//! Memory ordering: the contents of a shard are synchronized by its lock. `applied` is the one value that is read
//! outside of the locks, by the walk of a snapshot. The owner stores it *before* it releases the write lock of a
//! change, so a reader that has seen the change under the read lock also sees a revision at least as large: the lock
//! orders the two, and `Release` and `Acquire` keep the order for readers that see the value first. The walk relies on
//! that: it reads a part, then `applied`, and then waits until the feed has reached that revision.

use std::fmt;
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::shard::Shard;
use super::slot::Slot;
use super::table::{INDEX_BITS, MAX_CELLS};
use crate::model::{Entry, Error, Slice, Timestamp};

/// The number of shards. Enough to keep a shard small, so that its table grows in microseconds, and few cells are
/// vacant.
pub(crate) const SHARDS: usize = 1 << SHARD_BITS;
const SHARD_BITS: u32 = 10;

/// A lock and its shard, in one cache line, so that readers of different shards do not slow each other down.
#[repr(align(64))]
struct LockedShard<T>(RwLock<Shard<T>>);

/// The position of an entry: the number of its shard, and the index of its cell there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotId(u32);

impl SlotId {
    pub(super) fn new(shard: usize, index: u32) -> Self {
        Self((shard as u32) << INDEX_BITS | index)
    }

    pub(super) fn of(number: u32) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }

    pub(super) fn shard(self) -> usize {
        (self.0 >> INDEX_BITS) as usize
    }

    pub(super) fn index(self) -> u32 {
        self.0 & (MAX_CELLS - 1)
    }
}

const _: () = assert!(SHARD_BITS + INDEX_BITS == u32::BITS);

pub(crate) struct Map<T> {
    shards: Box<[LockedShard<T>]>,
    hasher: RandomState,
    /// No change after this revision has been applied yet. Stored before a change is applied.
    applied: AtomicU64,
}

impl<T> fmt::Debug for Map<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").finish_non_exhaustive()
    }
}

impl<T> Map<T> {
    pub(super) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| LockedShard(RwLock::default())).collect();
        Self { shards, hasher: RandomState::default(), applied: AtomicU64::new(0) }
    }

    pub(crate) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The shard of a hash: its top bits, which the table of the shard does not use.
    pub(crate) fn shard_of(hash: u64) -> usize {
        (hash >> (u64::BITS - SHARD_BITS)) as usize
    }

    pub(crate) fn read(&self, shard: usize) -> RwLockReadGuard<'_, Shard<T>> {
        self.shards[shard].0.read()
    }

    pub(super) fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Shard<T>> {
        self.shards[shard].0.write()
    }

    /// An upper bound of the revisions that a reader may have seen.
    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(super) fn set_applied(&self, revision: u64) {
        self.applied.store(revision, Ordering::Release);
    }

    pub(crate) fn contains(&self, hash: u64, key: &str, now: Timestamp) -> bool {
        self.revision(hash, key, now).is_some()
    }

    /// The revision of the last change to a key that is present.
    pub(crate) fn revision(&self, hash: u64, key: &str, now: Timestamp) -> Option<u64> {
        let shard = self.read(Self::shard_of(hash));
        shard.get(hash, key).filter(|slot| !slot.is_expired(now)).map(Slot::revision)
    }

    pub(crate) fn len(&self, hash: u64, key: &str, now: Timestamp) -> Result<Option<usize>, Error> {
        self.with_list(hash, key, now, |list, _| list.len())
    }

    /// Read a list and its revision under the lock. `None` if the key is absent; an item is an error.
    fn with_list<R>(
        &self,
        hash: u64,
        key: &str,
        now: Timestamp,
        read: impl FnOnce(&std::collections::VecDeque<T>, u64) -> R,
    ) -> Result<Option<R>, Error> {
        let shard = self.read(Self::shard_of(hash));
        match shard.get(hash, key).filter(|slot| !slot.is_expired(now)) {
            None => Ok(None),
            Some(slot) => {
                let list = slot.list().ok_or(Error::WrongKind)?;
                Ok(Some(read(list, slot.revision())))
            }
        }
    }
}

impl<T: Clone> Map<T> {
    pub(crate) fn get(&self, hash: u64, key: &str, now: Timestamp) -> Option<Entry<T>> {
        let shard = self.read(Self::shard_of(hash));
        shard.get(hash, key).filter(|slot| !slot.is_expired(now)).map(Slot::entry)
    }

    pub(crate) fn last(&self, hash: u64, key: &str, now: Timestamp) -> Result<Option<T>, Error> {
        Ok(self.with_list(hash, key, now, |list, _| list.back().cloned())?.flatten())
    }

    /// Elements from `offset` (negative: from the end), at most `limit`.
    pub(crate) fn range(
        &self,
        hash: u64,
        key: &str,
        now: Timestamp,
        window: (isize, usize),
    ) -> Result<Option<Vec<T>>, Error> {
        Ok(self.slice(hash, key, now, window)?.map(|slice| slice.elements))
    }

    /// The same with the length and the revision of the list.
    pub(crate) fn slice(
        &self,
        hash: u64,
        key: &str,
        now: Timestamp,
        (offset, limit): (isize, usize),
    ) -> Result<Option<Slice<T>>, Error> {
        self.with_list(hash, key, now, |list, revision| {
            let length = list.len();
            let elements = list.range(window(length, offset, limit)).cloned().collect();
            Slice { elements, length, revision }
        })
    }
}

/// The range of a list of this length for an offset and a limit.
fn window(length: usize, offset: isize, limit: usize) -> Range<usize> {
    let start = match usize::try_from(offset) {
        Ok(from_front) => from_front.min(length),
        Err(_) => length.saturating_sub(offset.unsigned_abs()),
    };
    start..start.saturating_add(limit).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shard_with_its_lock_is_one_cache_line() {
        assert_eq!(size_of::<LockedShard<String>>(), 64);
    }

    #[test]
    fn slot_id_converts_to_a_number_and_back() {
        let id = SlotId::new(SHARDS - 1, MAX_CELLS - 1);
        assert_eq!(id.number(), u32::MAX);
        assert_eq!((id.shard(), id.index()), (SHARDS - 1, MAX_CELLS - 1));
        assert_eq!(SlotId::of(id.number()), id);
    }

    #[test]
    fn window_is_inside_the_list() {
        assert_eq!(window(5, 0, usize::MAX), 0..5);
        assert_eq!(window(5, 1, 2), 1..3);
        assert_eq!(window(5, 9, 2), 5..5);
        assert_eq!(window(5, -2, 10), 3..5);
        assert_eq!(window(5, -9, 2), 0..2);
        assert_eq!(window(5, isize::MIN, 1), 0..1);
    }
}
