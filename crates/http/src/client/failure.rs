//! Failures of requests: their meaning for the caller, and whether to retry.

use std::borrow::Cow;
use std::error::Error as _;
use std::fmt::{self, Write};
use std::time::Duration;

use mainspring::{Error, Key};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use super::address::Address;
use crate::protocol::Problem;

/// The longest wait that a server can request.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Whether a request changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Read,
    Write,
}

/// Why a request failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The request is invalid and was not sent.
    Invalid(String),
    /// There was no connection, or it ended before anything was written: the server has not received the request.
    Unsent(String),
    /// There was no connection, because the certificate of the server is not trusted.
    #[cfg(feature = "tls")]
    Untrusted(String),
    /// The connection ended before a complete response arrived. The server may have processed the request.
    Lost(String),
    /// The response cannot be decoded.
    Unreadable(String),
    /// The response is longer than the limit of the client.
    TooLong {
        /// The key of the entry in the response, if there is one.
        key: Option<Key>,
        /// The length, if the server has sent it.
        bytes: Option<u64>,
        limit: usize,
    },
    /// The server, or a proxy, responded with an error.
    Status { status: StatusCode, problem: Option<Problem>, after: Option<Duration> },
}

impl Failure {
    pub(super) fn from_reqwest(error: reqwest::Error) -> Self {
        #[cfg(feature = "tls")]
        if error.is_connect()
            && let Some(why) = super::tls::trust_failure(&error)
        {
            return Self::Untrusted(why);
        }
        let kind = if error.is_builder() {
            Self::Invalid
        } else if error.is_connect() || !may_have_been_written(&error) {
            Self::Unsent
        } else {
            Self::Lost
        };
        kind(error_chain(error))
    }

    /// Converts a response with an error status.
    pub(super) fn from_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let after = headers.get(RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        let problem = serde_json::from_slice(body).ok();
        Self::Status { status, problem, after: after.map(Duration::from_secs) }
    }

    /// Adds the key of the entry that the response is about.
    pub(super) fn with_key(mut self, of: &Key) -> Self {
        if let Self::TooLong { key, .. } = &mut self {
            *key = Some(of.clone());
        }
        self
    }

    /// Whether the response exceeds the limit of the client, so that a smaller page may succeed.
    pub(super) fn is_too_long(&self) -> bool {
        matches!(self, Self::TooLong { .. })
    }

    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Status { problem, .. } => problem.as_ref().map(|problem| &*problem.code),
            _ => None,
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// The value of `Retry-After`, if the response has one.
    pub(super) fn after(&self) -> Option<Duration> {
        match self {
            Self::Status { after, .. } => *after,
            _ => None,
        }
    }

    /// The login has ended: there is no token to authenticate with.
    pub(super) fn unauthorized() -> Self {
        Self::Status { status: StatusCode::UNAUTHORIZED, problem: None, after: None }
    }

    /// Whether the server rejected the credentials. Nothing was done then.
    pub(super) fn is_unauthorized(&self) -> bool {
        self.status() == Some(401)
    }

    /// Converts the failure of a preparatory request, after which the actual request is not sent.
    pub(super) fn before_request(self) -> Self {
        match self {
            Self::Lost(why) | Self::Unreadable(why) => Self::Unsent(why),
            Self::TooLong { .. } => Self::Unsent(self.to_string()),
            Self::Status { status, .. } if status.is_server_error() => {
                Self::Unsent(self.to_string())
            }
            other => other,
        }
    }

    /// Whether the request exceeds the limit of the server. Nothing was done then.
    pub(super) fn is_too_large(&self) -> bool {
        matches!(self, Self::Status { status: StatusCode::PAYLOAD_TOO_LARGE, .. })
    }

    /// The index of the write that failed, for a batch.
    pub(super) fn index(&self) -> usize {
        match self {
            Self::Status { problem: Some(problem), .. } => problem.index().unwrap_or_default(),
            _ => 0,
        }
    }

    /// Whether a retry is useful, and cannot apply a write twice.
    pub(super) fn may_retry(&self, effect: Effect) -> bool {
        match self {
            Self::Invalid(_) | Self::Unreadable(_) | Self::TooLong { .. } => false,
            // A retry would get the same certificate.
            #[cfg(feature = "tls")]
            Self::Untrusted(_) => false,
            Self::Unsent(_) => true,
            Self::Lost(_) => effect == Effect::Read,
            Self::Status { status, .. } => match self.code() {
                // The server sends these codes before it queues the command.
                Some(code) => matches!(code, "busy" | "recovering"),
                // A proxy that cannot reach its server, or has lost the response.
                None => effect == Effect::Read && matches!(status.as_u16(), 502..=504),
            },
        }
    }

    /// The pause before a retry: at least that of the server's `Retry-After`, up to a limit.
    pub(super) fn wait(&self, at_least: Duration) -> Duration {
        match self {
            Self::Status { after: Some(after), .. } => at_least.max(*after.min(&LONGEST_WAIT)),
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
                tracing::warn!(server = %address, why, "a write was sent, and its response was lost");
                Error::Unknown
            }
            Self::Unreadable(why) => unreadable(effect, address, why),
            Self::TooLong { .. } => unreadable(effect, address, self),
            Self::Status { problem: Some(problem), .. } => match &*problem.code {
                // The outcome of a failed read is never unknown.
                "internal" if effect == Effect::Read => Error::Rejected(problem.message.into()),
                _ => problem.into_error(),
            },
            Self::Status { status, problem: None, .. } => match (status.as_u16(), effect) {
                (401, _) => Error::Unauthorized,
                (403, _) => Error::Forbidden,
                (413, _) => Error::RequestTooLarge { limit: None },
                (500.., Effect::Read) => {
                    unreachable(&format_args!("the server responded {status}"))
                }
                (500.., Effect::Write) => {
                    tracing::warn!(server = %address, %status, "the outcome of a write is unknown");
                    Error::Unknown
                }
                _ => Error::Rejected(
                    format!("{address} responded {status}; is it a Mainspring server?").into(),
                ),
            },
        }
    }
}

