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

/// What a server counts: a handle, to be given to [`serve`](super::serve) in its [options](super::ServerOptions), and to
/// [`health`](super::health), which shows it at `/metrics`.
///
/// Cloning it is cheap, and all clones are the same numbers.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Default)]
struct Inner {
    counts: Arc<Counts>,
    endpoints: Endpoints,
    /// In seconds since 1970; 0 is unknown.
    #[cfg(feature = "tls")]
    certificate_expires: AtomicI64,
}

impl Metrics {
    /// Connections that are open now, without those that are being refused.
    pub fn connections(&self) -> usize {
        self.0.counts.open.load(Relaxed)
    }

    pub(super) fn counts(&self) -> &Arc<Counts> {
        &self.0.counts
    }

    /// When the certificate that is shown to clients expires, in seconds since 1970.
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
