//! The timestamps of entries and changes.

use std::fmt;
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in wall-clock time: nanoseconds since the Unix epoch, until the year 2554.
///
/// A timestamp takes eight bytes, and so does an `Option` of one. For operations that it does not have, convert it into
/// a [`SystemTime`].
///
/// # Examples
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use mainspring::Timestamp;
///
/// let start = Timestamp::from(SystemTime::now());
/// let end = start + Duration::from_secs(3);
/// assert_eq!(end.saturating_since(start), Duration::from_secs(3));
/// assert!(SystemTime::from(end) > SystemTime::from(start));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

impl Timestamp {
    /// Creates a timestamp from nanoseconds since the Unix epoch (0 counts as 1).
    pub const fn from_nanos(nanos: u64) -> Self {
        match NonZeroU64::new(nanos) {
            Some(nanos) => Self(nanos),
            None => Self(NonZeroU64::MIN),
        }
    }

    /// Returns the nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0.get()
    }

    /// Returns the time from `earlier` to this timestamp, or zero if `earlier` is not earlier.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.as_nanos().saturating_sub(earlier.as_nanos()))
    }
}

/// Saturates at the end of the range.
impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self::from_nanos(self.as_nanos().saturating_add(nanos_of(span)))
    }
}

/// Times before the Unix epoch or after the year 2554 become the nearest one in range.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self::from_nanos(nanos_of(time.duration_since(UNIX_EPOCH).unwrap_or_default()))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_nanos(time.as_nanos())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_epoch = Duration::from_nanos(self.as_nanos());
        write!(f, "{}.{:09}", since_epoch.as_secs(), since_epoch.subsec_nanos())
    }
}

/// The nanoseconds of a duration, saturating.
pub(crate) fn nanos_of(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_out_of_range_saturates() {
        assert_eq!(Timestamp::from(UNIX_EPOCH - Duration::from_secs(1)).as_nanos(), 1);
        assert_eq!((Timestamp::from_nanos(u64::MAX) + Duration::MAX).as_nanos(), u64::MAX);
        assert_eq!(size_of::<Option<Timestamp>>(), 8);
    }
}
