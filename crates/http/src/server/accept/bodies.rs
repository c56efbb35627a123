//! Bodies with limits. The body of a request has a maximum size and a time limit; the body of a response has a time
//! limit within which the client must continue to read it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::Server;
use super::connection_limit::Slot;
use super::permit::Permit;
use super::timeouts::{BodyError, Exchange, Timeouts};

/// The maximum size of the parts in which a response is handed to a connection, in bytes.
///
/// HTTP/2 buffers what the window of the client does not admit, and does not report how much it has sent. With parts of
/// this size, progress is visible, so a slow reader can be distinguished from a client that does not read.
const PART: usize = 64 << 10;

/// The number of bytes of its body that a request may send before it needs a permit. Requests with less wait for the rest
/// without a permit, and occupy no more memory than this.
const AHEAD: usize = 64 << 10;

/// The body of a request, within its limits.
#[derive(Debug)]
pub(super) struct RequestBody {
    inner: Incoming,
    left: usize,
    server: Arc<Server>,
    timeouts: Arc<Timeouts>,
    exchange: u64,
    /// Whether the connection is HTTP/2, where an unread body ends only the stream of its request.
    is_http2: bool,
    /// The slot of a request that waits for its body, until it has a permit.
    waiting: Option<Slot>,
    ended: bool,
}

impl RequestBody {
    pub(super) fn new(
        inner: Incoming,
        server: Arc<Server>,
        timeouts: Arc<Timeouts>,
        exchange: &Exchange,
        waiting: Slot,
        is_http2: bool,
    ) -> Self {
        let (left, exchange) = (server.limits.max_body_bytes, exchange.id);
        let (waiting, ended) = (Some(waiting), false);
        Self { inner, left, server, timeouts, exchange, is_http2, waiting, ended }
    }

    /// Replaces the slot by a permit, if one is free.
    fn admit(&mut self) -> Result<(), Error> {
        if self.waiting.take().is_none() {
            return Ok(());
        }
        let Some(permit) = self.server.permit() else {
            self.timeouts.reject_body(self.exchange, BodyError::Busy);
            return Err(Error::new("too many requests"));
        };
        self.timeouts.admit(self.exchange, permit);
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.ended = true;
        self.timeouts.end_body(self.exchange);
        self.admit()
    }
}

impl http_body::Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_pending() && self.timeouts.await_body(self.exchange, cx.waker()) {
            return Poll::Pending;
        }
        let frame = match polled {
            Poll::Pending => return Poll::Ready(Some(Err(Error::new("the body timed out")))),
            Poll::Ready(None) => {
                self.end()?;
                return Poll::Ready(None);
            }
            Poll::Ready(Some(frame)) => frame.map_err(Error::new)?,
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        if length > self.left {
            self.timeouts.reject_body(self.exchange, BodyError::TooLarge);
            return Poll::Ready(Some(Err(Error::new("the body is too long"))));
        }
        self.left -= length;
        if self.inner.is_end_stream() {
            self.end()?;
        } else if self.server.limits.max_body_bytes - self.left > AHEAD {
            self.admit()?;
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.timeouts.end_body(self.exchange);
        if !self.ended && !self.is_http2 {
            self.timeouts.leave_unread();
        }
        if self.waiting.take().is_some() {
            // The handler does not read the rest, and its request can no longer be rejected.
            self.timeouts.admit(self.exchange, Permit::new(&self.server.counts));
        }
    }
}

/// The body of a response. Dropped when its last part was handed to the connection, or the client has disconnected.
#[derive(Debug)]
pub(super) struct ResponseBody {
    inner: Body,
    /// The rest of a frame that is longer than a part.
    rest: Bytes,
    /// Whether the exchange has recorded that a part waits to be sent.
    sending: bool,
    exchange: Exchange,
    _watch: Option<Slot>,
}

impl ResponseBody {
    pub(super) fn new(inner: Body, exchange: Exchange, watch: Option<Slot>) -> Self {
        exchange.sending(true);
        Self { inner, rest: Bytes::new(), sending: true, exchange, _watch: watch }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // A poll for more means that the previous part is being sent.
        let frame = if self.rest.is_empty() {
            let polled = Pin::new(&mut self.inner).poll_frame(cx);
            if polled.is_pending() && self.sending {
                self.exchange.sending(false);
                self.sending = false;
            }
            match ready!(polled) {
                Some(frame) => frame?,
                None => return Poll::Ready(None),
            }
        } else {
            Frame::data(std::mem::take(&mut self.rest))
        };
        let frame = match frame.into_data() {
            Ok(mut data) => {
                self.rest = data.split_off(data.len().min(PART));
                Frame::data(data)
            }
            Err(trailers) => trailers,
        };
        self.exchange.sending(true);
        self.sending = true;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        let rest = self.rest.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + rest);
        }
        hint.set_lower(hint.lower() + rest);
        hint
    }
}
