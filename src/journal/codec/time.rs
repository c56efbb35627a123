//! Timestamps as RFC 3339.

use jiff::fmt::temporal::DateTimePrinter;

use super::error::Unreadable;
use crate::model::Timestamp;

const PRINTER: DateTimePrinter = DateTimePrinter::new();

/// A timestamp as RFC 3339, in UTC.
pub(crate) fn format_time(time: Timestamp) -> String {
    let mut text = String::with_capacity(32);
    put_time(&mut text, time);
    text
}

/// Write a timestamp as RFC 3339, in UTC.
pub(crate) fn put_time(out: &mut impl jiff::fmt::Write, time: Timestamp) {
    let (seconds, nanos) = (time.as_nanos() / 1_000_000_000, time.as_nanos() % 1_000_000_000);
    let Some(time) = i64::try_from(seconds)
        .ok()
        .zip(i32::try_from(nanos).ok())
        .and_then(|(seconds, nanos)| jiff::Timestamp::new(seconds, nanos).ok())
    else {
        unreachable!("64 bits of nanoseconds are in range");
    };
    // Writing to memory does not fail.
    let _ = PRINTER.print_timestamp(&time, out);
}

/// Parse a timestamp as RFC 3339. One that is out of range becomes the nearest that is not.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, Unreadable> {
    let time: jiff::Timestamp = text
        .parse()
        .map_err(|error: jiff::Error| Unreadable(format!("{text:?} is no time: {error}")))?;
    let nanos = time.as_nanosecond().clamp(1, i128::from(u64::MAX));
    Ok(Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// Timestamps in structs that derive serde's traits.
pub mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::model::Timestamp;

    /// Write a time.
    pub fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::format_time(*time))
    }

    /// Read a time.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        super::parse_time(&String::deserialize(from)?).map_err(de::Error::custom)
    }

    /// Optional timestamps.
    pub mod option {
        use serde::{Deserialize, Deserializer, Serializer, de};

        use crate::model::Timestamp;

        /// Write a time.
        pub fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, to),
                None => to.serialize_none(),
            }
        }

        /// Read a time.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let text = Option::<String>::deserialize(from)?;
            text.map(|text| crate::journal::codec::parse_time(&text).map_err(de::Error::custom))
                .transpose()
        }
    }
}
