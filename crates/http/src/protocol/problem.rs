//! Errors as JSON: `code`, `message`, and details for programs.

use std::borrow::Cow;

use mainspring::{BatchError, Error, Refusal};
use serde::{Deserialize, Deserializer, Serialize};

/// The error codes, by their HTTP status.
pub(crate) const STATUSES: &[(u16, &[&str])] = &[
    (400, &["invalid_json", "invalid_request", "invalid_ttl"]),
    (401, &["unauthorized"]),
    (403, &["forbidden"]),
    (404, &["item_not_found", "not_found", "account_not_found"]),
    (405, &["method_not_allowed"]),
    (408, &["timeout"]),
    (409, &["invalid_data_type", "list_empty", "refused", "wrong_store", "account_exists"]),
    (410, &["compacted"]),
    (412, &["revision_mismatch"]),
    (413, &["too_large"]),
    (421, &["misdirected"]),
    (429, &["too_many_attempts"]),
    (500, &["compaction_failed", "outcome_unknown", "internal"]),
    (503, &["busy", "shutting_down", "recovering", "journal_failed", "failed"]),
    (507, &["memory_limit", "storage_full"]),
];

/// Why a request failed. The members besides the first two depend on the code.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub(crate) struct Problem {
    /// The error code, for programs.
    #[cfg_attr(feature = "server", schema(value_type = String, pattern = "^[a-z_]+$"))]
    pub(crate) code: Cow<'static, str>,
    /// What is wrong and what to do, for people.
    #[cfg_attr(feature = "server", schema(value_type = String))]
    pub(crate) message: Cow<'static, str>,
    /// The members that depend on the code.
    #[serde(flatten)]
    #[cfg_attr(feature = "server", schema(value_type = ProblemDetails))]
    details: Option<Box<ProblemDetails>>,
}

/// Defines the struct of the members that a problem may have.
macro_rules! details {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty $(, $serde:ident = $with:literal)?;)+) => {
        /// Details of a problem besides its code.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
        struct ProblemDetails {
            $($(#[doc = $doc])+
            #[serde(default, skip_serializing_if = "Option::is_none" $(, $serde = $with)?)]
            #[cfg_attr(feature = "server", schema(value_type = $type, required = false))]
            $name: Option<$type>,)+
        }
    };
}

details! {
    /// Of a batch: the index of the failed command, from 0.
    index: usize;
    /// Of `revision_mismatch`: the revision that the key has, or `null` if it is absent.
    current: Option<u64>, deserialize_with = "present";
    /// Of `compacted`: the oldest revision after which all changes are available.
    oldest: u64;
    /// Of an invalid position to resume from: the revision that was requested.
    asked: u64;
    /// Of a revision that has not been reached: the newest of the store.
    head: u64;
    /// Of a revision inside a batch: the last position to resume from before it.
    before: u64;
    /// Of a key of a wrong length: its length in bytes.
    length: usize;
    /// Of `memory_limit`: the limit that was exceeded, `entries` or `bytes`.
    what: Cow<'static, str>;
    /// Of an exceeded limit: its value.
    limit: u64;
    /// Of `too_large`: the weight of the entry in bytes.
    weight: u64;
    /// The number of seconds to wait before the next attempt.
    retry_after: u64;
    /// Why a gate, a journal or the store itself rejected the request.
    reason: Cow<'static, str>;
    /// Of `internal`: the revision of a write that was applied, but whose result could not be encoded.
    revision: u64;
}

