//! The wheel with places to look at, as the map has them.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const NONE: [u32; 0] = [];

const TICK: u64 = 1 << TICK_BITS;

/// The deadline of each place, and what it is armed for.
struct Places {
    wheel: Wheel,
    cells: HashMap<u32, (Armed, Option<u64>)>,
}

impl Places {
    fn new() -> Self {
        Self { wheel: Wheel::new(Timestamp::from_nanos(1)), cells: HashMap::new() }
    }

    fn set(&mut self, place: u32, deadline: u64) {
        let cell = self.cells.entry(place).or_default();
        cell.1 = Some(deadline);
        cell.0 = self.wheel.arm(cell.0, Timestamp::from_nanos(deadline), place);
    }

    fn unset(&mut self, place: u32) {
        self.cells.entry(place).or_default().1 = None;
    }

    /// Pops all that has fired by `now` and arms again what is not due yet.
    fn due(&mut self, now: u64) -> Vec<u32> {
        self.pop(now, Wheel::pop)
    }

    fn due_early(&mut self, now: u64) -> Vec<u32> {
        self.wheel.hurry();
        self.pop(now, Wheel::pop_early)
    }

    fn pop(&mut self, now: u64, pop: fn(&mut Wheel, Timestamp) -> Option<u32>) -> Vec<u32> {
        let mut due = Vec::new();
        while let Some(place) = pop(&mut self.wheel, Timestamp::from_nanos(now)) {
            let cell = self.cells.get_mut(&place).unwrap();
            if !self.wheel.has_fired(cell.0) {
                continue;
            }
            cell.0 = Armed::NO;
            match cell.1 {
                Some(deadline) if deadline <= now => {
                    due.push(place);
                    cell.1 = None;
                }
                Some(later) => {
                    cell.0 = self.wheel.arm(Armed::NO, Timestamp::from_nanos(later), place);
                }
                None => {}
            }
        }
        due.sort_unstable();
        due
    }
}

#[test]
fn a_hundred_years_fit() {
    let mut places = Places::new();
    let century = crate::model::MAX_TTL.as_nanos() as u64;
    places.set(1, century);
    let mut looks = 0;
    let mut now = 1;
    while places.due(now).is_empty() {
        now = places.wheel.next_wake().unwrap().as_nanos();
        looks += 1;
    }
    assert!((century..century + 2 * TICK).contains(&now));
    assert!(looks < 3_000, "{looks}");
    assert_eq!((places.wheel.len(), places.wheel.next_wake()), (0, None));
}

#[test]
fn what_is_beyond_the_wheel_waits() {
    let mut places = Places::new();
    // A journal can bring deadlines that no command could set.
    places.set(1, u64::MAX);
    assert_eq!(places.due(1 << 40), NONE);
    assert!(places.wheel.next_wake().unwrap().as_nanos() > 1 << 49);
    // At the end of the wheel it stays there.
    assert_eq!(places.due(u64::MAX - 1), NONE);
    assert_eq!(places.due(u64::MAX - 1), NONE);
    assert_eq!(places.wheel.len(), 1);
}

#[test]
fn sleeping_until_the_next_wake_is_prompt() {
    let mut places = Places::new();
    let deadline = 123_456_789_012;
    places.set(1, deadline);
    let mut now = 1;
    let mut wakes = 0;
    while places.due(now).is_empty() {
        now = now.max(places.wheel.next_wake().unwrap().as_nanos());
        wakes += 1;
    }
    let late = now - deadline;
    assert!(late < 2_000_000, "{late} ns late");
    assert!(wakes <= LEVELS + 1, "{wakes} wakes");
}

