//! The keys in order, for `keys` and `scan`.
//!
//! It costs some 350 ns and 47 bytes for each key that comes or goes, so it is built only when the
//! first scan asks for it, in slices between the turns.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::map::{Map, SHARDS};
use crate::Key;

/// Places of the map that are looked at in one slice: about 1 ms of work.
const SLICE: u32 = 1_024;

#[derive(Debug, Default)]
pub(super) enum Index {
    /// Nobody has scanned yet.
    #[default]
    None,
    /// Everything before this place of the map is in; so is every key that came since.
    Building {
        keys: BTreeSet<Key>,
        shard: usize,
        next: u32,
    },
    Ready(BTreeSet<Key>),
}

impl Index {
    pub(super) fn insert(&mut self, key: &Key) {
        if let Self::Building { keys, .. } | Self::Ready(keys) = self {
            keys.insert(key.clone());
        }
    }

    pub(super) fn remove(&mut self, key: &str) {
        if let Self::Building { keys, .. } | Self::Ready(keys) = self {
            keys.remove(key);
        }
    }

    /// Every key went. What was built is empty now, and so is what was not yet looked at.
    pub(super) fn clear(&mut self) -> BTreeSet<Key> {
        match self {
            Self::None => BTreeSet::new(),
            Self::Building { keys, .. } | Self::Ready(keys) => {
                let old = std::mem::take(keys);
                *self = Self::Ready(BTreeSet::new());
                old
            }
        }
    }

    pub(super) fn start(&mut self) {
        if matches!(self, Self::None) {
            *self = Self::Building { keys: BTreeSet::new(), shard: 0, next: 0 };
        }
    }

    pub(super) fn is_building(&self) -> bool {
        matches!(self, Self::Building { .. })
    }

    pub(super) fn build_some<T>(&mut self, map: &Map<T>) {
        let Self::Building { keys, shard, next } = self else { return };
        let guard = map.read(*shard);
        let (slots, more) = guard.walk(*next, SLICE);
        keys.extend(slots.map(|slot| slot.key.clone()));
        match more {
            Some(more) => *next = more,
            None => (*shard, *next) = (*shard + 1, 0),
        }
        if *shard == SHARDS {
            *self = Self::Ready(std::mem::take(keys));
        }
    }

    /// The keys with a prefix, in order, after another key.
    pub(super) fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Key> {
        let keys = match self {
            Self::Ready(keys) => Some(keys),
            Self::None | Self::Building { .. } => None,
        };
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        keys.into_iter()
            .flat_map(move |keys| keys.range::<str, _>((start, Bound::Unbounded)))
            .take_while(move |key| key.starts_with(prefix))
    }
}
