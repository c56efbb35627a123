//! What the state keeps about all keys together: how many, in which order, and when to look at them.

use super::index::Index;
use super::map::Map;
use crate::decide::{Facts, Totals};
use crate::expiry::{Token, Wheel};
use crate::{Key, Timestamp};

pub(super) struct Ledger {
    pub(super) totals: Totals,
    /// Entries that have expired, whoever noticed.
    pub(super) expired: u64,
    pub(super) wheel: Wheel,
    pub(super) index: Index,
}

impl Ledger {
    pub(super) fn new(origin: Timestamp) -> Self {
        let (wheel, index) = (Wheel::new(origin), Index::default());
        Self { totals: Totals::default(), expired: 0, wheel, index }
    }

    /// A key came, went or changed, from `before` to `after`; the wheel may need a token for it.
    pub(super) fn settle<T>(
        &mut self,
        map: &Map<T>,
        key: &Key,
        (before, after): (Option<Facts>, Option<Facts>),
        token: Option<Token>,
    ) {
        self.count(key, before, after);
        if let Some(token) = token {
            self.wheel.insert(token);
            // Deadlines that move earlier leave stale tokens behind, and so do keys that go before
            // theirs; far ones would stay for years. What stays has an entry, so that the next sweep
            // is as far away as the store is large.
            if self.wheel.len() > 4_096 + 4 * self.totals.entries {
                self.wheel.retain(|token| {
                    let mut shard = map.write(token.shard.into());
                    let armed = shard.armed(token.index) == Some(token.at);
                    let vacant = shard.slot(token.index).is_none();
                    if armed && vacant {
                        shard.arm(token.index, None);
                    }
                    armed && !vacant
                });
            }
        }
    }

    pub(super) fn count(&mut self, key: &Key, before: Option<Facts>, after: Option<Facts>) {
        self.totals.replace(before, after);
        match (before, after) {
            (None, Some(_)) => self.index.insert(key),
            (Some(_), None) => self.index.remove(key),
            _ => {}
        }
    }
}