impl fmt::Display for Failure {
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
                    None => f.write_str("the response is ")?,
                }
                match bytes {
                    Some(bytes) => write!(f, "{bytes} bytes long, and the limit is {limit}")?,
                    None => write!(f, "longer than the limit of {limit} bytes")?,
                }
                f.write_str("; raise max_answer_bytes of the client")
            }
            Self::Status { status, problem: None, .. } => {
                write!(f, "the server responded {status}")
            }
            Self::Status { problem: Some(problem), .. } => f.write_str(&problem.message),
        }
    }
}

/// The error for a successful response that cannot be decoded.
pub(super) fn unreadable(effect: Effect, address: &Address, why: impl fmt::Display) -> Error {
    match effect {
        Effect::Read => {
            Error::Rejected(format!("cannot decode the response of {address}: {why}").into())
        }
        // The write was probably applied.
        Effect::Write => {
            tracing::warn!(server = %address, %why, "cannot decode the response to a write");
            Error::Unknown
        }
    }
}

/// Whether a part of the request may have been written. Nothing was written if the server sent a response first, as it
/// does on connections beyond its limit, or closed the connection first.
fn may_have_been_written(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        // hyper identifies an early response only by its message. It checks for one only before it writes a request.
        let is_before_request = |error: &hyper::Error| {
            error.is_canceled()
                || error.is_closed()
                || error.to_string() == "received unexpected message from connection"
        };
        if error.downcast_ref().is_some_and(is_before_request) {
            return false;
        }
        cause = error.source();
    }
    true
}

/// Formats an error with its causes, because reqwest's own message is generic. The URL, which may contain a password, is
/// removed.
fn error_chain(error: reqwest::Error) -> String {
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

    fn rejected(status: u16, body: &str) -> Failure {
        let status = StatusCode::from_u16(status).unwrap();
        Failure::from_response(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn only_requests_without_an_effect_are_retried() {
        let problem = |code: &str| format!(r#"{{"code":"{code}","message":"m"}}"#);
        for (failure, read, write) in [
            (Failure::Invalid(String::new()), false, false),
            (Failure::Unsent(String::new()), true, true),
            (Failure::Lost(String::new()), true, false),
            (Failure::Unreadable(String::new()), false, false),
            (rejected(503, &problem("busy")), true, true),
            (rejected(503, &problem("recovering")), true, true),
            (rejected(503, &problem("shutting_down")), false, false),
            (rejected(503, &problem("journal_failed")), false, false),
            (rejected(500, &problem("outcome_unknown")), false, false),
            (rejected(412, &problem("revision_mismatch")), false, false),
            (rejected(503, "<html>"), true, false),
            (rejected(502, ""), true, false),
            (rejected(500, ""), false, false),
            (rejected(404, ""), false, false),
        ] {
            assert_eq!(
                (failure.may_retry(Read), failure.may_retry(Write)),
                (read, write),
                "{failure:?}"
            );
        }
    }

    #[test]
    fn retry_after_is_respected_up_to_a_limit() {
        let second = Duration::from_secs(1);
        for (after, wait) in
            [("0", second), ("2", 2 * second), ("86400", 5 * second), ("x", second)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            let failure = Failure::from_response(StatusCode::SERVICE_UNAVAILABLE, &headers, b"");
            assert_eq!(failure.wait(second), wait);
        }
    }

    #[test]
    fn error_distinguishes_failed_and_unknown_writes() {
        let address = Address::parse("http://h").unwrap();
        let error = |failure: Failure, effect| failure.into_error(effect, &address);
        let lost = || Failure::Lost("cut".into());
        assert_eq!(error(lost(), Read), Error::Unreachable("http://h: cut".into()));
        assert_eq!(error(lost(), Write), Error::Unknown);
        let unsent = Failure::Unsent("refused".into());
        assert_eq!(error(unsent, Write), Error::Unreachable("http://h: refused".into()));
        assert_eq!(error(rejected(502, "<html>"), Write), Error::Unknown);
        assert!(matches!(error(rejected(502, ""), Read), Error::Unreachable(_)));
        assert_eq!(error(rejected(401, ""), Write), Error::Unauthorized);
        assert_eq!(error(rejected(403, "no"), Read), Error::Forbidden);
        assert!(matches!(error(rejected(404, "no"), Write), Error::Rejected(_)));
        assert_eq!(error(rejected(413, "<html>"), Write), Error::RequestTooLarge { limit: None });
        let unreadable = || Failure::Unreadable("too long".into());
        assert!(matches!(error(unreadable(), Read), Error::Rejected(_)));
        assert_eq!(error(unreadable(), Write), Error::Unknown);
        assert!(matches!(error(rejected(302, ""), Read), Error::Rejected(_)));
        let internal = r#"{"code":"internal","message":"m"}"#;
        assert_eq!(error(rejected(500, internal), Read), Error::Rejected("m".into()));
        assert_eq!(error(rejected(500, internal), Write), Error::Unknown);
        let absent = r#"{"code":"item_not_found","message":"m"}"#;
        assert_eq!(error(rejected(404, absent), Write), Error::NotFound);
    }
}
