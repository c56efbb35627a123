//! Requests that were not answered as they should be: what that means, and whether to ask again.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt::{self, Write};
use std::time::Duration;

use mainspring::{Error, Key};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::address::Address;
use crate::protocol::Problem;

/// The longest wait that a server can ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Whether a request changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Read,
    Write,
}

/// Why a request was not answered as it should be.
#[derive(Debug)]
pub(super) enum Fault {
    /// There is no such request.
    Invalid(String),
    /// There was no connection, or it ended before anything was written: the server knows nothing of the request.
    Unsent(String),
    /// There was no connection, because of the certificate of who answered.
    #[cfg(feature = "tls")]
    Untrusted(String),
    /// There was one, and no whole answer came back. The server may have done what was asked.
    Lost(String),
    /// An answer came back, and it is none that can be read.
    Unreadable(String),
    /// The answer is longer than this client takes.
    TooLong {
        /// The entry that it is of, if it is of one.
        key: Option<Key>,
        /// How long it is, if the server says so.
        bytes: Option<u64>,
        limit: usize,
    },
    /// The server, or something before it, said no.
    Refused { status: StatusCode, problem: Option<Problem>, after: Option<Duration> },
}

impl Fault {
    pub(super) fn of(error: reqwest::Error) -> Self {
        #[cfg(feature = "tls")]
        if error.is_connect()
            && let Some(why) = super::tls::distrust(&error)
        {
            return Self::Untrusted(why);
        }
        let kind = if error.is_builder() {
            Self::Invalid
        } else if error.is_connect() || !was_begun(&error) {
            Self::Unsent
        } else {
            Self::Lost
        };
        kind(reasons(error))
    }