/// Distinguishes a `null` from an absent member.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl Problem {
    pub(crate) fn new(
        code: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { code: code.into(), message: message.into(), ..Self::default() }
    }

    /// Adds the index of the failed command of a batch.
    pub(crate) fn at(mut self, index: usize) -> Self {
        self.details.get_or_insert_default().index = Some(index);
        self
    }

    /// Adds the revision of a write that was applied before the failure.
    #[cfg(feature = "server")]
    pub(crate) fn after(mut self, revision: u64) -> Self {
        self.details.get_or_insert_default().revision = Some(revision);
        self
    }

    /// Returns the index of the failed command of a batch, from 0.
    pub(crate) fn index(&self) -> Option<usize> {
        self.details.as_ref()?.index
    }

    /// Adds the time to wait before the next attempt, rounded up to at least one second.
    #[cfg(feature = "server")]
    pub(crate) fn with_retry_after(mut self, wait: std::time::Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.details.get_or_insert_default().retry_after = Some(seconds.max(1));
        self
    }

    /// Returns the number of seconds to wait before the next attempt.
    #[cfg(feature = "server")]
    pub(crate) fn retry_after(&self) -> u64 {
        self.details.as_ref().and_then(|details| details.retry_after).unwrap_or(1)
    }

    /// Whether the problem guarantees that nothing was changed.
    #[cfg(feature = "server")]
    pub(crate) fn is_certain(&self) -> bool {
        !matches!(&*self.code, "outcome_unknown" | "failed" | "internal")
    }

    /// The HTTP status of the code.
    pub(crate) fn status(&self) -> u16 {
        let of_status = STATUSES.iter().find(|(_, codes)| codes.contains(&&*self.code));
        of_status.map_or(400, |(status, _)| *status)
    }

    /// Converts to the error of the library.
    pub(crate) fn into_error(self) -> Error {
        let ProblemDetails {
            current,
            oldest,
            asked,
            head,
            before,
            length,
            what,
            limit,
            weight,
            reason,
            ..
        } = self.details.map_or_else(ProblemDetails::default, |details| *details);
        let reason = reason.as_deref().unwrap_or(&self.message);
        match &*self.code {
            "item_not_found" => Error::NotFound,
            "invalid_data_type" => Error::WrongKind,
            "list_empty" => Error::ListEmpty,
            "revision_mismatch" => Error::ConditionFailed { current: current.flatten() },
            "invalid_ttl" => Error::InvalidTtl,
            "too_large" => match (weight, limit) {
                (Some(weight), Some(limit)) => Error::TooLarge { weight, limit },
                _ => Error::RequestTooLarge { limit },
            },
            "memory_limit" => Error::OverLimit {
                what: if what.as_deref() == Some("bytes") { "bytes" } else { "entries" },
                limit: limit.unwrap_or_default(),
            },
            "storage_full" => Error::JournalFull(reason.into()),
            "compaction_failed" => Error::CompactionFailed(reason.into()),
            "refused" => Refusal::new(reason).into(),
            "busy" => Error::Busy,
            "shutting_down" => Error::Closed,
            "recovering" => Error::Recovering,
            "journal_failed" => Error::JournalFailed(reason.into()),
            "failed" => Error::Failed(reason.into()),
            "outcome_unknown" | "internal" => Error::Unknown,
            "compacted" => Error::Compacted { oldest: oldest.unwrap_or_default() },
            "wrong_store" => Error::WrongStore,
            "invalid_request" => match (length, asked, head, before) {
                (Some(length), ..) => Error::InvalidKey { length },
                (_, Some(asked), Some(head), _) => Error::AheadOfHead { asked, head },
                (_, Some(asked), _, Some(before)) => Error::InsideBatch { asked, before },
                _ => Error::Rejected(self.message.into()),
            },
            "unauthorized" => Error::Unauthorized,
            "forbidden" => Error::Forbidden,
            _ => Error::Rejected(self.message.into()),
        }
    }
}

