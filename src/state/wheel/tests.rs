//! Tests of the wheel, with cells as the map has them.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

const NONE: [u32; 0] = [];

const TICK: u64 = 1 << TICK_BITS;

/// The tick and the deadline of each cell.
struct ModelCells {
    wheel: Wheel,
    cells: HashMap<u32, (TokenTick, Option<u64>)>,
}

impl ModelCells {
    fn new() -> Self {
        Self { wheel: Wheel::new(Timestamp::from_nanos(1)), cells: HashMap::new() }
    }

    fn set(&mut self, id: u32, deadline: u64) {
        let cell = self.cells.entry(id).or_default();
        cell.1 = Some(deadline);
        cell.0 = self.wheel.arm(cell.0, Timestamp::from_nanos(deadline), id);
    }

    fn unset(&mut self, id: u32) {
        self.cells.entry(id).or_default().1 = None;
    }

    /// Pop all tokens that have fired by `now`, and arm those again whose cells are not due yet.
    fn due(&mut self, now: u64) -> Vec<u32> {
        self.pop(now, Wheel::pop)
    }

    fn due_early(&mut self, now: u64) -> Vec<u32> {
        self.wheel.fire_current_tick();
        self.pop(now, Wheel::pop_early)
    }

    fn pop(&mut self, now: u64, pop: fn(&mut Wheel, Timestamp) -> Option<u32>) -> Vec<u32> {
        let mut due = Vec::new();
        while let Some(id) = pop(&mut self.wheel, Timestamp::from_nanos(now)) {
            let cell = self.cells.get_mut(&id).unwrap();
            if !self.wheel.has_fired(cell.0) {
                continue;
            }
            cell.0 = TokenTick::NONE;
            match cell.1 {
                Some(deadline) if deadline <= now => {
                    due.push(id);
                    cell.1 = None;
                }
                Some(later) => {
                    cell.0 = self.wheel.arm(TokenTick::NONE, Timestamp::from_nanos(later), id);
                }
                None => {}
            }
        }
        due.sort_unstable();
        due
    }
}

#[test]
fn deadline_in_a_hundred_years_fires() {
    let mut model = ModelCells::new();
    let century = crate::model::MAX_TTL.as_nanos() as u64;
    model.set(1, century);
    let mut looks = 0;
    let mut now = 1;
    while model.due(now).is_empty() {
        now = model.wheel.next_wake().unwrap().as_nanos();
        looks += 1;
    }
    assert!((century..century + 2 * TICK).contains(&now));
    assert!(looks < 3_000, "{looks}");
    assert_eq!((model.wheel.len(), model.wheel.next_wake()), (0, None));
}

#[test]
fn deadline_beyond_the_wheel_does_not_fire() {
    let mut model = ModelCells::new();
    // A journal can have deadlines that no command can set.
    model.set(1, u64::MAX);
    assert_eq!(model.due(1 << 40), NONE);
    assert!(model.wheel.next_wake().unwrap().as_nanos() > 1 << 49);
    // It stays at the end of the wheel.
    assert_eq!(model.due(u64::MAX - 1), NONE);
    assert_eq!(model.due(u64::MAX - 1), NONE);
    assert_eq!(model.wheel.len(), 1);
}

#[test]
fn next_wake_finds_the_deadline_in_few_wakes() {
    let mut model = ModelCells::new();
    let deadline = 123_456_789_012;
    model.set(1, deadline);
    let mut now = 1;
    let mut wakes = 0;
    while model.due(now).is_empty() {
        now = now.max(model.wheel.next_wake().unwrap().as_nanos());
        wakes += 1;
    }
    let late = now - deadline;
    assert!(late < 2_000_000, "{late} ns late");
    assert!(wakes <= LEVELS + 1, "{wakes} wakes");
}

