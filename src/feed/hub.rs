//! The hub: what subscriptions read from.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Sleep;

use crate::feed::{History, Lag, Listeners, Status};
use crate::journal::Past;
use crate::model::{Change, Error, Start, StoreId, Weigher};
use crate::state::Map;

/// What the subscriptions of a store read from: the map, the history, the status, and the past of the journal. It
/// outlives the owner, so that subscriptions deliver the last changes before a shutdown.
pub(crate) struct Hub<T> {
    pub(crate) map: Arc<Map<T>>,
    pub(crate) history: Arc<History<T>>,
    pub(crate) status: Arc<Status>,
    /// The number of subscribers to all keys or to a prefix.
    pub(crate) listeners: Listeners,
    /// The number of watchers of single keys.
    pub(crate) watchers: Listeners,
    pub(crate) lag: Lag,
    pub(crate) weigher: Weigher<T>,
    /// The runtime of the owner. Subscriptions use its timers, on whatever runtime they are read.
    runtime: Handle,
    /// The reader of changes that have left the history. Set when the journal has been recovered.
    past: OnceLock<Arc<dyn Past<T>>>,
    id: AtomicU64,
}

impl<T> Hub<T> {
    pub(crate) fn new(map: Arc<Map<T>>, history: History<T>, weigher: Weigher<T>) -> Self {
        Self {
            map,
            history: Arc::new(history),
            status: Arc::default(),
            listeners: Listeners::default(),
            watchers: Listeners::default(),
            lag: Lag::default(),
            weigher,
            runtime: Handle::current(),
            past: OnceLock::new(),
            id: AtomicU64::new(StoreId::random().0),
        }
    }

    /// A timer on the runtime of the owner.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        let _entered = self.runtime.enter();
        tokio::time::sleep(duration)
    }

    pub(crate) fn id(&self) -> StoreId {
        StoreId(self.id.load(Ordering::Relaxed))
    }

    pub(crate) fn set_id(&self, id: StoreId) {
        self.id.store(id.0, Ordering::Relaxed);
    }

    /// Set the reader of changes that have left the history. Only the first call has an effect.
    pub(crate) fn set_past(&self, past: Arc<dyn Past<T>>) {
        let _ = self.past.set(past);
    }

    /// The reader of the changes after a revision that is older than `floor`, the oldest one of the history.
    pub(crate) fn past_after(&self, revision: u64, floor: u64) -> Result<Arc<dyn Past<T>>, Error> {
        let past = self.past.get().ok_or(Error::Compacted { oldest: floor })?;
        let oldest = past.oldest();
        if revision < oldest {
            return Err(Error::Compacted { oldest: oldest.min(floor) });
        }
        Ok(Arc::clone(past))
    }

    /// The revision after which a subscription starts; `head` is the newest one.
    pub(crate) fn resolve_start(&self, start: Start, head: u64) -> Result<u64, Error> {
        let Start::After { store, revision } = start else { return Ok(head) };
        if store.is_some_and(|store| store != self.id()) {
            return Err(Error::WrongStore);
        }
        if revision > head {
            return Err(Error::AheadOfHead { asked: revision, head });
        }
        match self.history.check_start(revision) {
            // Whether it is inside a batch is found out when the subscription reads the journal: the owner does not.
            Err(Error::Compacted { oldest: floor }) => {
                self.past_after(revision, floor)?;
            }
            checked => checked?,
        }
        Ok(revision)
    }

    /// Weigh a change that was read from a journal, as the owner did when it decided the write.
    pub(crate) fn weigh(&self, change: &mut Change<T>) {
        change.weight = self.weigher.weigh(change.elements()).unwrap_or(0);
    }
}
