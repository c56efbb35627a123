//! When the log is synced.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When what was appended is synced, so that it survives a power cut. What was acknowledged survives the end
/// of the process whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// Before it is acknowledged: a power cut costs nothing.
    #[default]
    Always,
    /// At most this long after it was appended: a power cut costs what was acknowledged in that time.
    /// [`JournalStats::unsynced`](crate::journal::JournalStats::unsynced) says how long that is now.
    Every(Duration),
    /// When the system sees fit, which is after some 30 seconds on Linux: a power cut costs what was
    /// acknowledged in that time.
    Os,
}

/// As `always`, `os` or the period, such as `100ms`, which can be parsed again.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use mainspring::journal::file::SyncPolicy;
///
/// assert_eq!("100ms".parse(), Ok(SyncPolicy::Every(Duration::from_millis(100))));
/// for sync in [SyncPolicy::Always, SyncPolicy::Os, SyncPolicy::Every(Duration::from_micros(1_500_300))] {
///     assert_eq!(sync.to_string().parse(), Ok(sync));
/// }
/// assert!("soon".parse::<SyncPolicy>().is_err());
/// ```
impl fmt::Display for SyncPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Every(period) => write!(f, "{period:?}"),
            Self::Os => f.write_str("os"),
        }
    }
}

/// A text that is no [`SyncPolicy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not when to sync: it is always, os, or a time such as 100ms")]
pub struct InvalidSyncPolicy(String);

impl FromStr for SyncPolicy {
    type Err = InvalidSyncPolicy;

    fn from_str(text: &str) -> Result<Self, InvalidSyncPolicy> {
        match text {
            "always" => Ok(Self::Always),
            "os" => Ok(Self::Os),
            period => {
                let span: jiff::SignedDuration =
                    period.parse().map_err(|_| InvalidSyncPolicy(text.into()))?;
                let period =
                    Duration::try_from(span).map_err(|_| InvalidSyncPolicy(text.into()))?;
                Ok(Self::Every(period))
            }
        }
    }
}
