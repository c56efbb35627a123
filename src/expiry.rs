//! A lazy hierarchical timing wheel: which keys may be due.
//!
//! After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (SOSP 1987), with 64 slots a
//! level as in the Linux kernel and tokio. It is lazy: the entry owns its deadline, and a token only
//! says when to look at it again. Moving a deadline later, or taking it away, touches no wheel; the
//! token fires, the entry is looked at, and the token goes where the entry says. Ticks are 2^20 ns
//! (1.05 ms); seven levels reach 146 years.

use std::time::Duration;

use crate::Timestamp;

const LEVELS: usize = 7;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const TICK_BITS: u32 = 20;

/// How much later than its deadline, at most, the token of a key fires.
pub(crate) const TICK: Duration = Duration::from_nanos(1 << TICK_BITS);

const LAST_TICK: u64 = (1 << (SLOT_BITS * LEVELS as u32)) - 1;

/// When to look at which slot of the map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) at: Timestamp,
    pub(crate) shard: u8,
    pub(crate) index: u32,
}

#[derive(Debug)]
pub(crate) struct Wheel {
    origin: Timestamp,
    /// Every slot that starts at or before this tick has been emptied.
    elapsed: u64,
    levels: Vec<Level>,
    /// Fired, to be looked at.
    fired: Vec<Token>,
    len: usize,
}

#[derive(Debug)]
struct Level {
    occupied: u64,
    slots: [Vec<Token>; SLOTS],
}

impl Wheel {
    pub(crate) fn new(origin: Timestamp) -> Self {
        let level = || Level { occupied: 0, slots: std::array::from_fn(|_| Vec::new()) };
        let levels = (0..LEVELS).map(|_| level()).collect();
        Self { origin, elapsed: 0, levels, fired: Vec::new(), len: 0 }
    }

    /// How many tokens there are, stale ones included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, token: Token) {
        self.len += 1;
        // Rounded up, so that it never fires before its deadline.
        let tick = self.tick(token.at, (1 << TICK_BITS) - 1);
        // What is beyond the wheel, which only a journal can bring, is looked at when it is through.
        let tick = tick.min(LAST_TICK);
        if tick <= self.elapsed {
            self.fired.push(token);
            return;
        }
        // The level is that of the highest digit in which the tick differs from now.
        let digit = (u64::BITS - 1 - (tick ^ self.elapsed).leading_zeros()) / SLOT_BITS;
        let level = digit as usize;
        let slot = (tick >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        self.levels[level].slots[slot].push(token);
        self.levels[level].occupied |= 1 << slot;
    }

