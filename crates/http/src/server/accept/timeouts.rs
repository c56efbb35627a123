//! Timeout state of one connection.
//!
//! hyper has one timeout, for the head of a request. It includes idle time, allocates a timer for each request, and begins
//! only when the protocol version is known, after up to 24 bytes. Therefore it is not used. The socket, the service and
//! the bodies record here what they wait for. The connection has one timer, which is moved only if a deadline is
//! earlier than that of the timer.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::permit::Permit;
use crate::server::Limits;

/// The time within which a closing connection without requests must end.
const CLOSING: Duration = Duration::from_secs(1);
/// The time for which a connection is read after the last response, so that a client that is still sending can read it:
/// closing a socket with unread bytes would reset it.
const LINGER: Duration = Duration::from_secs(2);

/// A timeout that expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ExpiredTimeout {
    /// The body of this request has not arrived.
    Body(u64),
    /// There was no request for too long. The connection is closed gracefully.
    Idle,
    /// The head of a request has not arrived.
    Head,
    /// A response is not read.
    Stalled,
    /// The connection did not end after it was asked to close.
    Closing,
}

/// Timeout state of one connection.
#[derive(Debug)]
pub(super) struct Timeouts(Mutex<State>);

#[derive(Debug)]
struct State {
    exchanges: Vec<Progress>,
    next_id: u64,
    /// The time since which a head is being received, while no request is handled.
    head: Option<Instant>,
    /// The time since which there has been neither a request nor anything to write.
    idle: Instant,
    /// Whether the connection is HTTP/2, whose frames between requests do not begin a head.
    is_http2: bool,
    /// The time since which the socket accepts no bytes.
    blocked: Option<Instant>,
    /// The time at which the connection was asked to close.
    closing: Option<Instant>,
    unread: bool,
    lingering: Option<Instant>,
}

#[derive(Debug)]
struct Progress {
    id: u64,
    /// The time since which the rest of the body is awaited, and the waker of its reader.
    body: Option<(Instant, Waker)>,
    body_error: Option<BodyError>,
    /// The permit, once the request has it. A stream releases it when it begins.
    permit: Option<Permit>,
    /// The time since which a part of the response waits to be sent.
    sending: Option<Instant>,
    is_stream: bool,
}

