//! A consumer that wants to go faster, and faster.

use std::time::Duration;

use mainspring::{Error, Store};

use crate::clock::Clock;
use crate::reading::{Reading, TARGET_SPEED};
use crate::tasks::Tasks;
use crate::terminal::say;

const PAUSE: Duration = Duration::from_secs(5);

/// Raises the wish by one, every five seconds. It writes, so it gets a store.
pub fn fire_up(tasks: &mut Tasks, car: Store<Reading>, clock: &Clock) {
    tasks.start("wisher", wish(car, clock.clone()));
}

async fn wish(car: Store<Reading>, clock: Clock) -> anyhow::Result<()> {
    let mut pauses = clock.every(PAUSE);
    loop {
        pauses.tick().await;
        let wanted = match car.get(TARGET_SPEED).await?.as_ref().and_then(|entry| entry.item()) {
            Some(Reading::TargetSpeed(speed)) => speed + 1.0,
            _ => 1.0,
        };
        // Of what is refused nothing is kept: the next wish starts from the last that was granted.
        match car.set(TARGET_SPEED, Reading::TargetSpeed(wanted)).await {
            Ok(_) => say(&format!("May I drive at {wanted}? Yes.")).await?,
            Err(Error::Refused(reason)) => {
                say(&format!("May I drive at {wanted}? No: {reason}.")).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}