    /// The next token whose time has come. It may be stale; the caller knows.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<Token> {
        if self.fired.is_empty() {
            self.advance(self.tick(now, 0));
        }
        let token = self.fired.pop()?;
        self.len -= 1;
        Some(token)
    }

    /// The tokens of the current tick that are due and have not fired yet, because a tick fires at
    /// its end: for those who must know now. To be asked when there is nothing to pop.
    pub(crate) fn due_in_this_tick(&self, now: Timestamp) -> impl Iterator<Item = &Token> {
        let next = self.tick(now, 0) + 1;
        let starts_next = move |level: usize| next.trailing_zeros() >= SLOT_BITS * level as u32;
        let levels = self.levels.iter().enumerate().filter(move |(level, _)| starts_next(*level));
        levels
            .flat_map(move |(level, slots)| {
                &slots.slots[(next >> (SLOT_BITS * level as u32)) as usize % SLOTS]
            })
            .filter(move |token| token.at <= now)
    }

    /// When there may be something to pop.
    pub(crate) fn next_wake(&self) -> Option<Timestamp> {
        if !self.fired.is_empty() {
            return Some(self.origin);
        }
        let (_, _, tick) = self.next_slot()?;
        Some(self.origin + Duration::from_nanos(tick.saturating_mul(1 << TICK_BITS)))
    }

    /// Forget the tokens that are not wanted any more.
    pub(crate) fn retain(&mut self, mut live: impl FnMut(&Token) -> bool) {
        self.fired.retain(&mut live);
        self.len = self.fired.len();
        for level in &mut self.levels {
            for (position, slot) in level.slots.iter_mut().enumerate() {
                slot.retain(&mut live);
                self.len += slot.len();
                if slot.is_empty() {
                    level.occupied &= !(1 << position);
                }
            }
        }
    }

    fn tick(&self, at: Timestamp, round: u64) -> u64 {
        let since = at.as_nanos().saturating_sub(self.origin.as_nanos());
        since.saturating_add(round) >> TICK_BITS
    }

    /// Empty the next slot that starts by `now`, one at a time: the fired tokens of a slot are looked
    /// at before the next slot is opened.
    fn advance(&mut self, now: u64) {
        while self.fired.is_empty()
            && let Some((level, slot, tick)) = self.next_slot()
            && tick <= now
        {
            self.elapsed = tick;
            self.levels[level].occupied &= !(1 << slot);
            self.fired = std::mem::take(&mut self.levels[level].slots[slot]);
        }
        if self.fired.is_empty() {
            self.elapsed = self.elapsed.max(now);
        }
    }

    /// The level, the slot and the first tick of the next slot that holds tokens.
    fn next_slot(&self) -> Option<(usize, usize, u64)> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let slot = self.levels[level].occupied.trailing_zeros() as usize;
        let shift = SLOT_BITS * level as u32;
        let above = self.elapsed >> shift >> SLOT_BITS << SLOT_BITS;
        Some((level, slot, (above | slot as u64) << shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(at: u64, index: u32) -> Token {
        Token { at: Timestamp::from_nanos(at), shard: 0, index }
    }

    /// Pops all that is due at `now` and puts back what fired before its time.
    fn due(wheel: &mut Wheel, now: u64) -> Vec<u32> {
        let now = Timestamp::from_nanos(now);
        let mut due = Vec::new();
        while let Some(token) = wheel.pop(now) {
            if token.at <= now { due.push(token.index) } else { wheel.insert(token) }
        }
        due.sort_unstable();
        due
    }

    #[test]
    fn a_hundred_years_fit() {
        let mut wheel = Wheel::new(Timestamp::from_nanos(1));
        let century = crate::command::MAX_TTL.as_nanos() as u64;
        wheel.insert(token(century, 1));
        assert_eq!(due(&mut wheel, century - 1), []);
        assert_eq!(due(&mut wheel, century + (1 << TICK_BITS)), [1]);
        assert_eq!((wheel.len(), wheel.next_wake()), (0, None));
    }

    #[test]
    fn what_is_beyond_the_wheel_waits() {
        for turns in [0, 1, 2] {
            // A journal can bring deadlines that no command could set.
            let mut wheel = Wheel::new(Timestamp::from_nanos(1));
            let beyond = (1 << 62) + turns * (1 << 61) + 5;
            wheel.insert(token(beyond, 1));
            assert_eq!(wheel.pop(Timestamp::from_nanos(1 << 30)), None);
            assert!(wheel.next_wake().unwrap().as_nanos() > 1 << 60);
            assert_eq!(wheel.len(), 1);
        }
    }

    #[test]
    fn sleeping_until_the_next_wake_is_prompt() {
        let mut wheel = Wheel::new(Timestamp::from_nanos(1));
        let deadline = 123_456_789_012;
        wheel.insert(token(deadline, 1));
        let mut now = Timestamp::from_nanos(1);
        let mut wakes = 0;
        while due(&mut wheel, now.as_nanos()).is_empty() {
            now = now.max(wheel.next_wake().unwrap());
            wakes += 1;
        }
        let late = now.as_nanos() - deadline;
        assert!(late < 2_000_000, "{late} ns late");
        assert!(wakes <= LEVELS + 1, "{wakes} wakes");
    }

    #[test]
    fn what_is_due_in_this_tick_is_known() {
        let tick = 1 << TICK_BITS;
        // Inside a level, and where levels meet.
        for ticks in [5, 63, 64, 65, 4_096, 262_144] {
            let mut wheel = Wheel::new(Timestamp::from_nanos(1));
            let deadline = 1 + ticks * tick - tick / 2;
            (0..3).for_each(|n| wheel.insert(token(deadline + n, u32::try_from(n).unwrap())));
            for now in [deadline - tick, deadline - 1] {
                assert_eq!(due(&mut wheel, now), []);
                let now = Timestamp::from_nanos(now);
                assert_eq!(wheel.due_in_this_tick(now).count(), 0, "{ticks} ticks");
            }
            assert_eq!(due(&mut wheel, deadline + 1), []);
            let now = Timestamp::from_nanos(deadline + 1);
            assert_eq!(wheel.due_in_this_tick(now).count(), 2, "{ticks} ticks");
        }
    }

    #[test]
    fn unwanted_tokens_can_be_forgotten() {
        let mut wheel = Wheel::new(Timestamp::from_nanos(1));
        (0..100).for_each(|index| wheel.insert(token(u64::from(index) << 30, index)));
        wheel.retain(|token| token.index % 10 == 0);
        assert_eq!(wheel.len(), 10);
        assert_eq!(due(&mut wheel, 1 << 40).len(), 10);
        assert_eq!(wheel.next_wake(), None);
    }

    proptest! {
        #[test]
        fn fires_each_token_once_and_never_early(
            steps in prop::collection::vec((0_u64..1 << 45, 0_u64..1 << 42), 1..80)
        ) {
            let mut wheel = Wheel::new(Timestamp::from_nanos(1));
            let mut waiting: Vec<(u64, u32)> = Vec::new();
            let mut now = 1;
            for (index, (ahead, pause)) in steps.into_iter().enumerate() {
                let index = u32::try_from(index).unwrap();
                wheel.insert(token(now + ahead, index));
                waiting.push((now + ahead, index));
                now += pause;
                let fired = due(&mut wheel, now);
                for (_, index) in waiting.iter().filter(|(at, _)| *at + (1 << TICK_BITS) <= now) {
                    prop_assert!(fired.contains(index));
                }
                for index in &fired {
                    prop_assert!(waiting.iter().any(|(at, i)| i == index && *at <= now));
                }
                waiting.retain(|(_, index)| !fired.contains(index));
                prop_assert_eq!(wheel.len(), waiting.len());
            }
        }
    }
}
