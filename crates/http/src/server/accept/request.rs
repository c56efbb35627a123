//! One request from its head to the head of its response: id, metrics, log.

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

/// The maximum number of log lines about failed requests per second. Further ones are only counted: under overload,
/// logging each rejection would add to the load.
const MAX_LINES: u64 = 10;

/// The state that all requests of a server share.
#[derive(Debug)]
pub(super) struct Requests {
    ids: Ids,
    log_limit: LogLimit,
}

impl Requests {
    pub(super) fn new() -> Self {
        Self { ids: Ids::new(), log_limit: LogLimit::new() }
    }
}

/// A request without a response yet.
#[derive(Debug)]
pub(super) struct ActiveRequest {
    began: Instant,
    endpoint: EndpointId,
    id: HeaderValue,
    /// The origin of the page that sent the request, if it may read the response.
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
        // The header has only visible characters.
        self.id.to_str().unwrap_or_default()
    }

    /// A span for all work on the request.
    pub(super) fn span(&self) -> Span {
        tracing::debug_span!("request", id = self.id())
    }

    /// Completes a request: records its metrics, logs it, and adds the headers that every response has.
    pub(super) fn finish(self, server: &Server, response: &mut Response<Body>) {
        let status = response.status();
        let problem: Option<Problem> = response.extensions_mut().remove();
        let code = problem.as_ref().map(|problem| &*problem.code);
        let took = self.began.elapsed();
        let endpoint = server.metrics.endpoint(self.endpoint);
        endpoint.record(Outcome::of(status, code), took);
        let failed = status.is_server_error() && !endpoint.is_check;
        if !failed || self.warn(server, status.as_u16(), problem.as_ref(), took).is_none() {
            tracing::debug!(
                id = self.id(),
                method = endpoint.method,
                path = endpoint.route,
                status = status.as_u16(),
                micros = took.as_micros() as u64,
                code,
                "request finished"
            );
        }
        server.app.finish(self.origin, response);
        let headers = response.headers_mut();
        server.security.add_to(headers);
        headers.insert(REQUEST_ID, self.id);
    }

    /// Logs a failed request, unless the rate is too high. Returns whether it was logged.
    #[cold]
    fn warn(
        &self,
        server: &Server,
        status: u16,
        problem: Option<&Problem>,
        took: Duration,
    ) -> Option<()> {
        let suppressed = server.requests.log_limit.take()?;
        let endpoint = server.metrics.endpoint(self.endpoint);
        let code = problem.map_or("other", |problem| &problem.code);
        let error = problem.map_or("", |problem| &problem.message);
        let suppressed = (suppressed > 0).then_some(suppressed);
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
                    unsaid = suppressed,
                    "request failed"
                )
            };
        }
        // Conditions that pass by themselves, or that the client can resolve, are warnings.
        match code {
            "busy" | "shutting_down" | "recovering" | "storage_full" | "memory_limit" => log!(warn),
            _ => log!(error),
        }
        Some(())
    }
}

/// A limit of log lines per second.
#[derive(Debug)]
struct LogLimit {
    began: Instant,
    second: AtomicU64,
    logged: AtomicU64,
    suppressed: AtomicU64,
}

impl LogLimit {
    fn new() -> Self {
        let zero = || AtomicU64::new(0);
        Self { began: Instant::now(), second: zero(), logged: zero(), suppressed: zero() }
    }

    /// Takes the permission for one line, with the number of lines that were suppressed before it.
    fn take(&self) -> Option<u64> {
        self.take_at(self.began.elapsed().as_secs())
    }

    fn take_at(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Relaxed) != second {
            self.logged.store(0, Relaxed);
        }
        if self.logged.fetch_add(1, Relaxed) < MAX_LINES {
            return Some(self.suppressed.swap(0, Relaxed));
        }
        self.suppressed.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_beyond_the_limit_are_counted() {
        let limit = LogLimit::new();
        let logged = (0..25).filter_map(|_| limit.take_at(7)).collect::<Vec<_>>();
        assert_eq!(logged, [0; 10]);
        assert_eq!(limit.take_at(8), Some(15));
        assert_eq!(limit.take_at(8), Some(0));
    }
}