impl Timeouts {
    /// The state of a connection that begins now.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(State {
            exchanges: Vec::new(),
            next_id: 0,
            head: Some(now),
            idle: now,
            is_http2: false,
            blocked: None,
            closing: None,
            unread: false,
            lingering: None,
        }))
    }

    /// Records that the client has sent data.
    pub(super) fn read(&self) {
        let mut state = self.0.lock();
        if state.exchanges.is_empty() && state.head.is_none() && !state.is_http2 {
            state.head = Some(Instant::now());
        }
    }

    /// Records whether the socket accepts bytes.
    pub(super) fn blocked(&self, blocked: bool) {
        let now = Instant::now();
        let mut state = self.0.lock();
        state.blocked = blocked.then_some(now);
        state.idle = now;
    }

    /// Records that the head of a request has arrived.
    pub(super) fn begin(self: &Arc<Self>, is_http2: bool) -> Exchange {
        let mut state = self.0.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.head = None;
        state.is_http2 = is_http2;
        // The rest of the previous request has been read before this one.
        state.unread = false;
        let (body, body_error, permit, sending, is_stream) = (None, None, None, None, false);
        state.exchanges.push(Progress { id, body, body_error, permit, sending, is_stream });
        Exchange { timeouts: Arc::clone(self), id }
    }

    /// Records that the connection was asked to close, unless it was before.
    pub(super) fn close(&self, now: Instant) {
        self.0.lock().closing.get_or_insert(now);
    }

    /// Records that the connection ends before a request was read completely.
    pub(super) fn leave_unread(&self) {
        self.0.lock().unread = true;
    }

    /// Whether to continue reading after the last response.
    pub(super) fn linger(&self) -> bool {
        let mut state = self.0.lock();
        if state.unread {
            state.lingering.get_or_insert_with(Instant::now);
        }
        state.unread
    }

    /// Returns the next timeout and its deadline.
    pub(super) fn due(&self, limits: &Limits) -> Option<(Instant, ExpiredTimeout)> {
        let state = self.0.lock();
        let write_limit = |stream| if stream { limits.stall_timeout } else { limits.write_timeout };
        let mut due: Option<(Instant, ExpiredTimeout)> = None;
        let mut at = |instant: Instant, timeout| {
            if due.is_none_or(|(earliest, _)| instant < earliest) {
                due = Some((instant, timeout));
            }
        };
        for exchange in &state.exchanges {
            if let Some((since, _)) = exchange.body {
                at(since + limits.body_timeout, ExpiredTimeout::Body(exchange.id));
            }
            if let Some(since) = exchange.sending {
                at(since + write_limit(exchange.is_stream), ExpiredTimeout::Stalled);
            }
        }
        if let Some(since) = state.lingering {
            at(since + LINGER, ExpiredTimeout::Closing);
        } else if let Some(since) = state.blocked {
            let is_stream = state.exchanges.iter().any(|exchange| exchange.is_stream);
            at(since + write_limit(is_stream), ExpiredTimeout::Stalled);
        } else if state.exchanges.is_empty() {
            match (state.closing, state.head) {
                (Some(since), _) => at(since.max(state.idle) + CLOSING, ExpiredTimeout::Closing),
                (None, Some(since)) => at(since + limits.header_timeout, ExpiredTimeout::Head),
                (None, None) => at(state.idle + limits.idle_timeout, ExpiredTimeout::Idle),
            }
        }
        due
    }

    /// Fails the body of a request after its timeout, and wakes its reader.
    pub(super) fn give_up_body(&self, id: u64) {
        let mut state = self.0.lock();
        let waiting = state.exchange(id).and_then(|exchange| {
            exchange.body_error.get_or_insert(BodyError::TimedOut);
            exchange.body.take()
        });
        drop(state);
        if let Some((_, waker)) = waiting {
            waker.wake();
        }
    }

    /// Records that the body of a request is awaited. Returns false if it has timed out.
    pub(super) fn await_body(&self, id: u64, waker: &Waker) -> bool {
        let mut state = self.0.lock();
        let Some(exchange) = state.exchange(id) else { return true };
        match &mut exchange.body {
            _ if exchange.body_error == Some(BodyError::TimedOut) => return false,
            Some((_, waiting)) => waiting.clone_from(waker),
            None => exchange.body = Some((Instant::now(), waker.clone())),
        }
        true
    }

    /// Records that the body of a request is complete, or no longer read.
    pub(super) fn end_body(&self, id: u64) {
        if let Some(exchange) = self.0.lock().exchange(id) {
            exchange.body = None;
        }
    }

    /// Rejects the body of a request.
    pub(super) fn reject_body(&self, id: u64, error: BodyError) {
        if let Some(exchange) = self.0.lock().exchange(id) {
            exchange.body_error = Some(error);
        }
    }

    /// Gives a request its permit, until its response is sent.
    pub(super) fn admit(&self, id: u64, permit: Permit) {
        if let Some(exchange) = self.0.lock().exchange(id) {
            exchange.permit = Some(permit);
        }
    }
}

impl State {
    fn exchange(&mut self, id: u64) -> Option<&mut Progress> {
        self.exchanges.iter_mut().find(|exchange| exchange.id == id)
    }
}

/// One request and its response; ends when it is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    timeouts: Arc<Timeouts>,
    pub(super) id: u64,
}

/// Why the body of a request was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    TimedOut,
    TooLarge,
    /// No permit was free when the body had arrived.
    Busy,
}

impl Exchange {
    /// Returns the error of the body, as far as it has been read.
    pub(super) fn body_error(&self) -> Option<BodyError> {
        self.timeouts.0.lock().exchange(self.id)?.body_error
    }

    /// Records that the response is a stream, which may stay open for long and needs no permit.
    pub(super) fn begin_stream(&self) {
        if let Some(exchange) = self.timeouts.0.lock().exchange(self.id) {
            exchange.is_stream = true;
            exchange.permit = None;
        }
    }

    /// Records whether a part of the response waits to be sent.
    pub(super) fn sending(&self, sending: bool) {
        let now = sending.then(Instant::now);
        if let Some(exchange) = self.timeouts.0.lock().exchange(self.id) {
            exchange.sending = now;
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut state = self.timeouts.0.lock();
        state.exchanges.retain(|exchange| exchange.id != self.id);
        state.idle = now;
    }
}
