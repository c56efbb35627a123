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
use tower::Service;
use tracing::Instrument;

use super::bodies::{Limited, Outgoing};
use super::pace::{Exchange, Fault, Pace};
use super::refusal;
use super::request::Asked;
use super::{Place, Server};
use crate::model::panics;

/// Answers the requests of one connection.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) server: Arc<Server>,
    pub(super) pace: Arc<Pace>,
    pub(super) peer: SocketAddr,
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Outgoing>, Infallible>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for Answers {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        let asked = Asked::new(&self.server, &request);
        let framed = request.version() == Version::HTTP_2;
        let exchange = self.pace.begin(framed);
        let complete = request.body().is_end_stream();
        if !complete && request.body().size_hint().lower() > self.server.max_body() {
            self.server.counts.too_large.fetch_add(1, Relaxed);
            let answer = refusal::too_large(self.server.limits.max_body_bytes);
            let answer = last(answer, &self.pace, framed);
            return at_once(&self.server, asked, answer, exchange);
        }
        let Some(place) = self.server.place(self.peer, complete) else {
            // Not the last: hyper drops a short body, and connecting anew would cost more.
            if !complete && !framed {
                self.pace.leave_unread();
            }
            return at_once(&self.server, asked, refusal::busy(), exchange);
        };
        let (mut head, body) = request.into_parts();
        head.extensions.insert(ConnectInfo(self.peer));
        let (server, pace) = (Arc::clone(&self.server), Arc::clone(&self.pace));
        let body = match place {
            Place::Worked(permit) => {
                pace.admit(exchange.id, permit);
                Body::empty()
            }
            Place::Waiting(seat) => {
                let (server, pace) = (Arc::clone(&server), Arc::clone(&pace));
                Body::new(Limited::new(body, server, pace, &exchange, seat, framed))
            }
        };
        let mut request = Request::from_parts(head, body);
        if !complete {
            // axum's own limit of 2 MB would else stand in front of a longer one that is asked for.
            DefaultBodyLimit::disable().apply(&mut request);
        }
        let span = asked.span();
        Box::pin(answer(server, pace, self.peer, asked, request, exchange).instrument(span))
    }
}

/// An answer that no route was asked for.
fn at_once(
    server: &Server,
    asked: Asked,
    mut answer: Response<Body>,
    exchange: Exchange,
) -> Answer {
    asked.answered(server, &mut answer);
    let answer = answer.map(|body| Outgoing::new(body, exchange, None));
    Box::pin(std::future::ready(Ok(answer)))
}

/// The last answer of a connection, for the rest of a body will not be read. Not so of an HTTP/2
/// connection, where only the request's own stream ends.
fn last(mut answer: Response<Body>, pace: &Pace, framed: bool) -> Response<Body> {
    if !framed {
        pace.leave_unread();
        answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// What the routes answer, unless they panic or the body broke a limit.
async fn answer(
    server: Arc<Server>,
    pace: Arc<Pace>,
    peer: SocketAddr,
    asked: Asked,
    request: Request<Body>,
    exchange: Exchange,
) -> Result<Response<Outgoing>, Infallible> {
    let bodied = !request.body().is_end_stream();
    let version = request.version();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut app = server.app.router_for(&request);
    // Also what the router does before its first await is under `catch`.
    let routed = panics::catch(async move { app_call(&mut app, request).await }).await;
    let mut answer = match routed {
        Ok(answer) => answer,
        Err(words) => panicked(&server, &asked, &method, &uri, &words),
    };
    if bodied && let Some(fault) = exchange.fault() {
        let framed = version == Version::HTTP_2;
        answer = match fault {
            Fault::Busy => refusal::busy(),
            Fault::TooLarge => {
                server.counts.too_large.fetch_add(1, Relaxed);
                last(refusal::too_large(server.limits.max_body_bytes), &pace, framed)
            }
            Fault::Late => {
                server.counts.timed_out.fetch_add(1, Relaxed);
                last(refusal::timeout(), &pace, framed)
            }
        };
    }
    let mut watch = None;
    if is_stream(&answer) {
        match server.watches.take(peer) {
            Ok(seat) => {
                exchange.stream();
                watch = Some(seat);
            }
            Err(_) => {
                server.counts.shed.fetch_add(1, Relaxed);
                answer = refusal::busy();
            }
        }
    }
    asked.answered(&server, &mut answer);
    Ok(answer.map(|body| Outgoing::new(body, exchange, watch)))
}

async fn app_call(app: &mut Router, request: Request<Body>) -> Response<Body> {
    match app.call(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    }
}

fn panicked(
    server: &Server,
    asked: &Asked,
    method: &Method,
    uri: &Uri,
    words: &str,
) -> Response<Body> {
    server.counts.panicked.fetch_add(1, Relaxed);
    // Not the query: it may hold what should not be in a log.
    tracing::error!(id = asked.id(), %method, path = uri.path(), panic = words, "a handler panicked");
    refusal::internal()
}

fn is_stream(answer: &Response<Body>) -> bool {
    let kind = answer.headers().get(CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