#[test]
fn pop_early_finds_keys_due_in_the_current_tick() {
    // Inside a level, and where levels meet.
    for ticks in [5, 63, 64, 65, 4_096, 262_144] {
        let mut model = ModelCells::new();
        let deadline = 1 + ticks * TICK + TICK / 2;
        (0..3).for_each(|n| model.set(n, deadline + u64::from(n)));
        for now in [deadline - TICK, deadline - 1] {
            assert_eq!(model.due(now), NONE);
            assert_eq!(model.due_early(now), NONE, "{ticks} ticks");
        }
        assert_eq!(model.due(deadline + 1), NONE);
        assert_eq!(model.due_early(deadline + 1), [0, 1], "{ticks} ticks");
        assert_eq!(model.due_early(deadline + 1), NONE);
        assert_eq!((model.due(deadline + TICK), model.wheel.len()), (vec![2], 0));
    }
}

#[test]
fn deadline_that_moves_earlier_leaves_one_token_per_slot() {
    let mut model = ModelCells::new();
    for earlier in 0..1_000 {
        model.set(1, (20_000 - earlier) * TICK);
    }
    assert!(model.wheel.len() <= 6, "{}", model.wheel.len());
    assert_eq!(model.due(19_000 * TICK), NONE);
    assert_eq!(model.due(19_002 * TICK), [1]);
}

#[test]
fn sweep_removes_stale_tokens() {
    let mut model = ModelCells::new();
    // Late tokens that were replaced by earlier ones.
    for id in 0..1_000_u32 {
        model.set(id, (1 << 40) + (u64::from(id) << 32));
        model.set(id, (1 << 30) + (u64::from(id) << 22));
    }
    assert_eq!(model.wheel.len(), 2_000);
    let sweep = |model: &mut ModelCells| {
        let mut calls = 0;
        loop {
            model.wheel.sweep_some(|id| model.cells[&id].0);
            calls += 1;
            if !model.wheel.is_sweeping() {
                break calls;
            }
        }
    };
    let calls = sweep(&mut model);
    assert!(calls < 500, "{calls}");
    assert_eq!(model.wheel.len(), 1_000);
    (0..1_000).filter(|id| id % 10 != 0).for_each(|id| {
        model.cells.insert(id, (TokenTick::NONE, None));
    });
    sweep(&mut model);
    assert_eq!(model.wheel.len(), 100);
    assert_eq!(model.due(1 << 39).len(), 100);
    assert_eq!(model.wheel.next_wake(), None);
}

proptest! {
    #[test]
    fn token_fires_once_and_never_early(
        steps in prop::collection::vec(
            (0_u32..12, prop::option::weighted(0.9, 0_u64..46), 0_u64..45, 0_u8..4),
            1..150,
        )
    ) {
        let mut model = ModelCells::new();
        let mut waiting: HashMap<u32, u64> = HashMap::new();
        let mut now = 1;
        for (n, (id, ahead, pause, early)) in steps.into_iter().enumerate() {
            // Powers of two, and a little: where the levels meet.
            let blur = |power: u64| (1 << power) + ((n as u64 * 37) << (power / 2)) % (1 << power);
            match ahead {
                Some(ahead) => {
                    model.set(id, now + blur(ahead));
                    waiting.insert(id, now + blur(ahead));
                }
                None => {
                    model.unset(id);
                    waiting.remove(&id);
                }
            }
            if pause % 3 > 0 {
                continue; // deadlines move before they are checked
            }
            now += blur(pause);
            let early = early == 0;
            let fired = if early { model.due_early(now) } else { model.due(now) };
            let by = if early { now } else { now - now.min(TICK) };
            for (id, _) in waiting.iter().filter(|(_, at)| **at <= by) {
                prop_assert!(fired.contains(id), "{id} is late");
            }
            for id in &fired {
                prop_assert!(waiting[id] <= now);
            }
            waiting.retain(|id, _| !fired.contains(id));
            let next = waiting.values().min().copied().unwrap_or(u64::MAX);
            let wake = model.wheel.next_wake().map_or(u64::MAX, Timestamp::as_nanos);
            prop_assert!(wake <= next.saturating_add(2 * TICK));
        }
    }
}
