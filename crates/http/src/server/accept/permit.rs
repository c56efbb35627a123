//! Permits of requests that are handled at once.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::server::metrics::Counts;

/// One of the requests that are handled at once; released when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Counts>);

impl Permit {
    /// A permit beyond the limit.
    pub(super) fn new(counts: &Arc<Counts>) -> Self {
        counts.in_flight.fetch_add(1, Relaxed);
        Self(Arc::clone(counts))
    }

    /// `None`, counted, if there are `max` already.
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