    /// An answer that is no success.
    pub(super) fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let after = headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let problem = serde_json::from_slice(body).ok();
        Self::Refused { status, problem, after: after.map(Duration::from_secs) }
    }

    /// The same, of an answer that is the entry of a key or a part of it.
    pub(super) fn about(mut self, of: &Key) -> Self {
        if let Self::TooLong { key, .. } = &mut self {
            *key = Some(of.clone());
        }
        self
    }

    /// Whether a shorter answer may be taken.
    pub(super) fn is_too_long(&self) -> bool {
        matches!(self, Self::TooLong { .. })
    }

    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { problem, .. } => problem.as_ref().map(|problem| &*problem.code),
            _ => None,
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// How long to wait, where the server says so.
    pub(super) fn after(&self) -> Option<Duration> {
        match self {
            Self::Refused { after, .. } => *after,
            _ => None,
        }
    }

    /// There is nobody to ask as.
    pub(super) fn unauthorized() -> Self {
        Self::Refused { status: StatusCode::UNAUTHORIZED, problem: None, after: None }
    }

    /// Whether the server wants to know who asks: nothing was done.
    pub(super) fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }

    /// The same, of what comes before a request that is then not sent.
    pub(super) fn of_preparation(self) -> Self {
        match self {
            Self::Lost(why) | Self::Unreadable(why) => Self::Unsent(why),
            Self::TooLong { .. } => Self::Unsent(self.to_string()),
            Self::Refused { status, .. } if status.is_server_error() => {
                Self::Unsent(self.to_string())
            }
            other => other,
        }
    }

    /// Whether the request is longer than the server takes: nothing of it was done.
    pub(super) fn is_too_large(&self) -> bool {
        matches!(self, Self::Refused { status: StatusCode::PAYLOAD_TOO_LARGE, .. })
    }

    /// Of a batch: which of its writes failed.
    pub(super) fn index(&self) -> usize {
        match self {
            Self::Refused { problem: Some(problem), .. } => problem.index().unwrap_or_default(),
            _ => 0,
        }
    }

    /// Whether nothing can have happened yet that should happen only once.
    pub(super) fn may_retry(&self, effect: Effect) -> bool {
        match self {
            Self::Invalid(_) | Self::Unreadable(_) | Self::TooLong { .. } => false,
            // It would be the same one the next moment.
            #[cfg(feature = "tls")]
            Self::Untrusted(_) => false,
            Self::Unsent(_) => true,
            Self::Lost(_) => effect == Effect::Read,
            Self::Refused { status, .. } => match self.code() {
                // Said before the command is queued.
                Some(code) => matches!(code, "busy" | "recovering"),
                // A proxy that does not reach its server, or lost the answer.
                None => effect == Effect::Read && matches!(status.as_u16(), 502..=504),
            },
        }
    }

    /// How long to wait before asking again: at least as long as was asked for, within limits.
    pub(super) fn wait(&self, at_least: Duration) -> Duration {
        match self {
            Self::Refused { after: Some(after), .. } => at_least.max(*after.min(&LONGEST_WAIT)),
            _ => at_least,
        }
    }

    pub(super) fn into_error(self, effect: Effect, address: &Address) -> Error {
        let unreachable =
            |why: &dyn fmt::Display| Error::Unreachable(format!("{address}: {why}").into());
        match self {
            Self::Invalid(why) => Error::Rejected(why.into()),
            Self::Unsent(why) => unreachable(&why),
            #[cfg(feature = "tls")]
            Self::Untrusted(why) => unreachable(&why),
            Self::Lost(why) if effect == Effect::Read => unreachable(&why),
            Self::Lost(why) => {
                tracing::warn!(server = %address, why, "a write was sent, and its answer was lost");
                Error::Unknown
            }
            Self::Unreadable(why) => unreadable(effect, address, why),
            Self::TooLong { .. } => unreadable(effect, address, self),
            Self::Refused { problem: Some(problem), .. } => match &*problem.code {
                // A read that fails has no outcome that could be unknown.
                "internal" if effect == Effect::Read => Error::Rejected(problem.message.into()),
                _ => problem.into_error(),
            },
            Self::Refused { status, problem: None, .. } => match (status.as_u16(), effect) {
                (401, _) => Error::Unauthorized,
                (403, _) => Error::Forbidden,
                (413, _) => Error::RequestTooLarge { limit: None },
                (500.., Effect::Read) => unreachable(&format_args!("it answered {status}")),
                (500.., Effect::Write) => {
                    tracing::warn!(server = %address, %status, "the server does not say what became of a write");
                    Error::Unknown
                }
                _ => Error::Rejected(
                    format!("{address} answered {status}: is it a Mainspring server?").into(),
                ),
            },
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(why) | Self::Unsent(why) | Self::Lost(why) | Self::Unreadable(why) => {
                f.write_str(why)
            }
            #[cfg(feature = "tls")]
            Self::Untrusted(why) => f.write_str(why),
            Self::TooLong { key, bytes, limit } => {
                match key {
                    Some(key) => write!(f, "the entry {:?} is ", key.as_str())?,
                    None => f.write_str("it is ")?,
                }
                match bytes {
                    Some(bytes) => write!(f, "{bytes} bytes long, and this client takes {limit}")?,
                    None => {
                        write!(f, "longer than {limit} bytes, the most that this client takes")?;
                    }
                }
                f.write_str(": raise its max_answer_bytes")
            }
            Self::Refused { status, problem: None, .. } => write!(f, "it answered {status}"),
            Self::Refused { problem: Some(problem), .. } => f.write_str(&problem.message),
        }
    }
}

/// A success that makes no sense.
pub(super) fn unreadable(effect: Effect, address: &Address, why: impl fmt::Display) -> Error {
    match effect {
        Effect::Read => {
            Error::Rejected(format!("what {address} answered cannot be read: {why}").into())
        }
        // It was probably done.
        Effect::Write => {
            tracing::warn!(server = %address, %why, "the answer to a write cannot be read");
            Error::Unknown
        }
    }
}

/// Whether something of the request may have been written. Nothing was where the server spoke first, as it does to
/// connections beyond its limit, or closed the connection first.
fn was_begun(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        // That the server spoke first has no name but its text. hyper looks for it only while no request is begun.
        let is_before = |error: &hyper::Error| {
            error.is_canceled()
                || error.is_closed()
                || error.to_string() == "received unexpected message from connection"
        };
        if error.downcast_ref().is_some_and(is_before) {
            return false;
        }
        cause = error.source();
    }
    true
}

