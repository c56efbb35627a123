//! Moments as RFC 3339.

use crate::Timestamp;

/// A text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no time: {reason}")]
pub(crate) struct InvalidTime {
    text: Box<str>,
    reason: Box<str>,
}

/// A moment as RFC 3339, in UTC.
pub(crate) fn text_of(time: Timestamp) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos())) {
        Ok(time) => time.to_string(),
        Err(_) => unreachable!("64 bits of nanoseconds are in range"),
    }
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
