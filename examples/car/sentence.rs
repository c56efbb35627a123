//! What a line of a GPS recording says.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use nmea::sentences::rmc::RmcStatusOfFix;
use nmea::{Error, ParseResult, parse_bytes};

use crate::odometer::Position;

/// A knot is a nautical mile, 1852 metres, an hour.
const KMH_PER_KNOT: f64 = 1.852;

/// What a line says, as far as it concerns us.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sentence {
    /// Where the car was.
    Fix { date: DateTime, position: Position, speed: f64 },
    /// The receiver did not know where it was, but perhaps when.
    NoFix { date: Option<DateTime> },
    /// Sound, but about something else; or a comment, or empty.
    Other,
    /// Damaged, or no NMEA at all.
    Garbage,
}

impl Sentence {
    /// Read a line. Of the many sentences of a receiver one has all that we need: `RMC`, the
    /// "recommended minimum".
    pub fn parse(line: &[u8]) -> Self {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            return Self::Other; // gpsd, from where the recordings come, writes comments like this
        }
        let rmc = match parse_bytes(line) {
            Ok(ParseResult::RMC(rmc)) => rmc,
            Ok(_) | Err(Error::DisabledSentence | Error::Unsupported(_)) => return Self::Other,
            Err(_) => return Self::Garbage,
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
            Self::Other | Self::Garbage => None,
        }
    }
}

/// Receivers tell thousandths of a knot, the parser gives an `f32`: what is beyond is noise, which would
/// show in the sixth decimal.
fn kmh(knots: f32) -> f64 {
    (f64::from(knots) * 1_000.0).round() / 1_000.0 * KMH_PER_KNOT
}
