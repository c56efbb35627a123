//! Timeout state of one connection.
//!
//! hyper has one time limit, for the head of a request; it counts idle time too, allocates a timer
//! for each request, and begins only once the version is known, after up to 24 bytes. So nothing of
//! it is used. The socket, the service and the bodies record here what they wait for, and the
//! connection has one timer, which is moved only when something is due earlier than it rings.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::permit::Permit;
use crate::server::Limits;

/// How long a connection that was told to close may take to do so when nothing is asked of it.
const CLOSING: Duration = Duration::from_secs(1);
/// How long a connection is read from after the last answer, so that a client that is still sending
/// gets to read it: closing a socket with unread bytes would reset it.
const LINGER: Duration = Duration::from_secs(2);

/// A timeout that expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Late {
    /// The body of this request is not there yet.
    Body(u64),
    /// No request for too long: say goodbye.
    Idle,
    /// The head of a request is not there yet.
    Head,
    /// An answer is not read.
    Stalled,
    /// It was told to close and did not.
    Closing,
}

/// Timeout state of one connection.
#[derive(Debug)]
pub(super) struct Timeouts(Mutex<State>);

#[derive(Debug)]
struct State {
    exchanges: Vec<Progress>,
    next_id: u64,
    /// Since when a head is being sent, while no request is worked on.
    head: Option<Instant>,
    /// Since when there has been neither a request nor anything to write.
    idle: Instant,
    /// HTTP/2 sends frames between requests; they begin no head.
    framed: bool,
    /// Since when the socket takes no bytes.
    blocked: Option<Instant>,
    /// When it has been told to close.
    closing: Option<Instant>,
    unread: bool,
    lingering: Option<Instant>,
}

#[derive(Debug)]
struct Progress {
    id: u64,
    /// Since when the rest of the body is waited for, and who waits.
    body: Option<(Instant, Waker)>,
    fault: Option<BodyError>,
    /// Its right to be worked on, once it has it. That of a stream is given back when it begins.
    permit: Option<Permit>,
    /// Since when a part of the answer waits to be sent.
    sending: Option<Instant>,
    stream: bool,
}

impl Timeouts {
    /// Of a connection that begins now.
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self(Mutex::new(State {
            exchanges: Vec::new(),
            next_id: 0,
            head: Some(now),
            idle: now,
            framed: false,
            blocked: None,
            closing: None,
            unread: false,
            lingering: None,
        }))
    }

    /// The client has sent something.
    pub(super) fn read(&self) {
        let mut state = self.0.lock();
        if state.exchanges.is_empty() && state.head.is_none() && !state.framed {
            state.head = Some(Instant::now());
        }
    }

    /// The socket takes no bytes, or takes them again.
    pub(super) fn blocked(&self, blocked: bool) {
        let now = Instant::now();
        let mut state = self.0.lock();
        state.blocked = blocked.then_some(now);
        state.idle = now;
    }

    /// A request has arrived, at least its head.
    pub(super) fn begin(self: &Arc<Self>, framed: bool) -> Exchange {
        let mut state = self.0.lock();
        let id = state.next_id;
        state.next_id += 1;
        state.head = None;
        state.framed = framed;
        // Whatever was left of the one before has been read to get here.
        state.unread = false;
        let (body, fault, permit, sending, stream) = (None, None, None, None, false);
        state.exchanges.push(Progress { id, body, fault, permit, sending, stream });
        Exchange { timeouts: Arc::clone(self), id }
    }

    /// It has been told to close, or told so before.
    pub(super) fn close(&self, now: Instant) {
        self.0.lock().closing.get_or_insert(now);
    }

    /// The connection ends before all of a request has been read.
    pub(super) fn leave_unread(&self) {
        self.0.lock().unread = true;
    }

    /// Whether to go on reading after the last answer.
    pub(super) fn linger(&self) -> bool {
        let mut state = self.0.lock();
        if state.unread {
            state.lingering.get_or_insert_with(Instant::now);
        }
        state.unread
    }

    /// The next time limit that the client may break.
    pub(super) fn due(&self, limits: &Limits) -> Option<(Instant, Late)> {
        let state = self.0.lock();
        let patience = |stream| if stream { limits.stall_timeout } else { limits.write_timeout };
        let mut due: Option<(Instant, Late)> = None;
        let mut at = |instant: Instant, late| {
            if due.is_none_or(|(earliest, _)| instant < earliest) {
                due = Some((instant, late));
            }
        };
        for exchange in &state.exchanges {
            if let Some((since, _)) = exchange.body {
                at(since + limits.body_timeout, Late::Body(exchange.id));
            }
            if let Some(since) = exchange.sending {
                at(since + patience(exchange.stream), Late::Stalled);
            }
        }
        if let Some(since) = state.lingering {
            at(since + LINGER, Late::Closing);
        } else if let Some(since) = state.blocked {
            let stream = state.exchanges.iter().any(|exchange| exchange.stream);
            at(since + patience(stream), Late::Stalled);
        } else if state.exchanges.is_empty() {
            match (state.closing, state.head) {
                (Some(since), _) => at(since.max(state.idle) + CLOSING, Late::Closing),
                (None, Some(since)) => at(since + limits.header_timeout, Late::Head),
                (None, None) => at(state.idle + limits.idle_timeout, Late::Idle),
            }
        }
        due
    }

    /// Wake the reader of a body that is late.
    pub(super) fn give_up_body(&self, id: u64) {
        let mut state = self.0.lock();
        let waiting = state.exchange(id).and_then(|exchange| {
            exchange.fault.get_or_insert(BodyError::Late);
            exchange.body.take()
        });
        drop(state);
        if let Some((_, waker)) = waiting {
            waker.wake();
        }
    }

    /// The body of a request is waited for. False: it is late.
    pub(super) fn await_body(&self, id: u64, waker: &Waker) -> bool {
        let mut state = self.0.lock();
        let Some(exchange) = state.exchange(id) else { return true };
        match &mut exchange.body {
            _ if exchange.fault == Some(BodyError::Late) => return false,
            Some((_, waiting)) => waiting.clone_from(waker),
            None => exchange.body = Some((Instant::now(), waker.clone())),
        }
        true
    }

    /// The body of a request is complete, or no longer read.
    pub(super) fn end_body(&self, id: u64) {
        if let Some(exchange) = self.0.lock().exchange(id) {
            exchange.body = None;
        }
    }

    /// The body of a request is rejected for this reason.
    pub(super) fn reject_body(&self, id: u64, fault: BodyError) {
        if let Some(exchange) = self.0.lock().exchange(id) {
            exchange.fault = Some(fault);
        }
    }

    /// A request is worked on from now, until its answer has gone.
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

/// One request and its answer; over when it is dropped.
#[derive(Debug)]
pub(super) struct Exchange {
    timeouts: Arc<Timeouts>,
    pub(super) id: u64,
}

/// Why the body of a request was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyError {
    Late,
    TooLarge,
    /// Too many others were worked on when it was there.
    Busy,
}

impl Exchange {
    /// What was wrong with the body of the request, as far as it has been read.
    pub(super) fn fault(&self) -> Option<BodyError> {
        self.timeouts.0.lock().exchange(self.id)?.fault
    }

    /// The answer is a stream, which may stay open for long: there may be more of them than requests.
    pub(super) fn stream(&self) {
        if let Some(exchange) = self.timeouts.0.lock().exchange(self.id) {
            exchange.stream = true;
            exchange.permit = None;
        }
    }

    /// A part of the answer waits to be sent, or none does.
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
