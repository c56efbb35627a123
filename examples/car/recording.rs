//! A device that plays the recording of a GPS receiver.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::civil::DateTime;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::time::{Instant, sleep_until};

use crate::clock::Speedup;
use crate::device::Device;
use crate::odometer::Odometer;
use crate::sentence::Sentence;
use crate::terminal::print_line;

/// The default interval between sentences: receivers send one per second.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);

/// A longer gap is a cut between two recordings.
const LONGEST_GAP: Duration = Duration::from_secs(60 * 60);

/// The longest line: a sentence has 82 characters.
const MAX_LINE: usize = 4_096;

/// A recording that shows each position at its time.
#[derive(Debug)]
pub struct Recording {
    speedup: Speedup,
    file: BufReader<File>,
    name: String,
    /// The part of the current line that was read.
    line: Vec<u8>,
    /// The next sentence and its time.
    next: Option<(Instant, Sentence)>,
    /// The current sentence and its time.
    shown: Option<(Instant, Sentence)>,
    /// The last date.
    date: Option<DateTime>,
    odometer: Odometer,
    positions: usize,
    without_fix: usize,
    invalid: usize,
}

impl Recording {
    pub async fn open(path: &Path, speedup: Speedup) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let file = File::open(path).await.with_context(|| format!("cannot open {name}"))?;
        Ok(Self {
            speedup,
            file: BufReader::new(file),
            name,
            line: Vec::new(),
            next: None,
            shown: None,
            date: None,
            odometer: Odometer::default(),
            positions: 0,
            without_fix: 0,
            invalid: 0,
        })
    }

    /// The next sentence with or without a fix; `None` at the end of the file.
    async fn read(&mut self) -> anyhow::Result<Option<Sentence>> {
        loop {
            // Cancel safe: a partly read line stays in `self.line`.
            let room = MAX_LINE.saturating_sub(self.line.len()) as u64;
            let read = (&mut self.file).take(room).read_until(b'\n', &mut self.line).await;
            read.with_context(|| format!("cannot read {}", self.name))?;
            if self.line.is_empty() {
                return Ok(None);
            }
            let sentence = Sentence::parse(&self.line);
            self.line.clear();
            match sentence {
                Sentence::Fix { .. } | Sentence::NoFix { .. } => return Ok(Some(sentence)),
                Sentence::Invalid => self.invalid += 1,
                Sentence::Other => {}
            }
        }
    }

    /// The time between the current sentence and this one. `None` if unknown, or at a cut: if time goes back or far
    /// ahead, another recording was appended, or the receiver has obtained the date.
    fn gap(&self, sentence: &Sentence) -> Option<Duration> {
        let (before, date) = self.date.zip(sentence.date())?;
        Duration::try_from(date.duration_since(before)).ok().filter(|gap| *gap <= LONGEST_GAP)
    }

    /// The time at which a sentence is shown.
    fn due(&self, sentence: &Sentence) -> Instant {
        match self.shown {
            Some((since, _)) => {
                since + self.speedup.to_real(self.gap(sentence).unwrap_or(DEFAULT_INTERVAL))
            }
            None => Instant::now(),
        }
    }

    fn show(&mut self, due: Instant, sentence: Sentence) {
        if let Sentence::Fix { position, .. } = sentence {
            self.positions += 1;
            // The distance over a cut is unknown and not counted.
            match self.gap(&sentence) {
                Some(_) => self.odometer.drive_to(position),
                None => self.odometer.start_at(position),
            }
        } else {
            self.without_fix += 1;
        }
        self.date = sentence.date().or(self.date);
        self.shown = Some((due, sentence));
    }

    async fn finish(&self) -> anyhow::Result<()> {
        let Self { name, positions, without_fix, invalid, .. } = self;
        if positions + without_fix == 0 {
            bail!(
                "{name} is not a GPS recording: it has no RMC sentence and {invalid} invalid lines"
            );
        }
        let count = format!(
            "{positions} positions, {without_fix} sentences without a fix, {invalid} invalid lines"
        );
        print_line(&format!("End of the recording: {count}.")).await?;
        Ok(())
    }
}

impl Device for Recording {
    async fn wait(&mut self) -> anyhow::Result<bool> {
        if self.next.is_none() {
            let Some(sentence) = self.read().await? else {
                self.finish().await?;
                return Ok(false);
            };
            self.next = Some((self.due(&sentence), sentence));
        }
        if let Some((due, sentence)) = self.next {
            sleep_until(due).await;
            self.next = None;
            self.show(due, sentence);
        }
        Ok(true)
    }

    fn is_connected(&self) -> bool {
        matches!(self.shown, Some((_, Sentence::Fix { .. })))
    }

    fn get_speed(&self) -> f64 {
        match self.shown {
            Some((_, Sentence::Fix { speed, .. })) => speed,
            _ => 0.0,
        }
    }

    fn set_speed(&mut self, _speed: f64) -> Result<(), String> {
        Err(String::from("a recording has a fixed speed"))
    }

    fn get_location(&self) -> f64 {
        self.odometer.metres()
    }

    fn get_date(&self) -> Option<DateTime> {
        self.date
    }
}
