//! The ledger: what the state keeps about all keys together. Their number, their order, and their deadlines.

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
    /// The number of tokens at which the next sweep starts: twice as many as the last one left.
    sweep_from: usize,
}

impl Ledger {
    pub(super) fn new(origin: Timestamp) -> Self {
        let (wheel, index) = (Wheel::new(origin), Index::default());
        Self { totals: Totals::default(), expired: 0, wheel, index, sweep_from: 0 }
    }

    /// Record that a key was created, removed or changed, from `before` to `after`.
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
        // Deadlines that move earlier leave stale tokens behind, and so do keys that are removed before their deadline.
        // Those that fire late would stay for days. A sweep keeps only tokens of occupied cells, so the distance to
        // the next sweep is proportional to the number of entries.
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

    /// Record that a key was removed. The caller may hold a lock.
    pub(super) fn record_removal(&mut self, key: &Key, id: SlotId, before: Facts) {
        self.totals.replace(Some(before), None);
        self.index.remove(key, id);
    }
}