#[test]
fn what_is_due_in_this_tick_is_known() {
    // Inside a level, and where levels meet.
    for ticks in [5, 63, 64, 65, 4_096, 262_144] {
        let mut places = Places::new();
        let deadline = 1 + ticks * TICK + TICK / 2;
        (0..3).for_each(|n| places.set(n, deadline + u64::from(n)));
        for now in [deadline - TICK, deadline - 1] {
            assert_eq!(places.due(now), NONE);
            assert_eq!(places.due_early(now), NONE, "{ticks} ticks");
        }
        assert_eq!(places.due(deadline + 1), NONE);
        assert_eq!(places.due_early(deadline + 1), [0, 1], "{ticks} ticks");
        assert_eq!(places.due_early(deadline + 1), NONE);
        assert_eq!((places.due(deadline + TICK), places.wheel.len()), (vec![2], 0));
    }
}

#[test]
fn a_deadline_that_moves_earlier_leaves_one_token_a_slot() {
    let mut places = Places::new();
    for earlier in 0..1_000 {
        places.set(1, (20_000 - earlier) * TICK);
    }
    assert!(places.wheel.len() <= 6, "{}", places.wheel.len());
    assert_eq!(places.due(19_000 * TICK), NONE);
    assert_eq!(places.due(19_002 * TICK), [1]);
}

#[test]
fn unwanted_tokens_can_be_forgotten() {
    let mut places = Places::new();
    // Far tokens that nearer ones have replaced.
    for place in 0..1_000_u32 {
        places.set(place, (1 << 40) + (u64::from(place) << 32));
        places.set(place, (1 << 30) + (u64::from(place) << 22));
    }
    assert_eq!(places.wheel.len(), 2_000);
    let sweep = |places: &mut Places| {
        let mut calls = 0;
        loop {
            places.wheel.sweep_some(|place| places.cells[&place].0);
            calls += 1;
            if !places.wheel.is_sweeping() {
                break calls;
            }
        }
    };
    let calls = sweep(&mut places);
    assert!(calls < 500, "{calls}");
    assert_eq!(places.wheel.len(), 1_000);
    (0..1_000).filter(|place| place % 10 != 0).for_each(|place| {
        places.cells.insert(place, (Armed::NO, None));
    });
    sweep(&mut places);
    assert_eq!(places.wheel.len(), 100);
    assert_eq!(places.due(1 << 39).len(), 100);
    assert_eq!(places.wheel.next_wake(), None);
}

proptest! {
    #[test]
    fn fires_once_and_never_early(
        steps in prop::collection::vec(
            (0_u32..12, prop::option::weighted(0.9, 0_u64..46), 0_u64..45, 0_u8..4),
            1..150,
        )
    ) {
        let mut places = Places::new();
        let mut waiting: HashMap<u32, u64> = HashMap::new();
        let mut now = 1;
        for (n, (place, ahead, pause, early)) in steps.into_iter().enumerate() {
            // Powers of two, and a little: where the levels meet.
            let blur = |power: u64| (1 << power) + ((n as u64 * 37) << (power / 2)) % (1 << power);
            match ahead {
                Some(ahead) => {
                    places.set(place, now + blur(ahead));
                    waiting.insert(place, now + blur(ahead));
                }
                None => {
                    places.unset(place);
                    waiting.remove(&place);
                }
            }
            if pause % 3 > 0 {
                continue; // deadlines move before they are looked at
            }
            now += blur(pause);
            let early = early == 0;
            let fired = if early { places.due_early(now) } else { places.due(now) };
            let by = if early { now } else { now - now.min(TICK) };
            for (place, _) in waiting.iter().filter(|(_, at)| **at <= by) {
                prop_assert!(fired.contains(place), "{place} is late");
            }
            for place in &fired {
                prop_assert!(waiting[place] <= now);
            }
            waiting.retain(|place, _| !fired.contains(place));
            let next = waiting.values().min().copied().unwrap_or(u64::MAX);
            let wake = places.wheel.next_wake().map_or(u64::MAX, Timestamp::as_nanos);
            prop_assert!(wake <= next.saturating_add(2 * TICK));
        }
    }
}
