//! Permits for concurrent requests.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::server::metrics::Counts;

/// A permit for one request; released when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Counts>);

impl Permit {
    /// Creates a permit regardless of the limit.
    pub(super) fn new(counts: &Arc<Counts>) -> Self {
        counts.in_flight.fetch_add(1, Relaxed);
        Self(Arc::clone(counts))
    }

    /// Takes a permit. If `max` are in use, returns `None` and counts the rejection.
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
