//! The service between a connection and the routes: permits, limits, panics.
//!
//! It is one hand-written service instead of a stack of layers: each layer of tower-http boxes the body, and the permit
//! must live as long as the body of the response. This one costs one allocation per request.

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

use super::bodies::{RequestBody, ResponseBody};
use super::rejections;
use super::request::ActiveRequest;
use super::timeouts::{BodyError, Exchange, Timeouts};
use super::{Admission, Server};

/// Serves the requests of one connection.
#[derive(Debug)]
pub(super) struct RequestService {
    pub(super) server: Arc<Server>,
    pub(super) timeouts: Arc<Timeouts>,
    pub(super) peer: SocketAddr,
}

type ResponseFuture =
    Pin<Box<dyn Future<Output = Result<Response<ResponseBody>, Infallible>> + Send>>;

impl hyper::service::Service<Request<Incoming>> for RequestService {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn call(&self, request: Request<Incoming>) -> ResponseFuture {
        let active = ActiveRequest::new(&self.server, &request);
        let is_http2 = request.version() == Version::HTTP_2;
        let exchange = self.timeouts.begin(is_http2);
        let complete = request.body().is_end_stream();
        if !complete && request.body().size_hint().lower() > self.server.max_body() {
            self.server.counts.too_large.fetch_add(1, Relaxed);
            let response = rejections::too_large(self.server.limits.max_body_bytes);
            let response = close_after(response, &self.timeouts, is_http2);
            return respond_without_handler(&self.server, active, response, exchange);
        }
        let Some(admission) = self.server.admit(self.peer, complete) else {
            // The connection is kept: hyper discards a short body, and reconnecting would cost more.
            if !complete && !is_http2 {
                self.timeouts.leave_unread();
            }
            return respond_without_handler(&self.server, active, rejections::busy(), exchange);
        };
        let (mut head, body) = request.into_parts();
        head.extensions.insert(ConnectInfo(self.peer));
        let (server, timeouts) = (Arc::clone(&self.server), Arc::clone(&self.timeouts));
        let body = match admission {
            Admission::Permitted(permit) => {
                timeouts.admit(exchange.id, permit);
                Body::empty()
            }
            Admission::Waiting(slot) => {
                let (server, timeouts) = (Arc::clone(&server), Arc::clone(&timeouts));
                Body::new(RequestBody::new(body, server, timeouts, &exchange, slot, is_http2))
            }
        };
        let mut request = Request::from_parts(head, body);
        if !complete {
            // Disables the limit of axum, 2 MB, which could be smaller than the configured one.
            DefaultBodyLimit::disable().apply(&mut request);
        }
        let span = active.span();
        Box::pin(respond(server, timeouts, self.peer, active, request, exchange).instrument(span))
    }
}

/// Completes a request without calling a handler.
fn respond_without_handler(
    server: &Server,
    active: ActiveRequest,
    mut response: Response<Body>,
    exchange: Exchange,
) -> ResponseFuture {
    active.finish(server, &mut response);
    let response = response.map(|body| ResponseBody::new(body, exchange, None));
    Box::pin(std::future::ready(Ok(response)))
}

/// Makes a response the last one of its connection, because the rest of the request body is not read. On HTTP/2 only the
/// stream of the request ends.
fn close_after(
    mut response: Response<Body>,
    timeouts: &Timeouts,
    is_http2: bool,
) -> Response<Body> {
    if !is_http2 {
        timeouts.leave_unread();
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Calls the routes, and replaces their response after a panic or if the body exceeded a limit.
async fn respond(
    server: Arc<Server>,
    timeouts: Arc<Timeouts>,
    peer: SocketAddr,
    active: ActiveRequest,
    request: Request<Body>,
    exchange: Exchange,
) -> Result<Response<ResponseBody>, Infallible> {
    let has_body = !request.body().is_end_stream();
    let version = request.version();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let mut app = server.app.router_for(&request);
    // The call itself is inside, because the router may panic before its first await.
    let routed = catch_panic(async move { app_call(&mut app, request).await }).await;
    let mut response = match routed {
        Ok(response) => response,
        Err(message) => panicked(&server, &active, &method, &uri, &message),
    };
    if has_body && let Some(error) = exchange.body_error() {
        let is_http2 = version == Version::HTTP_2;
        response = match error {
            BodyError::Busy => rejections::busy(),
            BodyError::TooLarge => {
                server.counts.too_large.fetch_add(1, Relaxed);
                close_after(
                    rejections::too_large(server.limits.max_body_bytes),
                    &timeouts,
                    is_http2,
                )
            }
            BodyError::TimedOut => {
                server.counts.timed_out.fetch_add(1, Relaxed);
                close_after(rejections::timeout(), &timeouts, is_http2)
            }
        };
    }
    let mut watch = None;
    if is_stream(&response) {
        match server.watches.take(peer) {
            Ok(slot) => {
                exchange.begin_stream();
                watch = Some(slot);
            }
            Err(_) => {
                server.counts.shed.fetch_add(1, Relaxed);
                response = rejections::busy();
            }
        }
    }
    active.finish(&server, &mut response);
    Ok(response.map(|body| ResponseBody::new(body, exchange, watch)))
}

async fn app_call(app: &mut Router, request: Request<Body>) -> Response<Body> {
    match app.call(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn panicked(
    server: &Server,
    active: &ActiveRequest,
    method: &Method,
    uri: &Uri,
    message: &str,
) -> Response<Body> {
    server.counts.panicked.fetch_add(1, Relaxed);
    // Without the query, which may contain confidential data.
    tracing::error!(id = active.id(), %method, path = uri.path(), panic = message, "a handler panicked");
    rejections::internal()
}

fn is_stream(response: &Response<Body>) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"))
}
