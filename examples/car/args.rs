//! Command line arguments.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;

use crate::clock::Speedup;

/// The default duration of a simulated drive.
const DEFAULT_DURATION: Duration = Duration::from_secs(20);

/// Car telemetry with several tasks, a gate, and one cancellation token.
#[derive(Debug, Parser)]
pub struct Args {
    /// Duration of the drive in simulated time [default: 20s, or to the end of the recording]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub run_for: Option<Duration>,

    /// Run N times faster: sleeps are shorter, and dates advance faster
    #[arg(long, value_name = "N", default_value = "1", value_parser = speedup, allow_negative_numbers = true)]
    pub speedup: Speedup,

    /// The log file, to which lines are appended
    #[arg(long, value_name = "FILE", default_value = "log.txt")]
    pub log: PathBuf,

    /// The format of a line in the log file
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Play a recorded GPS drive (NMEA) instead of simulating a car; a date that goes back starts another drive
    #[arg(long, value_name = "FILE")]
    pub nmea: Option<PathBuf>,

    /// The directory of a journal: the next drive starts with the state of this one
    #[cfg(feature = "file")]
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
}

/// The format of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// `Date: <date>, Speed: <speed>, Location: <location>`
    #[default]
    Log,
    /// `<date>: <speed>, <location>`
    Readme,
}

impl Args {
    /// The directory of the journal, if any.
    pub fn journal(&self) -> Option<PathBuf> {
        #[cfg(feature = "file")]
        return self.journal.clone();
        #[cfg(not(feature = "file"))]
        None
    }

    /// The longest duration. A recording ends by itself.
    pub fn limit(&self) -> Duration {
        let default = if self.nmea.is_some() { Duration::MAX } else { DEFAULT_DURATION };
        self.run_for.unwrap_or(default)
    }

    /// Describe the run in a sentence.
    pub fn greeting(&self) -> String {
        let what = match &self.nmea {
            Some(file) => format!("Playing {}", file.display()),
            None => String::from("Simulating a car"),
        };
        let duration = match self.limit() {
            Duration::MAX => String::from("to its end"),
            limit => format!("for {limit:?}"),
        };
        let speedup = match self.speedup.0 {
            1.0 => String::new(),
            factor => format!(", {factor} times faster"),
        };
        format!(
            "{what} {duration}{speedup}; log file: {}. Press Ctrl-C to stop.",
            self.log.display()
        )
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let hint = "expected a duration above zero, such as 20s, 500ms or 1m30s";
    let time: SignedDuration = text.parse().map_err(|_| String::from(hint))?;
    match Duration::try_from(time) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(String::from(hint)),
    }
}

/// The upper limit corresponds to about a millisecond per poll, the resolution of the timer.
fn speedup(text: &str) -> Result<Speedup, String> {
    match text.parse() {
        Ok(speedup) if (0.01..=10_000.0).contains(&speedup) => Ok(Speedup(speedup)),
        _ => Err(String::from("expected a number from 0.01 to 10000")),
    }
}
