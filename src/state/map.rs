//! The shards, and the reads that everybody may do on them.
//!
//! Anyone may hold a `Map`; only [`State`](super::State) can write to it, because the method that
//! takes a write lock is private to this module's parent, and only the owner has the state.

use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::shard::Shard;
use crate::{Entry, Error, Timestamp};

/// One lock each. 64 cost a reader 100 ns and the writer 175 ns with both at full speed.
pub(crate) const SHARDS: usize = 64;

pub(crate) struct Map<T> {
    shards: Box<[RwLock<Shard<T>>]>,
    hasher: RandomState,
    /// No change after this revision is in the map yet: stored before a change is applied.
    applied: AtomicU64,
}

impl<T> Map<T> {
    pub(super) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| RwLock::default()).collect();
        Self { shards, hasher: RandomState::default(), applied: AtomicU64::new(0) }
    }

    pub(crate) fn hash(&self, key: &str) -> u64 {
        self.hasher.hash_one(key)
    }

    /// The shard of a hash: its top bits, which the shard's own table does not use.
    pub(crate) fn shard_of(hash: u64) -> usize {
        (hash >> (u64::BITS - SHARDS.trailing_zeros())) as usize
    }

    pub(crate) fn read(&self, shard: usize) -> RwLockReadGuard<'_, Shard<T>> {
        self.shards[shard].read()
    }

    pub(super) fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Shard<T>> {
        self.shards[shard].write()
    }

    /// An upper bound of what a reader may have seen.
    pub(crate) fn applied(&self) -> u64 {
        self.applied.load(Ordering::Acquire)
    }

    pub(super) fn announce(&self, revision: u64) {
        self.applied.store(revision, Ordering::Release);
    }

    pub(crate) fn contains(&self, hash: u64, key: &str, now: Timestamp) -> bool {
        self.revision(hash, key, now).is_some()
    }

    /// The revision of the last change to a key that is present.
    pub(crate) fn revision(&self, hash: u64, key: &str, now: Timestamp) -> Option<u64> {
        let shard = self.read(Self::shard_of(hash));
        shard.get(hash, key).filter(|slot| !slot.is_over(now)).map(|slot| slot.revision)
    }

    pub(crate) fn len(&self, hash: u64, key: &str, now: Timestamp) -> Result<Option<usize>, Error> {
        self.with_list(hash, key, now, std::collections::VecDeque::len)
    }

    /// Look at a list under the lock; absent is `None`, an item is an error.
    fn with_list<R>(
        &self,
        hash: u64,
        key: &str,
        now: Timestamp,
        look: impl FnOnce(&std::collections::VecDeque<T>) -> R,
    ) -> Result<Option<R>, Error> {
        let shard = self.read(Self::shard_of(hash));
        match shard.get(hash, key).filter(|slot| !slot.is_over(now)) {
            None => Ok(None),
            Some(slot) => slot.list().map(look).map(Some).ok_or(Error::WrongKind),
        }
    }
}

impl<T: Clone> Map<T> {
    pub(crate) fn get(&self, hash: u64, key: &str, now: Timestamp) -> Option<Entry<T>> {
        let shard = self.read(Self::shard_of(hash));
        shard.get(hash, key).filter(|slot| !slot.is_over(now)).map(super::slot::Slot::entry)
    }

    pub(crate) fn last(&self, hash: u64, key: &str, now: Timestamp) -> Result<Option<T>, Error> {
        Ok(self.with_list(hash, key, now, |list| list.back().cloned())?.flatten())
    }

    /// Elements from `offset` (negative: from the end), at most `limit`.
    pub(crate) fn range(
        &self,
        hash: u64,
        key: &str,
        now: Timestamp,
        (offset, limit): (isize, usize),
    ) -> Result<Option<Vec<T>>, Error> {
        self.with_list(hash, key, now, |list| {
            list.range(window(list.len(), offset, limit)).cloned().collect()
        })
    }
}

/// The part of a list of this length that an offset and a limit name.
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
    fn windows_stay_inside_the_list() {
        assert_eq!(window(5, 0, usize::MAX), 0..5);
        assert_eq!(window(5, 1, 2), 1..3);
        assert_eq!(window(5, 9, 2), 5..5);
        assert_eq!(window(5, -2, 10), 3..5);
        assert_eq!(window(5, -9, 2), 0..2);
        assert_eq!(window(5, isize::MIN, 1), 0..1);
    }
}
