//! When the log is synced.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// When what was appended is synced, so that it survives a power cut. What was acknowledged survives the end
/// of the process whichever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
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
/// use mainspring::journal::file::Sync;
///
/// assert_eq!("100ms".parse(), Ok(Sync::Every(Duration::from_millis(100))));
/// for sync in [Sync::Always, Sync::Os, Sync::Every(Duration::from_micros(1_500_300))] {
///     assert_eq!(sync.to_string().parse(), Ok(sync));
/// }
/// assert!("soon".parse::<Sync>().is_err());
/// ```
impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::Every(period) => write!(f, "{period:?}"),
            Self::Os => f.write_str("os"),
        }
    }
}

/// A text that is no [`Sync`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not when to sync: it is always, os, or a time such as 100ms")]
pub struct InvalidSync(String);

impl FromStr for Sync {
    type Err = InvalidSync;

    fn from_str(text: &str) -> Result<Self, InvalidSync> {
        match text {
            "always" => Ok(Self::Always),
            "os" => Ok(Self::Os),
            period => {
                let span: jiff::SignedDuration =
                    period.parse().map_err(|_| InvalidSync(text.into()))?;
                let period = Duration::try_from(span).map_err(|_| InvalidSync(text.into()))?;
                Ok(Self::Every(period))
            }
        }
    }
}
