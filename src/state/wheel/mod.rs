//! A lazy hierarchical timing wheel: which keys may be due.
//!
//! After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987), with 64 slots a
//! level as in the Linux kernel and tokio. It is lazy: the entry owns its deadline, and a token only
//! determines when to check the entry again. Moving a deadline later, or removing it, does not touch the wheel: when
//! the token fires, the entry is checked, and the token is armed for its current deadline. Ticks are 2^20 ns
//! (1.05 ms); seven levels reach 146 years.
//!
//! A token is four bytes: the id of its slot in the map. The tick in which it fires is stored
//! in the cell of that slot, as [`TokenTick`], and determines the position of the token in the wheel. A token at another
//! position is stale: it was replaced by one that fires earlier, and is dropped when it fires or is swept.

mod token_list;

use std::time::Duration;

use self::token_list::TokenList;
use crate::model::Timestamp;

const LEVELS: usize = 7;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const TICK_BITS: u32 = 20;

/// The maximum time from the deadline of a key until its token fires.
pub(crate) const TICK: Duration = Duration::from_nanos(1 << TICK_BITS);

const LAST_TICK: u64 = (1 << (SLOT_BITS * LEVELS as u32)) - 1;

/// No token fires later than this many ticks from now, 13 days, so that the low 31 bits of its tick
/// suffice. An entry whose deadline is further away is checked every 13 days.
const HORIZON: u64 = 1 << 30;

/// The tick in which the token of a cell fires, if it has one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TokenTick(u32);

impl TokenTick {
    pub(crate) const NONE: Self = Self(0);
    const FLAG: u32 = 1 << 31;

    fn at(tick: u64) -> Self {
        Self(tick as u32 | Self::FLAG)
    }
}

#[derive(Debug)]
pub(crate) struct Wheel {
    origin: Timestamp,
    /// Every slot that starts at or before this tick has been emptied.
    elapsed: u64,
    levels: Vec<Level>,
    /// The tokens that fire when the tick `elapsed` is over.
    soon: TokenList,
    /// The tokens that have fired and are not popped yet. They are from ticks before `fired_end`.
    fired: TokenList,
    fired_end: u64,
    len: usize,
    sweep: Option<Sweep>,
}

#[derive(Debug)]
struct Level {
    occupied: u64,
    slots: [TokenList; SLOTS],
}

/// The position of a sweep: the chunks of a slot are swept from the last to the first.
#[derive(Clone, Copy, Debug)]
struct Sweep {
    level: usize,
    slot: usize,
    chunks: usize,
}

impl Wheel {
    pub(crate) fn new(origin: Timestamp) -> Self {
        let level = || Level { occupied: 0, slots: std::array::from_fn(|_| TokenList::default()) };
        Self {
            origin,
            elapsed: 0,
            levels: (0..LEVELS).map(|_| level()).collect(),
            soon: TokenList::default(),
            fired: TokenList::default(),
            fired_end: 0,
            len: 0,
            sweep: None,
        }
    }

    /// The number of tokens, including stale ones.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Ensure that a token fires by the deadline of a cell. `token_tick` is the current tick of the cell; a token that
    /// fires earlier suffices. Returns the new tick of the cell.
    pub(crate) fn arm(&mut self, token_tick: TokenTick, deadline: Timestamp, id: u32) -> TokenTick {
        let tick = self.tick(deadline).clamp(self.elapsed, self.elapsed + HORIZON).min(LAST_TICK);
        let before = self.tick_of(token_tick);
        if before.is_some_and(|before| before <= tick) {
            return token_tick;
        }
        // A token in the same slot fires when that slot is opened, so it is kept.
        let current = before.map(|before| self.position(before));
        let position = self.position(tick);
        if current != Some(position) {
            self.len += 1;
            match position {
                None => self.soon.push(id),
                Some((level, slot)) => {
                    self.levels[level].slots[slot].push(id);
                    self.levels[level].occupied |= 1 << slot;
                }
            }
        }
        TokenTick::at(tick)
    }

    /// Whether the token of a cell, which fires in this tick, is among those that have fired.
    pub(crate) fn has_fired(&self, token_tick: TokenTick) -> bool {
        self.tick_of(token_tick).is_some_and(|tick| tick < self.fired_end)
    }

    /// The next token whose tick is over. It may be stale: see [`has_fired`](Self::has_fired).
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<u32> {
        let now = self.tick(now);
        self.pop_until(now.saturating_sub(1), now)
    }

    /// The next token whose tick has begun, for callers that need all due keys to the nanosecond.
    /// A token that is popped too early and armed again is not popped twice, until the next
    /// [`fire_current_tick`](Self::fire_current_tick).
    pub(crate) fn pop_early(&mut self, now: Timestamp) -> Option<u32> {
        let now = self.tick(now);
        self.pop_until(now, now)
    }

