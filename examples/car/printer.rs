//! A task that prints the state of the car every two seconds.

use std::time::Duration;

use mainspring::{Reader, View};

use crate::clock::Clock;
use crate::reading::{CarState, Reading};
use crate::tasks::Tasks;
use crate::terminal::{SECONDS, print_line};

const PAUSE: Duration = Duration::from_secs(2);

const KEYS: [&str; 4] = ["car/connected", "car/speed", "car/location", "car/date"];

/// Start the task. It reads only the current values, so a view is enough.
pub fn start(tasks: &mut Tasks, car: &Reader<Reading>, clock: &Clock) {
    tasks.start("printer", print(car.view(), clock.clone()));
}

async fn print(car: View<Reading>, clock: Clock) -> anyhow::Result<()> {
    let mut pauses = clock.every(PAUSE);
    loop {
        print_line(&describe(&read_state(&car), &clock)).await?;
        pauses.tick().await;
    }
}

fn read_state(car: &View<Reading>) -> CarState {
    let mut state = CarState::default();
    for entry in KEYS.iter().filter_map(|key| car.get(key)) {
        state.add(entry.value.elements());
    }
    state
}

fn describe(state: &CarState, clock: &Clock) -> String {
    let date = state.date.unwrap_or_else(|| clock.now()).strftime(SECONDS);
    let connection = if state.connected { "connected" } else { "not connected" };
    match (state.speed, state.location) {
        (Some(speed), Some(location)) => {
            format!("{date}  {connection:<13}  speed {speed:5.1}  location {location:7.1}")
        }
        _ => format!("{date}  {connection:<13}  no data yet"),
    }
}
