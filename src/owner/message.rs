//! What travels from a handle to the owner.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;
use tracing::Span;
use tracing::span::EnteredSpan;

use crate::feed::{Beginning, Listening, Watcher};
use crate::journal::Compacted;
use crate::model::{
    BatchError, Entry, Error, Filter, Key, Outcome, Page, Prepared, Start, Timestamp,
};
use crate::owner::reply;
use crate::state::Map;

/// Where the answer goes.
pub(crate) type Reply<A, E = Error> = reply::Reply<Result<A, E>>;

/// A command and the span of the one who asked. Kept small: it is moved into the inbox and out of it.
pub struct Envelope<T> {
    pub(crate) message: Message<T>,
    pub(crate) span: Option<Box<Span>>,
}

pub(crate) enum Message<T> {
    Get {
        hash: u64,
        key: Key,
        reply: Reply<Option<Entry<T>>>,
    },
    Write {
        prepared: Prepared<T>,
        reply: Reply<Outcome<T>>,
    },
    /// A write on its way through a gate. Only gates get these.
    Gated(Box<Gated<T>>),
    Many {
        writes: Vec<Result<Prepared<T>, Error>>,
        reply: Reply<Vec<Result<Outcome<T>, Error>>>,
    },
    Batch {
        writes: Vec<Prepared<T>>,
        reply: Reply<Vec<Outcome<T>>, BatchError>,
    },
    Clear {
        reply: Reply<usize>,
    },
    /// A read of one key: looks, and sends its own answer.
    Look(Look<T>),
    Scan(Box<ScanRequest<T>>),
    Subscribe(Box<SubscribeRequest<T>>),
    Latest {
        key: Key,
        watcher: Arc<Watcher<T>>,
        reply: Reply<Listening>,
    },
    Compact {
        reply: Reply<Compacted>,
    },
}

/// Looks at the map, and sends its own answer.
pub(crate) type Look<T> = Box<dyn FnOnce(&Map<T>, Timestamp) + Send>;

pub(crate) struct Gated<T> {
    pub(crate) prepared: Prepared<T>,
    pub(crate) reply: Reply<Outcome<T>>,
    pub(crate) since: Instant,
}

pub(crate) struct ScanRequest<T> {
    pub(crate) prefix: Key,
    pub(crate) after: Option<Key>,
    pub(crate) limit: usize,
    pub(crate) reply: ScanReply<T>,
}

pub(crate) enum ScanReply<T> {
    Keys(Reply<Page<Key>>),
    Entries(Reply<Page<(Key, Entry<T>)>>),
}

pub(crate) struct SubscribeRequest<T> {
    pub(crate) filter: Filter,
    pub(crate) start: Start,
    pub(crate) reply: Reply<Beginning<T>>,
}

impl<T> Message<T> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Get { .. } => "get",
            Self::Write { prepared, .. } => prepared.write.action.name(),
            Self::Gated(gated) => gated.prepared.write.action.name(),
            Self::Many { .. } => "many",
            Self::Batch { .. } => "batch",
            Self::Clear { .. } => "clear",
            Self::Look(_) => "look",
            Self::Scan(_) => "scan",
            Self::Subscribe(_) => "subscribe",
            Self::Latest { .. } => "latest",
            Self::Compact { .. } => "compact",
        }
    }
}

impl<T> Message<T> {
    /// How many entries and bytes its writes may add at the most.
    pub(crate) fn demand(&self) -> (usize, u64) {
        let all = |writes: &mut dyn Iterator<Item = &Prepared<T>>| {
            let add = |(n, sum): (usize, u64), write: &Prepared<T>| {
                (n + 1, sum.saturating_add(write.bytes()))
            };
            writes.fold((0, 0), add)
        };
        match self {
            Self::Write { prepared, .. } => (1, prepared.bytes()),
            Self::Many { writes, .. } => all(&mut writes.iter().flatten()),
            Self::Batch { writes, .. } => all(&mut writes.iter()),
            _ => (0, 0),
        }
    }
}

impl<T> From<Message<T>> for Envelope<T> {
    /// A command in the span of its caller, if somebody listens to it.
    #[inline]
    fn from(message: Message<T>) -> Self {
        // Asking for the current span costs more than all the rest when nobody listens.
        let listening = tracing::dispatcher::has_been_set();
        let span = listening.then(Span::current).filter(|span| !span.is_none());
        Self { message, span: span.map(Box::new) }
    }
}

impl<T> Envelope<T> {
    /// Do what follows in the span of the caller.
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
    fn an_envelope_is_small() {
        let size = size_of::<Envelope<String>>();
        assert!(size <= 128, "{size}: over 128 bytes the channel gets slower");
    }
}