    /// Fire the tokens of the current tick now, although it is not over.
    pub(crate) fn fire_current_tick(&mut self) {
        if self.fired.is_empty() {
            self.fired_end = self.elapsed + 1;
        }
        while let Some(id) = self.soon.pop() {
            self.fired.push(id);
        }
    }

    fn pop_until(&mut self, last: u64, now: u64) -> Option<u32> {
        if self.fired.is_empty() {
            self.advance(last, now);
        }
        let id = self.fired.pop()?;
        self.len -= 1;
        Some(id)
    }

    /// When there may be a token to pop.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        let tick = if !self.fired.is_empty() {
            0
        } else if !self.soon.is_empty() {
            self.elapsed + 1
        } else {
            let (_, _, tick) = self.next_slot()?;
            tick + 1
        };
        Some(self.origin + Duration::from_nanos(tick.saturating_mul(1 << TICK_BITS)))
    }

    /// Remove all tokens.
    pub(crate) fn clear(&mut self) {
        *self = Self { elapsed: self.elapsed, ..Self::new(self.origin) };
    }

    /// Remove stale tokens from one chunk, so that it takes bounded time. Many calls sweep the wheel once. `look`
    /// returns the current tick of a cell.
    pub(crate) fn sweep_some(&mut self, mut look: impl FnMut(u32) -> TokenTick) {
        let at = self.sweep.unwrap_or(Sweep { level: 0, slot: 0, chunks: usize::MAX });
        let Some(level) = self.levels.get(at.level) else {
            self.sweep = None;
            return;
        };
        let left = at.chunks.min(level.slots[at.slot].chunks());
        let Some(chunk) = left.checked_sub(1) else {
            let rest = (level.occupied >> at.slot) & !1;
            let next = |slot| Sweep { level: at.level, slot, chunks: usize::MAX };
            self.sweep = Some(match rest {
                0 => Sweep { level: at.level + 1, slot: 0, chunks: usize::MAX },
                rest => next(at.slot + rest.trailing_zeros() as usize),
            });
            return;
        };
        let here = Some((at.level, at.slot));
        let mut tokens = std::mem::take(&mut self.levels[at.level].slots[at.slot]);
        self.len -= tokens.retain(chunk, |id| {
            self.tick_of(look(id)).is_some_and(|tick| self.position(tick) == here)
        });
        let level = &mut self.levels[at.level];
        if tokens.is_empty() {
            level.occupied &= !(1 << at.slot);
        }
        level.slots[at.slot] = tokens;
        self.sweep = Some(Sweep { chunks: chunk, ..at });
    }

    /// Whether a sweep is in progress.
    pub(crate) fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// The tick of a deadline. One beyond the end of the wheel, which only a journal can contain, is in its last tick.
    fn tick(&self, at: Timestamp) -> u64 {
        let since = at.as_nanos().saturating_sub(self.origin.as_nanos());
        (since >> TICK_BITS).min(LAST_TICK)
    }

    /// No token is armed for a tick before `elapsed`, nor for one after the horizon.
    fn tick_of(&self, token_tick: TokenTick) -> Option<u64> {
        let ahead = token_tick.0.wrapping_sub(self.elapsed as u32) & !TokenTick::FLAG;
        (token_tick != TokenTick::NONE).then_some(self.elapsed + u64::from(ahead))
    }

    /// The level and the slot of a tick; `None` if it is the current one. The level is that of the
    /// highest digit in which the tick differs from the current one, and stays the same until the slot is opened.
    fn position(&self, tick: u64) -> Option<(usize, usize)> {
        let differs = (tick ^ self.elapsed).checked_ilog2()?;
        let level = differs / SLOT_BITS;
        Some((level as usize, (tick >> (SLOT_BITS * level)) as usize % SLOTS))
    }

    /// Fire the tokens of the next slot that starts by the tick `last`. One slot at a time: its tokens are popped
    /// before the next slot is opened.
    fn advance(&mut self, last: u64, now: u64) {
        if !self.soon.is_empty() {
            if now > self.elapsed {
                self.fire_current_tick();
            }
            return;
        }
        while self.fired.is_empty()
            && let Some((level, slot, tick)) = self.next_slot()
            && tick <= last
        {
            self.elapsed = tick;
            self.fired_end = tick + (1 << (SLOT_BITS * level as u32));
            self.levels[level].occupied &= !(1 << slot);
            self.fired = std::mem::take(&mut self.levels[level].slots[slot]);
        }
        if self.fired.is_empty() {
            self.elapsed = self.elapsed.max(last);
        }
    }

    /// The level, the slot and the first tick of the next slot that has tokens.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let slot = self.levels[level].occupied.trailing_zeros() as usize;
        let shift = SLOT_BITS * level as u32;
        let above = self.elapsed >> shift >> SLOT_BITS << SLOT_BITS;
        Some((level, slot, (above | slot as u64) << shift))
    }
}

#[cfg(test)]
mod tests;
