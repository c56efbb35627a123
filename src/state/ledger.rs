//! What the state keeps about all keys together: how many, in which order, and when to look at them.

use super::index::Index;
use super::map::{Map, SlotId};
use crate::model::decide::{Facts, Totals};
use crate::model::{Key, Timestamp};
use crate::state::wheel::{TokenTick, Wheel};

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
    pub(super) fn record_change<T>(
        &mut self,
        map: &Map<T>,
        key: &Key,
        (before, after): (Option<Facts>, Option<Facts>),
        id: Option<SlotId>,
    ) {
        self.totals.replace(before, after);
        if let Some(id) = id {
            match (before, after) {
                (None, Some(_)) => self.index.insert(map, key, id),
                (Some(_), None) => self.index.remove(key, id),
                _ => {}
            }
        }
        // Deadlines that move earlier leave stale tokens behind, and so do keys that go before theirs;
        // far ones would stay for days. What stays has an entry, so that the next sweep is as far away
        // as the store is large.
        let many = (4_096 + 4 * self.totals.entries).max(self.sweep_from);
        if self.wheel.is_sweeping() || self.wheel.len() > many {
            self.wheel.sweep_some(|id| {
                let id = SlotId::of(id);
                let mut shard = map.write(id.shard());
                let token_tick = shard.token_tick(id.index());
                if shard.slot(id.index()).is_some() {
                    return token_tick;
                }
                shard.set_token_tick(id.index(), TokenTick::NONE);
                TokenTick::NONE
            });
            if !self.wheel.is_sweeping() {
                self.sweep_from = 2 * self.wheel.len();
            }
        }
    }

    /// A key went. The caller may hold a lock.
    pub(super) fn record_removal(&mut self, key: &Key, id: SlotId, before: Facts) {
        self.totals.replace(Some(before), None);
        self.index.remove(key, id);
    }
}
