//! Encoding of timestamps as RFC 3339.

use jiff::fmt::temporal::DateTimePrinter;

use super::error::Unreadable;
use crate::model::Timestamp;

const PRINTER: DateTimePrinter = DateTimePrinter::new();

/// Formats a timestamp as RFC 3339, in UTC.
pub(crate) fn format_time(time: Timestamp) -> String {
    let mut text = String::with_capacity(32);
    put_time(&mut text, time);
    text
}

/// Appends a timestamp as RFC 3339, in UTC.
pub(crate) fn put_time(out: &mut impl jiff::fmt::Write, time: Timestamp) {
    let (seconds, nanos) = (time.as_nanos() / 1_000_000_000, time.as_nanos() % 1_000_000_000);
    let Some(time) = i64::try_from(seconds)
        .ok()
        .zip(i32::try_from(nanos).ok())
        .and_then(|(seconds, nanos)| jiff::Timestamp::new(seconds, nanos).ok())
    else {
        unreachable!("64 bits of nanoseconds are in the range of jiff");
    };
    // Writing to memory does not fail.
    let _ = PRINTER.print_timestamp(&time, out);
}

/// Parses a timestamp in RFC 3339. A timestamp out of range is replaced by the nearest in range.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, Unreadable> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|error: jiff::Error| Unreadable(format!("invalid time {text:?}: {error}")))?;
    let nanos = time.as_nanosecond().clamp(1, i128::from(u64::MAX));
    Ok(Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// Encoding of timestamps for `#[serde(with = ...)]`.
pub mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::model::Timestamp;

    /// Encodes a timestamp.
    pub fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::format_time(*time))
    }

    /// Decodes a timestamp.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        super::parse_time(&String::deserialize(from)?).map_err(de::Error::custom)
    }

    /// The same for optional timestamps.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serializer, de};

        use crate::model::Timestamp;

        /// Encodes an optional timestamp.
        pub fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, to),
                None => to.serialize_none(),
            }
        }

        /// Decodes an optional timestamp.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let text = Option::<String>::deserialize(from)?;
            text.map(|text| crate::journal::codec::parse_time(&text).map_err(de::Error::custom))
                .transpose()
        }
    }
}
