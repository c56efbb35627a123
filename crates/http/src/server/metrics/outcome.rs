//! Outcomes of requests.

use std::sync::LazyLock;

use axum::http::StatusCode;

use crate::protocol::STATUSES;

/// The labels of an outcome: the error code or `ok`, and the HTTP status.
#[derive(Debug)]
pub(super) struct Labels {
    pub(super) outcome: &'static str,
    pub(super) status: String,
}

/// All outcomes: success, one for each error code, and failures without a code.
pub(super) static OUTCOMES: LazyLock<Vec<Labels>> = LazyLock::new(|| {
    let labels = |outcome, status: &dyn ToString| Labels { outcome, status: status.to_string() };
    let success = ["200", "201", "204", "304", "2xx", "3xx"].map(|status| labels("ok", &status));
    let codes = STATUSES
        .iter()
        .flat_map(|(status, codes)| codes.iter().map(move |code| labels(code, status)));
    let others = ["4xx", "5xx"].map(|status| labels("other", &status));
    success.into_iter().chain(codes).chain(others).collect()
});

/// An outcome, as its index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::server) struct Outcome(usize);

impl Outcome {
    /// The outcome of a response, by its status and error code.
    pub(in crate::server) fn of(status: StatusCode, code: Option<&str>) -> Self {
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
        let of_code =
            code.and_then(|code| OUTCOMES.iter().position(|labels| labels.outcome == code));
        Self(of_code.unwrap_or(match status {
            0..300 => 4,
            300..400 => 5,
            400..500 => OUTCOMES.len() - 2,
            _ => OUTCOMES.len() - 1,
        }))
    }

    pub(super) fn index(self) -> usize {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Problem;

    #[test]
    fn every_outcome_has_the_status_of_its_code() {
        for (index, Labels { outcome: name, status }) in OUTCOMES.iter().enumerate() {
            let code = (!["ok", "other"].contains(name)).then_some(*name);
            if let Some(code) = code {
                assert_eq!(Problem::new(code, "").status().to_string(), *status, "{code}");
            }
            let status = status.replace('x', "7").parse().expect("the status label is a number");
            let status = StatusCode::from_u16(status).expect("the status label is an HTTP status");
            assert_eq!(Outcome::of(status, code).index(), index, "{name} {status}");
        }
        let teapot = StatusCode::IM_A_TEAPOT;
        let unknown = &OUTCOMES[Outcome::of(teapot, Some("no such code")).index()];
        assert_eq!((unknown.outcome, &*unknown.status), ("other", "4xx"));
    }
}
