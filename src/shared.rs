//! What the owner and all handles of a store have in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::command::{Prepared, Write};
use crate::history::History;
use crate::journal::{Meter, Past};
use crate::lag::Marks;
use crate::publisher::Listeners;
use crate::state::Map;
use crate::stats::Counters;
use crate::status::Status;
use crate::weigh::Weigher;
use crate::{Error, StoreId};

/// Outlives the owner, so that views and subscriptions can read to the end.
pub(crate) struct Shared<T> {
    pub(crate) map: Arc<Map<T>>,
    pub(crate) history: Arc<History<T>>,
    pub(crate) clock: Clock,
    pub(crate) status: Status,
    /// Who listens to all keys or a prefix, and who to a single key.
    pub(crate) listeners: Listeners,
    pub(crate) watchers: Listeners,
    /// Where those are who subscribed.
    pub(crate) marks: Marks,
    pub(crate) counters: Counters,
    pub(crate) weigher: Weigher<T>,
    pub(crate) token: CancellationToken,
    /// Counts what the journal does.
    pub(crate) meter: Arc<Meter>,
    /// Where changes that have left the history are read. Known when the journal has been recovered.
    pub(crate) past: OnceLock<Arc<dyn Past<T>>>,
    id: AtomicU64,
}

impl<T> Shared<T> {
    pub(crate) fn new(
        map: Arc<Map<T>>,
        history: History<T>,
        clock: Clock,
        weigher: Weigher<T>,
        token: CancellationToken,
        meter: Arc<Meter>,
    ) -> Self {
        Self {
            map,
            history: Arc::new(history),
            clock,
            status: Status::default(),
            listeners: Listeners::default(),
            watchers: Listeners::default(),
            marks: Marks::default(),
            counters: Counters::default(),
            weigher,
            token,
            meter,
            past: OnceLock::new(),
            id: AtomicU64::new(StoreId::random().0),
        }
    }

    pub(crate) fn id(&self) -> StoreId {
        StoreId(self.id.load(Ordering::Relaxed))
    }

    pub(crate) fn set_id(&self, id: StoreId) {
        self.id.store(id.0, Ordering::Relaxed);
    }

    /// Where the changes after a revision can be read that the history, which is complete after `floor`, does
    /// not have any more.
    pub(crate) fn past_after(&self, revision: u64, floor: u64) -> Result<Arc<dyn Past<T>>, Error> {
        let past = self.past.get().ok_or(Error::Compacted { oldest: floor })?;
        let oldest = past.oldest();
        if revision < oldest {
            return Err(Error::Compacted { oldest: oldest.min(floor) });
        }
        Ok(Arc::clone(past))
    }

    /// Do the caller's share of a write: validate, hash and weigh it.
    pub(crate) fn prepare(&self, write: Write<T>) -> Result<Prepared<T>, Error> {
        write.validate()?;
        let hash = self.map.hash(write.key());
        let weight = self.weigher.weigh(write.elements())?;
        Ok(Prepared { write, hash, weight })
    }
}
