//! What the handles of a store share.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::feed::Hub;
use crate::journal::Meter;
use crate::model::{Error, Prepared, Write};
use crate::owner::clock::Clock;
use crate::owner::counters::Counters;
use crate::owner::message::Envelope;
use crate::owner::queue;
use crate::store::View;

/// The way from handles to the owner. When the last one is dropped, the owner ends.
pub struct Link<T> {
    pub(crate) hub: Arc<Hub<T>>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) meter: Arc<Meter>,
    pub(crate) token: CancellationToken,
    pub(crate) queue: queue::Sender<Envelope<T>>,
    /// The longest prefix first.
    pub(crate) gates: Vec<GateLink<T>>,
}

/// The way through a gate.
pub(crate) struct GateLink<T> {
    pub(crate) prefix: Box<str>,
    pub(crate) queue: queue::Sender<Envelope<T>>,
}

impl<T> Link<T> {
    pub(crate) fn gate_of(&self, key: &str) -> Option<&GateLink<T>> {
        self.gates.iter().find(|gate| key.starts_with(&*gate.prefix))
    }

    /// Validate, hash and weigh a write, so that the owner need not.
    pub(crate) fn prepare(&self, write: Write<T>) -> Result<Prepared<T>, Error> {
        write.validate()?;
        let hash = self.hub.map.hash(write.key());
        let weight = self.hub.weigher.weigh(write.elements())?;
        Ok(Prepared { write, hash, weight })
    }

    pub(crate) fn view(&self) -> View<T> {
        View::new(Arc::clone(&self.hub.map), Arc::clone(&self.clock), Arc::clone(&self.counters))
    }
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("id", &self.hub.id())
            .field("revision", &self.hub.history.head())
            .finish_non_exhaustive()
    }
}
