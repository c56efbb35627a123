//! What the owner hands to a new subscriber.

use std::fmt;
use std::sync::Arc;

use tokio::sync::broadcast;

use crate::feed::{Listening, Turn, Watcher};
use crate::model::{Entry, Filter, Start};

/// Where to begin, and with what: all of it taken at one moment.
pub struct Beginning<T> {
    pub(crate) filter: Filter,
    pub(crate) start: Start,
    pub(crate) source: Source<T>,
    /// Tell what comes after this revision.
    pub(crate) after: u64,
    /// The newest revision.
    pub(crate) head: u64,
    /// The entry of a single key, for a snapshot of it.
    pub(crate) entry: Option<Entry<T>>,
}

impl<T> fmt::Debug for Beginning<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beginning").field("after", &self.after).finish_non_exhaustive()
    }
}

/// Where changes come from.
pub(crate) enum Source<T> {
    Channel { receiver: broadcast::Receiver<Turn<T>>, _listening: Listening },
    Watcher { watcher: Arc<Watcher<T>>, _listening: Listening },
}
