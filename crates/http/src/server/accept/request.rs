//! One request from its head to the head of its answer: it has an id, it is counted, and the log tells of it.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{HeaderValue, Request, Response};
use tracing::Span;

use super::Server;
use super::request_id::{Ids, REQUEST_ID};
use crate::protocol::Problem;
use crate::server::metrics::{EndpointId, Outcome};

/// Lines about failures that are logged in a second. Those beyond are counted: who has to tell thousands no is busy
/// enough without writing it down.
const LINES: u64 = 10;

/// What the requests of a server have in common.
#[derive(Debug)]
pub(super) struct Requests {
    ids: Ids,
    lines: Lines,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { ids: Ids::new(), lines: Lines::new() }
    }
}

/// A request that has no answer yet.
#[derive(Debug)]
pub(super) struct ActiveRequest {
    began: Instant,
    endpoint: EndpointId,
    id: HeaderValue,
    /// The origin of the page that asks, if it may read the answer.
    origin: Option<HeaderValue>,
}

impl ActiveRequest {
    pub(super) fn new<B>(server: &Server, request: &Request<B>) -> Self {
        Self {
            began: Instant::now(),
            endpoint: EndpointId::of(request.uri().path(), request.method()),
            id: server.requests.ids.of(request.headers()),
            origin: server.app.origin_of(request.headers()),
        }
    }

    pub(super) fn id(&self) -> &str {
        // A header of visible characters.
        self.id.to_str().unwrap_or_default()
    }

    /// Around everything that is done for it, for those who want to know it all.
    pub(super) fn span(&self) -> Span {
        tracing::debug_span!("request", id = self.id())
    }

    /// It has its answer, which gets the id, and what else every answer has.
    pub(super) fn answered(self, server: &Server, answer: &mut Response<Body>) {
        let status = answer.status();
        let problem: Option<Problem> = answer.extensions_mut().remove();
        let code = problem.as_ref().map(|problem| &*problem.code);
        let took = self.began.elapsed();
        let endpoint = server.metrics.endpoint(self.endpoint);
        endpoint.record(Outcome::of(status, code), took);
        let failed = status.is_server_error() && !endpoint.is_check;
        if !failed || !self.warn(server, status.as_u16(), problem.as_ref(), took) {
            tracing::debug!(
                id = self.id(),
                method = endpoint.method,
                path = endpoint.route,
                status = status.as_u16(),
                micros = took.as_micros() as u64,
                code,
                "answered"
            );
        }
        server.app.finish(self.origin, answer);
        let headers = answer.headers_mut();
        server.security.add_to(headers);
        headers.insert(REQUEST_ID, self.id);
    }

    /// Log that it failed, unless there are too many that do.
    #[cold]
    fn warn(
        &self,
        server: &Server,
        status: u16,
        problem: Option<&Problem>,
        took: Duration,
    ) -> bool {
        let Some(unsaid) = server.requests.lines.take() else { return false };
        let endpoint = server.metrics.endpoint(self.endpoint);
        let code = problem.map_or("other", |problem| &problem.code);
        let error = problem.map_or("", |problem| &problem.message);
        let unsaid = (unsaid > 0).then_some(unsaid);
        macro_rules! log {
            ($level:ident) => {
                tracing::$level!(
                    id = self.id(),
                    method = endpoint.method,
                    path = endpoint.route,
                    status,
                    micros = took.as_micros() as u64,
                    code,
                    error,
                    unsaid,
                    "a request failed"
                )
            };
        }
        // What passes by itself, or is for its client to mend, is no fault.
        match code {
            "busy" | "shutting_down" | "recovering" | "storage_full" | "memory_limit" => log!(warn),
            _ => log!(error),
        }
        true
    }
}

/// So many lines in a second.
#[derive(Debug)]
struct Lines {
    began: Instant,
    second: AtomicU64,
    said: AtomicU64,
    unsaid: AtomicU64,
}

impl Lines {
    fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { began: Instant::now(), second: zero(), said: zero(), unsaid: zero() }
    }

    /// The right to a line, and how many were not said before it.
    fn take(&self) -> Option<u64> {
        self.take_at(self.began.elapsed().as_secs())
    }

    fn take_at(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Relaxed) != second {
            self.said.store(0, Relaxed);
        }
        if self.said.fetch_add(1, Relaxed) < LINES {
            return Some(self.unsaid.swap(0, Relaxed));
        }
        self.unsaid.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_failures_is_counted_and_not_written() {
        let lines = Lines::new();
        let said = (0..25).filter_map(|_| lines.take_at(7)).collect::<Vec<_>>();
        assert_eq!(said, [0; 10]);
        assert_eq!(lines.take_at(8), Some(15));
        assert_eq!(lines.take_at(8), Some(0));
    }
}