impl From<&BatchError> for Problem {
    fn from(failed: &BatchError) -> Self {
        Self::from(&failed.error).at(failed.index)
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        let problem = |code: &'static str| Self::new(code, error.to_string());
        let detailed = |code, details| Self { details: Some(Box::new(details)), ..problem(code) };
        let none = ProblemDetails::default;
        let with_reason = |code, reason: &str| {
            detailed(code, ProblemDetails { reason: Some(reason.to_owned().into()), ..none() })
        };
        match error {
            Error::NotFound => problem("item_not_found"),
            Error::WrongKind => problem("invalid_data_type"),
            Error::ListEmpty => problem("list_empty"),
            Error::ConditionFailed { current } => {
                detailed("revision_mismatch", ProblemDetails { current: Some(*current), ..none() })
            }
            Error::InvalidKey { length } => {
                detailed("invalid_request", ProblemDetails { length: Some(*length), ..none() })
            }
            Error::InvalidTtl => problem("invalid_ttl"),
            Error::TooLarge { weight, limit } => {
                let (weight, limit) = (Some(*weight), Some(*limit));
                detailed("too_large", ProblemDetails { weight, limit, ..none() })
            }
            Error::RequestTooLarge { limit } => {
                detailed("too_large", ProblemDetails { limit: *limit, ..none() })
            }
            Error::OverLimit { what, limit } => {
                let (what, limit) = (Some(Cow::Borrowed(*what)), Some(*limit));
                detailed("memory_limit", ProblemDetails { what, limit, ..none() })
            }
            Error::Refused(refusal) => with_reason("refused", refusal.reason()),
            Error::Busy => problem("busy"),
            Error::Closed => problem("shutting_down"),
            Error::Failed(cause) => with_reason("failed", cause),
            Error::Unknown => problem("outcome_unknown"),
            Error::JournalFull(cause) => with_reason("storage_full", cause),
            Error::CompactionFailed(cause) => with_reason("compaction_failed", cause),
            Error::Recovering => problem("recovering"),
            Error::JournalFailed(cause) => with_reason("journal_failed", cause),
            Error::Compacted { oldest } => {
                detailed("compacted", ProblemDetails { oldest: Some(*oldest), ..none() })
            }
            Error::WrongStore => problem("wrong_store"),
            Error::AheadOfHead { asked, head } => {
                let (asked, head) = (Some(*asked), Some(*head));
                detailed("invalid_request", ProblemDetails { asked, head, ..none() })
            }
            Error::InsideBatch { asked, before } => {
                let (asked, before) = (Some(*asked), Some(*before));
                detailed("invalid_request", ProblemDetails { asked, before, ..none() })
            }
            Error::Unauthorized => problem("unauthorized"),
            Error::Forbidden => problem("forbidden"),
            Error::Rejected(_) => problem("invalid_request"),
            // An error of a client, or of a newer version of the library.
            _ => problem("internal"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_round_trips() {
        for error in [
            Error::NotFound,
            Error::WrongKind,
            Error::ListEmpty,
            Error::ConditionFailed { current: None },
            Error::ConditionFailed { current: Some(7) },
            Error::InvalidKey { length: 1025 },
            Error::InvalidTtl,
            Error::TooLarge { weight: 9, limit: 8 },
            Error::RequestTooLarge { limit: Some(8) },
            Error::RequestTooLarge { limit: None },
            Error::OverLimit { what: "entries", limit: 8 },
            Error::OverLimit { what: "bytes", limit: 8 },
            Error::Refused(Refusal::new("the brake is on")),
            Error::Busy,
            Error::Closed,
            Error::Failed("it panicked".into()),
            Error::Unknown,
            Error::JournalFull("data/log-1.jsonl: cannot write to it: no space".into()),
            Error::CompactionFailed("data/snapshot.tmp: cannot create it: no space".into()),
            Error::Recovering,
            Error::JournalFailed("no disk".into()),
            Error::Compacted { oldest: 12 },
            Error::WrongStore,
            Error::AheadOfHead { asked: 9, head: 8 },
            Error::InsideBatch { asked: 9, before: 8 },
            Error::Unauthorized,
            Error::Forbidden,
        ] {
            let sent = serde_json::to_string(&Problem::from(&error)).unwrap();
            let read: Problem = serde_json::from_str(&sent).unwrap();
            assert_eq!(read.into_error(), error, "{sent}");
        }
    }
}
