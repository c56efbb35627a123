//! What the state keeps about all keys together: how many, in which order, and when to look at them.

use super::index::Index;
use super::map::{Map, SlotId};
use crate::model::decide::{Facts, Totals};
use crate::model::{Key, Timestamp};
use crate::state::wheel::{Armed, Wheel};

pub(super) struct Ledger {
    pub(super) totals: Totals,
    /// Entries that have expired, by the timer or by a write to an overdue key.
    pub(super) expired: u64,
    pub(super) wheel: Wheel,
    pub(super) index: Index,
    /// How many tokens there may be before the next sweep: twice what the last one left.
    sweep_from: usize,
}

impl Ledger {
    pub(super) fn new(origin: Timestamp) -> Self {
        let (wheel, index) = (Wheel::new(origin), Index::default());
        Self { totals: Totals::default(), expired: 0, wheel, index, sweep_from: 0 }
    }

    /// A key came, went or changed, from `before` to `after`.
    pub(super) fn settle<T>(
        &mut self,
        map: &Map<T>,
        key: &Key,
        (before, after): (Option<Facts>, Option<Facts>),
        place: Option<SlotId>,
    ) {
        self.totals.replace(before, after);
        if let Some(place) = place {
            match (before, after) {
                (None, Some(_)) => self.index.insert(map, key, place),
                (Some(_), None) => self.index.remove(key, place),
                _ => {}
            }
        }
        // Deadlines that move earlier leave stale tokens behind, and so do keys that go before theirs;
        // far ones would stay for days. What stays has an entry, so that the next sweep is as far away
        // as the store is large.
        let many = (4_096 + 4 * self.totals.entries).max(self.sweep_from);
        if self.wheel.is_sweeping() || self.wheel.len() > many {
            self.wheel.sweep_some(|place| {
                let place = SlotId::of(place);
                let mut shard = map.write(place.shard());
                let armed = shard.armed(place.index());
                if shard.slot(place.index()).is_some() {
                    return armed;
                }
                shard.arm(place.index(), Armed::NO);
                Armed::NO
            });
            if !self.wheel.is_sweeping() {
                self.sweep_from = 2 * self.wheel.len();
            }
        }
    }

    /// A key went. The caller may hold a lock.
    pub(super) fn lose(&mut self, key: &Key, place: SlotId, before: Facts) {
        self.totals.replace(Some(before), None);
        self.index.remove(key, place);
    }
}
