//! A task that raises the target speed.

use std::time::Duration;

use mainspring::{Error, Store};

use crate::clock::Clock;
use crate::reading::{Reading, TARGET_SPEED};
use crate::tasks::Tasks;
use crate::terminal::print_line;

const PAUSE: Duration = Duration::from_secs(5);

/// Start the task, which raises the target speed by one every five seconds. It writes, so it gets a store.
pub fn start(tasks: &mut Tasks, car: Store<Reading>, clock: &Clock) {
    tasks.start("accelerator", accelerate(car, clock.clone()));
}

async fn accelerate(car: Store<Reading>, clock: Clock) -> anyhow::Result<()> {
    let mut pauses = clock.every(PAUSE);
    loop {
        pauses.tick().await;
        let speed = match car.get(TARGET_SPEED).await?.as_ref().and_then(|entry| entry.item()) {
            Some(Reading::TargetSpeed(current)) => current + 1.0,
            _ => 1.0,
        };
        // A rejected write changes nothing: the next request starts from the last accepted speed.
        match car.set(TARGET_SPEED, Reading::TargetSpeed(speed)).await {
            Ok(_) => print_line(&format!("target speed {speed}: accepted")).await?,
            Err(Error::Refused(reason)) => {
                print_line(&format!("target speed {speed}: rejected: {reason}")).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
