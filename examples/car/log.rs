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

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use jiff::civil::DateTime;
use mainspring::{Error, Event, Reader, Subscription};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::args::Format;
use crate::clock::Clock;
use crate::reading::{Picture, Reading};
use crate::tasks::Tasks;
use crate::terminal::SECONDS;

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
        let due = tokio::select! {
            biased; // a line tells what is known, so first get to know it
            event = changes.recv() => match event {
                Ok(event) => take_in(event, &mut picture),
                Err(Error::Closed) => return Ok(()),
                Err(error) => return Err(error.into()),
            },
            _ = ticks.tick() => true,
        };
        if due && let (Some(speed), Some(location)) = (picture.speed, picture.location) {
            let date = picture.date.unwrap_or_else(|| clock.now());
            file.add_line(date, speed, location).await?;
        }
    }
}

/// Whether this is news that is worth a line. A batch is one moment, and so one line.
fn take_in(event: Event<Reading>, picture: &mut Picture) -> bool {
    let (changes, news) = match event {
        Event::Entry { entry, .. } => {
            entry.item().into_iter().for_each(|reading| picture.add(*reading));
            return false;
        }
        Event::Change(change) => (vec![change], true),
        Event::Batch { changes, .. } => (changes, true),
        _ => return false,
    };
    let mut moved = false;
    for reading in changes.iter().flat_map(|change| change.elements()) {
        moved |= news && matches!(reading, Reading::Speed(_) | Reading::Location(_));
        picture.add(*reading);
    }
    moved
}

/// The file, which grows by whole lines.
#[derive(Debug)]
pub struct LogFile {
    file: File,
    name: String,
    format: Format,
}

impl LogFile {
    /// Open it for more lines: what is there already is never lost.
    pub async fn open(path: &Path, format: Format) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::options().append(true).create(true).open(path).await;
        let file = file.with_context(|| format!("cannot open the log {name}"))?;
        Ok(Self { file, name, format })
    }

    /// Add a line, and wait until the system has it.
    async fn add_line(&mut self, date: DateTime, speed: f64, location: f64) -> anyhow::Result<()> {
        let date = date.strftime(SECONDS);
        let line = match self.format {
            Format::Log => format!("Date: {date}, Speed: {speed:.6}, Location: {location:.6}\n"),
            Format::Readme => format!("{date}: {speed:.6}, {location:.6}\n"),
        };
        let written = async {
            self.file.write_all(line.as_bytes()).await?;
            self.file.flush().await
        };
        written.await.with_context(|| format!("cannot write to the log {}", self.name))
    }
}
