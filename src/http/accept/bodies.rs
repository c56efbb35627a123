//! Bodies under limits: a request's in length and time, an answer's in the time to read it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};

use axum::Error;
use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use super::counts::Counts;
use super::pace::{Exchange, Pace};

/// The most of an answer that is handed to a connection at once, in bytes.
///
/// HTTP/2 holds what its windows do not let through, and says nothing of how much it sent; in parts
/// of this size a slow reader can be told from one who does not read.
const PART: usize = 64 << 10;

/// The body of a request, up to its limits.
#[derive(Debug)]
pub(super) struct Limited {
    inner: Incoming,
    left: usize,
    pace: Arc<Pace>,
    exchange: u64,
}

impl Limited {
    pub(super) fn new(inner: Incoming, max: usize, pace: Arc<Pace>, exchange: &Exchange) -> Self {
        Self { inner, left: max, pace, exchange: exchange.id }
    }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if polled.is_pending() && self.pace.await_body(self.exchange, cx.waker()) {
            return Poll::Pending;
        }
        let frame = match polled {
            Poll::Pending => return Poll::Ready(Some(Err(Error::new("the body is late")))),
            Poll::Ready(None) => {
                self.pace.end_body(self.exchange);
                return Poll::Ready(None);
            }
            Poll::Ready(Some(frame)) => frame.map_err(Error::new)?,
        };
        let length = frame.data_ref().map_or(0, Bytes::len);
        if length > self.left {
            self.pace.exceed_body(self.exchange);
            return Poll::Ready(Some(Err(Error::new("the body is too long"))));
        }
        self.left -= length;
        if self.inner.is_end_stream() {
            self.pace.end_body(self.exchange);
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

impl Drop for Limited {
    fn drop(&mut self) {
        self.pace.end_body(self.exchange);
    }
}

/// The right to have a request worked on, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Counts>);

impl Permit {
    /// `None`, counted, if `max` others have one.
    pub(super) fn take(counts: &Arc<Counts>, max: usize) -> Option<Self> {
        let permit = Self(Arc::clone(counts));
        if counts.in_flight.fetch_add(1, Relaxed) < max {
            return Some(permit);
        }
        counts.shed.fetch_add(1, Relaxed);
        None
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// An open stream, counted until it is dropped.
#[derive(Debug)]
pub(super) struct Stream(Arc<Counts>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Relaxed);
    }
}

/// What a body holds while it is being sent.
#[derive(Debug)]
pub(super) enum Holds {
    Nothing,
    Permit(#[expect(dead_code, reason = "it is there to be dropped")] Permit),
    Stream(#[expect(dead_code, reason = "it is there to be dropped")] Stream),
}

impl Holds {
    pub(super) fn stream(counts: &Arc<Counts>) -> Self {
        counts.streams.fetch_add(1, Relaxed);
        Self::Stream(Stream(Arc::clone(counts)))
    }
}

/// The body of an answer. Dropped when the last of it has gone to the connection, or the client left.
#[derive(Debug)]
pub(super) struct Outgoing {
    inner: Body,
    /// What is left of a frame that was longer than a part.
    rest: Bytes,
    /// Whether the exchange has been told that a part waits to be sent.
    sending: bool,
    exchange: Exchange,
    _holds: Holds,
}

impl Outgoing {
    pub(super) fn new(inner: Body, exchange: Exchange, holds: Holds) -> Self {
        exchange.sending(true);
        Self { inner, rest: Bytes::new(), sending: true, exchange, _holds: holds }
    }
}

impl http_body::Body for Outgoing {
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
