//! [`SyncPolicy`]: when the log is synced.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When appended changes are synced, so that they survive a power cut.
///
/// Acknowledged changes survive the end of the process under every policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// Before they are acknowledged. A power cut loses no acknowledged change.
    #[default]
    Always,
    /// At most this long after they were appended. A power cut loses the changes acknowledged in that time.
    /// [`JournalStats::unsynced`](crate::journal::JournalStats::unsynced) is how long that is now.
    Every(Duration),
    /// When the operating system writes them, on Linux after about 30 seconds. A power cut loses the changes
    /// acknowledged in that time.
    Os,
}

/// Formats the policy as `always`, `os` or the period, such as `100ms`. The result can be parsed.
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

/// Error of parsing a [`SyncPolicy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid sync policy {0:?}; expected always, os, or a duration such as 100ms")]
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
