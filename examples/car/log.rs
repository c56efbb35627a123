//! A consumer that writes a log of the drive to a file, and leaves nothing out.
//!
//! The observed log of document 004 has two kinds of lines among each other: one every two seconds,
//! whether or not anything has changed, and one each time that the speed or the location changes. What
//! was there from the beginning is no change, so the first line comes with the first tick, and when
//! both fall together there are two lines with the same date:
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
use crate::reading::{Picture, Reading};
use crate::tasks::Tasks;

const PAUSE: Duration = Duration::from_secs(2);

/// Follows every change with a subscription. It is the one task that is not dropped at the end, but
/// reads until the store has nothing more to tell: so no line is lost.
pub async fn fire_up(
    tasks: &mut Tasks,
    car: &Reader<Reading>,
    file: LogFile,
    clock: &Clock,
) -> anyhow::Result<()> {
    let changes = car.subscribe().prefix("car/").from_snapshot().await?;
    tasks.start_to_finish("log", write(changes, file, clock.clone()));
    Ok(())
}

async fn write(
    mut changes: Subscription<Reading>,
    mut file: LogFile,
    clock: Clock,
) -> anyhow::Result<()> {
    let mut picture = Picture::default();
    let mut ticks = clock.every(PAUSE);
    loop {
        let worth_a_line = tokio::select! {
            biased; // a line tells what is known, so first get to know it
            event = changes.recv() => match event {
                Ok(event) => {
                    let before = picture;
                    picture.follow(&event);
                    // What is there when we start is no news.
                    !matches!(event, Event::Entry { .. }) && picture.has_moved_since(&before)
                }
                Err(Error::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
            _ = ticks.tick() => true,
        };
        if worth_a_line && let (Some(speed), Some(location)) = (picture.speed, picture.location) {
            let date = picture.date.unwrap_or_else(|| clock.now());
            file.add_line(date, speed, location).await?;
        }
    }
}
