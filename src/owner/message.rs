//! Messages from a handle to the owner.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::Span;
use tracing::span::EnteredSpan;

use crate::feed::Watcher;
use crate::model::{Error, Key, PreparedWrite, Query, Scan, Subscribe};
use crate::owner::reply;
use crate::owner::response::Response;

/// The sender of the reply to a command.
pub(crate) type CommandReply<T> = reply::ReplySender<CommandResult<T>>;

/// The result of a command.
pub type CommandResult<T> = Result<Response<T>, Error>;

/// How many writes of one command, at most, share a turn.
pub(super) const SLICE: usize = 256;

/// A message with the sender of its reply and the span of its caller. The type is kept small, because envelopes are
/// moved into the queue and out of it.
pub(crate) struct Envelope<T> {
    pub(crate) message: Message<T>,
    pub(crate) reply: CommandReply<T>,
    pub(crate) span: Option<Box<Span>>,
}

/// A command that the caller has prepared: keys are validated and hashed, elements weighed.
pub(crate) enum Message<T> {
    Read {
        key: Key,
        hash: u64,
        query: Query,
    },
    Scan(Box<Scan>),
    Subscribe(Box<Subscribe>),
    /// Watch the newest value of a key.
    Watch {
        key: Key,
        watcher: Arc<Watcher<T>>,
    },
    Write(PreparedWrite<T>),
    /// A write that has to pass a gate. Only gates receive these.
    Gated(Box<GatedWrite<T>>),
    Many(Vec<Result<PreparedWrite<T>, Error>>),
    Batch(Vec<PreparedWrite<T>>),
    Clear,
    Compact,
}

/// A write, and when it was sent to its gate.
pub(crate) struct GatedWrite<T> {
    pub(crate) prepared: PreparedWrite<T>,
    pub(crate) since: Instant,
}

impl<T> Message<T> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Read { query: Query::Entry, .. } => "get",
            Self::Read { .. } => "look",
            Self::Write(prepared) => prepared.write.action.name(),
            Self::Gated(gated) => gated.prepared.write.action.name(),
            Self::Many(_) => "many",
            Self::Batch(_) => "batch",
            Self::Clear => "clear",
            Self::Scan(_) => "scan",
            Self::Subscribe(_) => "subscribe",
            Self::Watch { .. } => "latest",
            Self::Compact => "compact",
        }
    }

    /// Returns whether the message has so many writes that they are split into several turns.
    pub(super) fn is_sliced(&self) -> bool {
        matches!(self, Self::Many(writes) if writes.len() > SLICE)
    }

    /// Returns the maximum number of entries and bytes that the writes of the message add.
    pub(crate) fn max_growth(&self) -> (usize, u64) {
        let all = |writes: &mut dyn Iterator<Item = &PreparedWrite<T>>| {
            let add = |(n, sum): (usize, u64), write: &PreparedWrite<T>| {
                (n + 1, sum.saturating_add(write.bytes()))
            };
            writes.fold((0, 0), add)
        };
        match self {
            Self::Write(prepared) => (1, prepared.bytes()),
            Self::Many(writes) => all(&mut writes.iter().flatten()),
            Self::Batch(writes) => all(&mut writes.iter()),
            _ => (0, 0),
        }
    }
}

impl<T> Envelope<T> {
    /// Returns an envelope with the message, and with the current span if there is a tracing subscriber.
    #[inline]
    pub(crate) fn new(message: Message<T>, reply: CommandReply<T>) -> Self {
        // Without a subscriber, `Span::current` would cost more than the rest of this function.
        let is_traced = tracing::dispatcher::has_been_set();
        let span = is_traced.then(Span::current).filter(|span| !span.is_none());
        Self { message, reply, span: span.map(Box::new) }
    }

    /// Returns the span of the caller.
    pub(crate) fn span(&self) -> Span {
        self.span.as_deref().cloned().unwrap_or_else(Span::none)
    }

    /// Enters the span of the caller until the result is dropped.
    #[inline]
    pub(crate) fn enter(&self) -> Option<EnteredSpan> {
        let span = self.span.as_deref().map(|span| span.clone().entered());
        tracing::trace!(command = self.message.name(), "turn");
        span
    }
}

impl<T> fmt::Debug for Envelope<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Envelope").field(&self.message.name()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelope_is_at_most_128_bytes() {
        let size = size_of::<Envelope<String>>();
        assert!(size <= 128, "{size}: the queue is slower over 128 bytes");
    }
}
