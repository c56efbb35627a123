//! A subscriber that writes a complete log of the drive to a file.
//!
//! The format is that of an earlier program, whose log has two kinds of lines: one every two seconds, and one for each
//! change of the speed or the location. The initial state is not a change, so the first line is that of the first tick.
//! If both coincide, there are two lines with the same date:
//!
//! ```text
//! Date: 2026-11-21 08:39:46, Speed: 0.000000, Location: 0.000000      tick
//! Date: 2026-11-21 08:39:48, Speed: 0.000000, Location: 0.000000      tick
//! Date: 2026-11-21 08:39:49, Speed: 1.000000, Location: 2.000000           change
//! Date: 2026-11-21 08:39:50, Speed: 1.000000, Location: 2.000000      tick
//! ```

use std::time::Duration;

use mainspring::{Error, Event, Reader, Subscription};

use crate::clock::Clock;
use crate::log_file::LogFile;
use crate::reading::{CarState, Reading};
use crate::tasks::Tasks;

const PAUSE: Duration = Duration::from_secs(2);

/// Start the task. It is not dropped at the end like the others, but reads until the subscription ends, so that no line
/// is lost.
pub async fn start(
    tasks: &mut Tasks,
    car: &Reader<Reading>,
    file: LogFile,
    clock: &Clock,
) -> anyhow::Result<()> {
    let changes = car.subscribe().prefix("car/").from_snapshot().await?;
    tasks.start_graceful("log", write(changes, file, clock.clone()));
    Ok(())
}

async fn write(
    mut changes: Subscription<Reading>,
    mut file: LogFile,
    clock: Clock,
) -> anyhow::Result<()> {
    let mut state = CarState::default();
    let mut ticks = clock.every(PAUSE);
    loop {
        let is_logged = tokio::select! {
            biased; // apply events before a tick writes the state
            event = changes.recv() => match event {
                Ok(event) => {
                    let before = state;
                    state.apply(&event);
                    // The initial state is not a change.
                    !matches!(event, Event::Entry { .. }) && state.has_moved_since(&before)
                }
                Err(Error::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
            _ = ticks.tick() => true,
        };
        if is_logged && let (Some(speed), Some(location)) = (state.speed, state.location) {
            let date = state.date.unwrap_or_else(|| clock.now());
            file.add_line(date, speed, location).await?;
        }
    }
}
