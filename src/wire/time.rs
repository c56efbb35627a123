//! Moments as RFC 3339.

use jiff::fmt::temporal::DateTimePrinter;

use crate::Timestamp;

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no time: {reason}")]
pub(crate) struct InvalidTime {
    text: Box<str>,
    reason: Box<str>,
}

const PRINTER: DateTimePrinter = DateTimePrinter::new();

/// A moment as RFC 3339, in UTC.
pub(crate) fn text_of(time: Timestamp) -> String {
    let mut text = String::with_capacity(32);
    put(&mut text, time);
    text
}

/// Write a moment as RFC 3339, in UTC.
pub(crate) fn put_time(out: &mut Vec<u8>, time: Timestamp) {
    put(out, time);
}

fn put(out: &mut impl jiff::fmt::Write, time: Timestamp) {
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

/// A moment that was written as RFC 3339. What is out of range becomes the nearest that is not.
pub(crate) fn time_of(text: &str) -> Result<Timestamp, InvalidTime> {
    let time: jiff::Timestamp = text.parse().map_err(|error: jiff::Error| InvalidTime {
        text: text.into(),
        reason: error.to_string().into(),
    })?;
    let nanos = time.as_nanosecond().clamp(1, i128::from(u64::MAX));
    Ok(Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// Moments in what serde reads and writes.
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de};

    use crate::Timestamp;

    pub(crate) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::text_of(*time))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        super::time_of(&String::deserialize(from)?).map_err(de::Error::custom)
    }

    /// Those that may be missing.
    pub(crate) mod option {
        use serde::{Deserialize, Deserializer, Serializer, de};

        use crate::Timestamp;

        pub(crate) fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => super::serialize(time, to),
                None => to.serialize_none(),
            }
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            let text = Option::<String>::deserialize(from)?;
            text.map(|text| super::super::time_of(&text).map_err(de::Error::custom)).transpose()
        }
    }
}
