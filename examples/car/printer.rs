//! A consumer that shows every two seconds how the car is doing.

use std::time::Duration;

use mainspring::{Reader, View};

use crate::clock::Clock;
use crate::reading::{Picture, Reading};
use crate::tasks::Tasks;
use crate::terminal::{SECONDS, say};

const PAUSE: Duration = Duration::from_secs(2);

const KEYS: [&str; 4] = ["car/connected", "car/speed", "car/location", "car/date"];

/// It looks at the newest values only, whatever was there in between: a view is enough.
pub fn fire_up(tasks: &mut Tasks, car: &Reader<Reading>, clock: &Clock) {
    tasks.start("printer", print(car.view(), clock.clone()));
}

async fn print(car: View<Reading>, clock: Clock) -> anyhow::Result<()> {
    let mut pauses = clock.every(PAUSE);
    loop {
        say(&describe(&look(&car), &clock)).await?;
        pauses.tick().await;
    }
}

fn look(car: &View<Reading>) -> Picture {
    let mut picture = Picture::default();
    for entry in KEYS.iter().filter_map(|key| car.get(key)) {
        picture.add(entry.value.elements());
    }
    picture
}

fn describe(picture: &Picture, clock: &Clock) -> String {
    let date = picture.date.unwrap_or_else(|| clock.now()).strftime(SECONDS);
    let state = if picture.connected { "connected" } else { "not connected" };
    match (picture.speed, picture.location) {
        (Some(speed), Some(location)) => {
            format!("{date}  {state:<13}  speed {speed:5.1}  location {location:7.1}")
        }
        _ => format!("{date}  {state:<13}  nothing known yet"),
    }
}