/// An error with its causes: by itself it says only that something went wrong. Without the address, which may have
/// a password in it.
fn reasons(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = Cow::from(error.to_string());
    let mut cause = error.source();
    while let Some(error) = cause {
        let why = error.to_string();
        if !text.contains(&why) {
            let _ = write!(text.to_mut(), ": {why}");
        }
        cause = error.source();
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::Effect::{Read, Write};
    use super::*;

    fn refused(status: u16, body: &str) -> Fault {
        let status = StatusCode::from_u16(status).unwrap();
        Fault::refusal(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn only_what_cannot_have_happened_is_asked_again() {
        let problem = |code: &str| format!(r#"{{"code":"{code}","message":"m"}}"#);
        for (fault, read, write) in [
            (Fault::Invalid(String::new()), false, false),
            (Fault::Unsent(String::new()), true, true),
            (Fault::Lost(String::new()), true, false),
            (Fault::Unreadable(String::new()), false, false),
            (refused(503, &problem("busy")), true, true),
            (refused(503, &problem("recovering")), true, true),
            (refused(503, &problem("shutting_down")), false, false),
            (refused(503, &problem("journal_failed")), false, false),
            (refused(500, &problem("outcome_unknown")), false, false),
            (refused(412, &problem("revision_mismatch")), false, false),
            (refused(503, "<html>"), true, false),
            (refused(502, ""), true, false),
            (refused(500, ""), false, false),
            (refused(404, ""), false, false),
        ] {
            assert_eq!((fault.may_retry(Read), fault.may_retry(Write)), (read, write), "{fault:?}");
        }
    }

    #[test]
    fn a_server_can_ask_for_a_wait_but_not_for_any() {
        let second = Duration::from_secs(1);
        for (after, wait) in
            [("0", second), ("2", 2 * second), ("86400", 5 * second), ("x", second)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            let fault = Fault::refusal(StatusCode::SERVICE_UNAVAILABLE, &headers, b"");
            assert_eq!(fault.wait(second), wait);
        }
    }

    #[test]
    fn an_error_says_whether_something_may_have_happened() {
        let address = Address::parse("http://h").unwrap();
        let error = |fault: Fault, effect| fault.into_error(effect, &address);
        let lost = || Fault::Lost("cut".into());
        assert_eq!(error(lost(), Read), Error::Unreachable("http://h: cut".into()));
        assert_eq!(error(lost(), Write), Error::Unknown);
        let unsent = Fault::Unsent("refused".into());
        assert_eq!(error(unsent, Write), Error::Unreachable("http://h: refused".into()));
        assert_eq!(error(refused(502, "<html>"), Write), Error::Unknown);
        assert!(matches!(error(refused(502, ""), Read), Error::Unreachable(_)));
        assert_eq!(error(refused(401, ""), Write), Error::Unauthorized);
        assert_eq!(error(refused(403, "no"), Read), Error::Forbidden);
        assert!(matches!(error(refused(404, "no"), Write), Error::Rejected(_)));
        assert_eq!(error(refused(413, "<html>"), Write), Error::RequestTooLarge { limit: None });
        let unreadable = || Fault::Unreadable("too long".into());
        assert!(matches!(error(unreadable(), Read), Error::Rejected(_)));
        assert_eq!(error(unreadable(), Write), Error::Unknown);
        assert!(matches!(error(refused(302, ""), Read), Error::Rejected(_)));
        let internal = r#"{"code":"internal","message":"m"}"#;
        assert_eq!(error(refused(500, internal), Read), Error::Rejected("m".into()));
        assert_eq!(error(refused(500, internal), Write), Error::Unknown);
        let absent = r#"{"code":"item_not_found","message":"m"}"#;
        assert_eq!(error(refused(404, absent), Write), Error::NotFound);
    }
}
