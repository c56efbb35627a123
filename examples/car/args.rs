//! What the user can ask for.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use jiff::SignedDuration;

use crate::clock::Speedup;

/// How long the simulated car drives, unless said otherwise.
const A_SHORT_DRIVE: Duration = Duration::from_secs(20);

/// A car, the tasks around it, and one token that ends them all.
#[derive(Debug, Parser)]
pub struct Args {
    /// How long to drive, in the time of the car [default: 20s, or to the end of the recording]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub run_for: Option<Duration>,

    /// Let time pass N times faster: the sleeps are shorter, the dates advance faster
    #[arg(long, value_name = "N", default_value = "1", value_parser = speedup, allow_negative_numbers = true)]
    pub speedup: Speedup,

    /// The file to which lines are added
    #[arg(long, value_name = "FILE", default_value = "log.txt")]
    pub log: PathBuf,

    /// What a line of that file looks like
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Play a recorded GPS drive instead of simulating a car; where its dates go back, another drive begins
    #[arg(long, value_name = "FILE")]
    pub nmea: Option<PathBuf>,

    /// The folder of a journal: the next drive begins with what is known from this one
    #[cfg(feature = "file")]
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
}

/// What a line of the log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Format {
    /// `Date: <date>, Speed: <speed>, Location: <location>`
    #[default]
    Log,
    /// `<date>: <speed>, <location>`
    Readme,
}

impl Args {
    /// Where the store keeps what it knows, if it does.
    pub fn journal(&self) -> Option<PathBuf> {
        #[cfg(feature = "file")]
        return self.journal.clone();
        #[cfg(not(feature = "file"))]
        None
    }

    /// When to stop, at the latest. A recording ends by itself.
    pub fn limit(&self) -> Duration {
        let unsaid = if self.nmea.is_some() { Duration::MAX } else { A_SHORT_DRIVE };
        self.run_for.unwrap_or(unsaid)
    }

    /// What is going to happen, in a sentence.
    pub fn greeting(&self) -> String {
        let what = match &self.nmea {
            Some(file) => format!("Playing {}", file.display()),
            None => String::from("Driving"),
        };
        let how_long = match self.limit() {
            Duration::MAX => String::from("to its end"),
            limit => format!("for {limit:?}"),
        };
        let how_fast = match self.speedup.0 {
            1.0 => String::new(),
            speedup => format!(", {speedup} times faster"),
        };
        format!("{what} {how_long}{how_fast}; the log is {}. Ctrl-C ends it.", self.log.display())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let hint = "a time is written like 20s, 500ms or 1m30s";
    let time: SignedDuration = text.parse().map_err(|_| String::from(hint))?;
    match Duration::try_from(time) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err(format!("{hint}, and is more than zero")),
    }
}

/// Much faster than a millisecond a poll makes no sense: that is as finely as the timer can tell.
fn speedup(text: &str) -> Result<Speedup, String> {
    match text.parse() {
        Ok(speedup) if (0.01..=10_000.0).contains(&speedup) => Ok(Speedup(speedup)),
        _ => Err(String::from("a number from 0.01 to 10000")),
    }
}
