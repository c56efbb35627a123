//! A car that drove long ago: plays the recording of its GPS receiver.

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
use crate::terminal::say;

/// How long a sentence is shown when the recording does not say: receivers send one a second.
const USUAL: Duration = Duration::from_secs(1);

/// No recording is silent for longer.
const LONGEST_GAP: Duration = Duration::from_secs(60 * 60);

/// Nothing longer is a line: a sentence has 82 characters.
const LONGEST: usize = 4_096;

/// Shows each position at its time.
#[derive(Debug)]
pub struct Recording {
    speedup: Speedup,
    file: BufReader<File>,
    name: String,
    /// What has been read of the current line.
    line: Vec<u8>,
    /// What comes next, and when.
    next: Option<(Instant, Sentence)>,
    /// What is shown now, and since when.
    shown: Option<(Instant, Sentence)>,
    /// The last date that was shown.
    date: Option<DateTime>,
    odometer: Odometer,
    positions: usize,
    without_fix: usize,
    garbage: usize,
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
            garbage: 0,
        })
    }

    /// The next sentence with or without a fix; `None` at the end of the file.
    async fn read(&mut self) -> anyhow::Result<Option<Sentence>> {
        loop {
            // If this is dropped half-way, what was read stays in the line.
            let room = LONGEST.saturating_sub(self.line.len()) as u64;
            let read = (&mut self.file).take(room).read_until(b'\n', &mut self.line).await;
            read.with_context(|| format!("cannot read {}", self.name))?;
            if self.line.is_empty() {
                return Ok(None);
            }
            let sentence = Sentence::parse(&self.line);
            self.line.clear();
            match sentence {
                Sentence::Fix { .. } | Sentence::NoFix { .. } => return Ok(Some(sentence)),
                Sentence::Garbage => self.garbage += 1,
                Sentence::Other => {}
            }
        }
    }

    /// How long after the sentence that is shown now this one was recorded. `None` if that is not
    /// known, or at a cut: where time goes back, or far ahead, another recording was appended, or the
    /// receiver has found out what day it is.
    fn gap(&self, sentence: &Sentence) -> Option<Duration> {
        let (before, date) = self.date.zip(sentence.date())?;
        Duration::try_from(date.duration_since(before)).ok().filter(|gap| *gap <= LONGEST_GAP)
    }

    /// When to show a sentence.
    fn due(&self, sentence: &Sentence) -> Instant {
        match self.shown {
            Some((since, _)) => since + self.speedup.ours(self.gap(sentence).unwrap_or(USUAL)),
            None => Instant::now(),
        }
    }

    fn show(&mut self, due: Instant, sentence: Sentence) {
        if let Sentence::Fix { position, .. } = sentence {
            self.positions += 1;
            // How the car came over a cut is not known, so nothing is counted as driven.
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
        let Self { name, positions, without_fix, garbage, .. } = self;
        if positions + without_fix == 0 {
            bail!(
                "{name} is no recording of a GPS: it has no RMC sentence, and {garbage} bad lines"
            );
        }
        let count =
            format!("{positions} positions, {without_fix} times no fix, {garbage} bad lines");
        say(&format!("The recording has ended: {count}.")).await?;
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
        Err(String::from("this is a recording"))
    }

    fn get_location(&self) -> f64 {
        self.odometer.metres()
    }

    fn get_date(&self) -> Option<DateTime> {
        self.date
    }
}
