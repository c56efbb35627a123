//! Metrics of a server and its store.
//!
//! A request costs three additions to the numbers of its route, method and outcome; everything else is computed when
//! the metrics are read.

mod collect;
mod counts;
mod endpoints;
mod outcome;
mod times;

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering::Relaxed;

pub(super) use self::collect::registry;
pub(super) use self::counts::Counts;
use self::endpoints::Endpoints;
pub(super) use self::endpoints::{Endpoint, EndpointId};
pub(super) use self::outcome::Outcome;

/// The metrics of a server: a handle for the [options](super::ServerOptions) of [`serve`](super::serve) and for
/// [`health`](super::health), which exports them at `/metrics`.
///
/// Cheap to clone; all clones share the same counters.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Default)]
struct Inner {
    counts: Arc<Counts>,
    endpoints: Endpoints,
    /// In seconds since the Unix epoch; 0 if unknown.
    #[cfg(feature = "tls")]
    certificate_expires: AtomicI64,
}

impl Metrics {
    /// Returns the number of open connections, without those being rejected.
    pub fn connections(&self) -> usize {
        self.0.counts.open.load(Relaxed)
    }

    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.0.counts
    }

    /// Sets the expiry time of the TLS certificate, in seconds since the Unix epoch.
    #[cfg(feature = "tls")]
    pub(super) fn certificate_expires(&self, at: Option<i64>) {
        self.0.certificate_expires.store(at.unwrap_or_default(), Relaxed);
    }

    pub(super) fn endpoint(&self, id: EndpointId) -> &Endpoint {
        self.0.endpoints.get(id)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("counts", &self.0.counts).finish_non_exhaustive()
    }
}
