//! How a request ended.

use axum::http::StatusCode;

/// An outcome: what it is called, and the status that goes with it.
pub(super) const OUTCOMES: [(&str, &str); 35] = [
    ("ok", "200"),
    ("ok", "201"),
    ("ok", "204"),
    ("ok", "304"),
    ("ok", "2xx"),
    ("ok", "3xx"),
    ("unauthorized", "401"),
    ("forbidden", "403"),
    ("item_not_found", "404"),
    ("not_found", "404"),
    ("method_not_allowed", "405"),
    ("timeout", "408"),
    ("invalid_data_type", "409"),
    ("list_empty", "409"),
    ("refused", "409"),
    ("wrong_store", "409"),
    ("compacted", "410"),
    ("revision_mismatch", "412"),
    ("too_large", "413"),
    ("misdirected", "421"),
    ("invalid_json", "400"),
    ("invalid_request", "400"),
    ("invalid_ttl", "400"),
    ("busy", "503"),
    ("shutting_down", "503"),
    ("recovering", "503"),
    ("journal_failed", "503"),
    ("failed", "503"),
    ("memory_limit", "507"),
    ("storage_full", "507"),
    ("compaction_failed", "500"),
    ("outcome_unknown", "500"),
    ("internal", "500"),
    // What has no code of ours.
    ("other", "4xx"),
    ("other", "5xx"),
];

/// One of the outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Outcome(u8);

impl Outcome {
    /// What an answer says, by its status and the code of its error.
    pub(in crate::http) fn of(status: StatusCode, code: Option<&str>) -> Self {
        match (status.as_u16(), code) {
            (200, None) => Self(0),
            (201, None) => Self(1),
            (204, None) => Self(2),
            (304, None) => Self(3),
            (status, code) => Self::rare(status, code),
        }
    }

    #[cold]
    fn rare(status: u16, code: Option<&str>) -> Self {
        let found = match code {
            Some(code) => OUTCOMES.iter().position(|(name, _)| *name == code),
            None => None,
        };
        let found = found.unwrap_or(match status {
            0..300 => 4,
            300..400 => 5,
            400..500 => OUTCOMES.len() - 2,
            _ => OUTCOMES.len() - 1,
        });
        Self(found as u8)
    }

    pub(super) fn index(self) -> usize {
        usize::from(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Problem;

    #[test]
    fn every_outcome_has_the_status_of_its_code() {
        for (index, (name, status)) in OUTCOMES.iter().enumerate() {
            let code = (!["ok", "other"].contains(name)).then_some(*name);
            if let Some(code) = code {
                assert_eq!(Problem::new(code, "").status().to_string(), *status, "{code}");
            }
            let status = status.replace('x', "7").parse().expect("a number");
            let status = StatusCode::from_u16(status).expect("a status");
            assert_eq!(Outcome::of(status, code).index(), index, "{name} {status}");
        }
        let teapot = StatusCode::IM_A_TEAPOT;
        assert_eq!(OUTCOMES[Outcome::of(teapot, Some("no such code")).index()], ("other", "4xx"));
    }
}
