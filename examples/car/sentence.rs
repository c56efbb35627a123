//! Parses the lines of a GPS recording.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use nmea::sentences::rmc::RmcStatusOfFix;
use nmea::{Error, ParseResult, parse_bytes};

use crate::odometer::Position;

/// A knot is a nautical mile, 1852 metres, an hour.
const KMH_PER_KNOT: f64 = 1.852;

/// The relevant content of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sentence {
    /// A position.
    Fix { date: DateTime, position: Position, speed: f64 },
    /// No position, but possibly a date.
    NoFix { date: Option<DateTime> },
    /// Another valid sentence, a comment, or an empty line.
    Other,
    /// Not valid NMEA.
    Invalid,
}

impl Sentence {
    /// Parse a line. Only `RMC` sentences ("recommended minimum") are used: they contain all necessary values.
    pub fn parse(line: &[u8]) -> Self {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Self::Other; // comments of gpsd, the source of the recordings
        }
        let rmc = match parse_bytes(line) {
            Ok(ParseResult::RMC(rmc)) => rmc,
            Ok(_) | Err(Error::DisabledSentence | Error::Unsupported(_)) => return Self::Other,
            Err(_) => return Self::Invalid,
        };
        let date = rmc.fix_date.zip(rmc.fix_time).and_then(|(date, time)| {
            let millis = date.and_time(time).and_utc().timestamp_millis();
            let moment = jiff::Timestamp::from_millisecond(millis).ok()?;
            Some(moment.to_zoned(TimeZone::UTC).datetime())
        });
        let fix = rmc.status_of_fix != RmcStatusOfFix::Invalid;
        match (date, rmc.lat, rmc.lon, rmc.speed_over_ground) {
            (Some(date), Some(latitude), Some(longitude), Some(knots)) if fix => {
                let position = Position { latitude, longitude };
                Self::Fix { date, position, speed: kmh(knots) }
            }
            _ => Self::NoFix { date },
        }
    }

    pub fn date(&self) -> Option<DateTime> {
        match self {
            Self::Fix { date, .. } => Some(*date),
            Self::NoFix { date } => *date,
            Self::Other | Self::Invalid => None,
        }
    }
}

/// Receivers report thousandths of a knot, but the parser returns an `f32`. Round away its error, which would appear in
/// the sixth decimal.
fn kmh(knots: f32) -> f64 {
    (f64::from(knots) * 1_000.0).round() / 1_000.0 * KMH_PER_KNOT
}
