//! What stands between a connection and the routes: as little as the limits allow.
//!
//! One service by hand in place of a stack of layers: those of tower-http box the body once each,
//! and a permit must go with the body of the answer. This one costs one allocation a request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::http::header::{CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Request, Response, Uri, Version};
use http_body::Body as _;
use hyper::body::Incoming;
use mainspring::internal::catch_panic;
use tower::Service;
use tracing::Instrument;

use super::bodies::{AnswerBody, RequestBody};
use super::rejections;
use super::request::ActiveRequest;
use super::timeouts::{BodyError, Exchange, Timeouts};
use super::{Place, Server};

/// Answers the requests of one connection.
#[derive(Debug)]
pub(super) struct RequestService {
    pub(super) server: Arc<Server>,
    pub(super) timeouts: Arc<Timeouts>,
    pub(super) peer: SocketAddr,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for RequestService {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let active = ActiveRequest::new(&self.server, &request);
        let framed = request.version() == Version::HTTP_2;
        let exchange = self.timeouts.begin(framed);
        let complete = request.body().is_end_stream();
        if !complete && request.body().size_hint().lower() > self.server.max_body() {
            self.server.counts.too_large.fetch_add(1, Relaxed);
            let answer = rejections::too_large(self.server.limits.max_body_bytes);
            let answer = last(answer, &self.timeouts, framed);
            return at_once(&self.server, active, answer, exchange);
        }
        let Some(place) = self.server.place(self.peer, complete) else {
            // Not the last: hyper drops a short body, and connecting anew would cost more.
            if !complete && !framed {
                self.timeouts.leave_unread();
            }
            return at_once(&self.server, active, rejections::busy(), exchange);
        };
        let (mut head, body) = request.into_parts();
        head.extensions.insert(ConnectInfo(self.peer));
        let (server, timeouts) = (Arc::clone(&self.server), Arc::clone(&self.timeouts));
        let body = match place {
            Place::Worked(permit) => {
                timeouts.admit(exchange.id, permit);
                Body::empty()
            }
            Place::Waiting(slot) => {
                let (server, timeouts) = (Arc::clone(&server), Arc::clone(&timeouts));
                Body::new(RequestBody::new(body, server, timeouts, &exchange, slot, framed))
            }
        };
        let mut request = Request::from_parts(head, body);
        if !complete {
            // axum's own limit of 2 MB would else stand in front of a longer one that is configured.
            DefaultBodyLimit::disable().apply(&mut request);
        }
        let span = active.span();
        Box::pin(answer(server, timeouts, self.peer, active, request, exchange).instrument(span))
    }
}

/// An answer without a handler.
fn at_once(
    server: &Server,
    active: ActiveRequest,
    mut answer: Response<Body>,
    exchange: Exchange,
) -> Answer {
    active.answered(server, &mut answer);
    let answer = answer.map(|body| AnswerBody::new(body, exchange, None));
    Box::pin(std::future::ready(Ok(answer)))
}

/// The last answer of a connection, for the rest of a body will not be read. Not so of an HTTP/2
/// connection, where only the request's own stream ends.
fn last(mut answer: Response<Body>, timeouts: &Timeouts, framed: bool) -> Response<Body> {
    if !framed {
        timeouts.leave_unread();
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// What the routes answer, unless they panic or the body broke a limit.
async fn answer(
    server: Arc<Server>,
    timeouts: Arc<Timeouts>,
    peer: SocketAddr,
    active: ActiveRequest,
    request: Request<Body>,
    exchange: Exchange,
) -> Result<Response<AnswerBody>, Infallible> {
    let bodied = !request.body().is_end_stream();
    let version = request.version();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut app = server.app.router_for(&request);
    // Also what the router does before its first await is under `catch`.
    let routed = catch_panic(async move { app_call(&mut app, request).await }).await;
    let mut answer = match routed {
        Ok(answer) => answer,
        Err(words) => panicked(&server, &active, &method, &uri, &words),
    };
    if bodied && let Some(fault) = exchange.fault() {
        let framed = version == Version::HTTP_2;
        answer = match fault {
            BodyError::Busy => rejections::busy(),
            BodyError::TooLarge => {
                server.counts.too_large.fetch_add(1, Relaxed);
                last(rejections::too_large(server.limits.max_body_bytes), &timeouts, framed)
            }
            BodyError::Late => {
                server.counts.timed_out.fetch_add(1, Relaxed);
                last(rejections::timeout(), &timeouts, framed)
            }
        };
    }
    let mut watch = None;
    if is_stream(&answer) {
        match server.watches.take(peer) {
            Ok(slot) => {
                exchange.stream();
                watch = Some(slot);
            }
            Err(_) => {
                server.counts.shed.fetch_add(1, Relaxed);
                answer = rejections::busy();
            }
        }
    }
    active.answered(&server, &mut answer);
    Ok(answer.map(|body| AnswerBody::new(body, exchange, watch)))
}

async fn app_call(app: &mut Router, request: Request<Body>) -> Response<Body> {
    match app.call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

fn panicked(
    server: &Server,
    active: &ActiveRequest,
    method: &Method,
    uri: &Uri,
    words: &str,
) -> Response<Body> {
    server.counts.panicked.fetch_add(1, Relaxed);
    // Not the query: it may hold what should not be in a log.
    tracing::error!(id = active.id(), %method, path = uri.path(), panic = words, "a handler panicked");
    rejections::internal()
}

fn is_stream(answer: &Response<Body>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
