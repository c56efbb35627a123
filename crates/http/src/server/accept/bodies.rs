//! Bodies under limits: a request's in length and time, an answer's in the time to read it.

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

/// The most of an answer that is handed to a connection at once, in bytes.
///
/// HTTP/2 holds what its windows do not let through, and says nothing of how much it sent; in parts
/// of this size a slow reader can be told from one who does not read.
const PART: usize = 64 << 10;

/// So much of its body may a request send before it takes a place among those that are worked on, in bytes. Those
/// who send less wait for the rest without one, and hold no more memory than this.
const AHEAD: usize = 64 << 10;

/// The body of a request, up to its limits.
#[derive(Debug)]
pub(super) struct RequestBody {
    inner: Incoming,
    left: usize,
    server: Arc<Server>,
    timeouts: Arc<Timeouts>,
    exchange: u64,
    /// Of HTTP/2, where only the request's own stream ends with a body that is not read.
    framed: bool,
    /// Its place among those that wait for their bodies, until it has one among those that are worked on.
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
        framed: bool,
    ) -> Self {
        let (left, exchange) = (server.limits.max_body_bytes, exchange.id);
        let (waiting, ended) = (Some(waiting), false);
        Self { inner, left, server, timeouts, exchange, framed, waiting, ended }
    }

    /// It waits no longer, but is worked on, if there are not too many others.
    fn admit(&mut self) -> Result<(), Error> {
        if self.waiting.take().is_none() {
            return Ok(());
        }
        let Some(permit) = self.server.permit() else {
            self.timeouts.reject_body(self.exchange, BodyError::Busy);
            return Err(Error::new("there are too many requests"));
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
            Poll::Pending => return Poll::Ready(Some(Err(Error::new("the body is late")))),
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
        if !self.ended && !self.framed {
            self.timeouts.leave_unread();
        }
        if self.waiting.take().is_some() {
            // Nobody waits for the rest, and what is done without it can not be refused any more.
            self.timeouts.admit(self.exchange, Permit::new(&self.server.counts));
        }
    }
}

/// The body of an answer. Dropped when the last of it has gone to the connection, or the client left.
#[derive(Debug)]
pub(super) struct AnswerBody {
    inner: Body,
    /// What is left of a frame that was longer than a part.
    rest: Bytes,
    /// Whether the exchange has been told that a part waits to be sent.
    sending: bool,
    exchange: Exchange,
    _watch: Option<Slot>,
}

impl AnswerBody {
    pub(super) fn new(inner: Body, exchange: Exchange, watch: Option<Slot>) -> Self {
        exchange.sending(true);
        Self { inner, rest: Bytes::new(), sending: true, exchange, _watch: watch }
    }
}

impl http_body::Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // To be asked for more means that what went before is on its way.
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
