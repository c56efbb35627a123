//! What a server counts of its requests, and how it is shown.
//!
//! A request costs three additions to numbers of its own route, method and outcome; whatever else is shown is put
//! together when somebody asks for it.

mod collect;
mod outcome;
mod route;
mod times;

use std::fmt;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::sync::atomic::AtomicI64;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

pub(super) use self::collect::registry;
use self::outcome::OUTCOMES;
pub(super) use self::outcome::Outcome;
pub(super) use self::route::{Method, Route};
use self::times::Times;
use super::accept::Counts;

/// What a server counts: a handle, to be given to [`serve`](super::serve) in its [options](super::Options), and to
/// [`health`](super::health), which shows it at `/metrics`.
///
/// Cloning it is cheap, and all clones are the same numbers.
#[derive(Clone, Default)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    counts: Arc<Counts>,
    /// One for each route and method.
    cells: Box<[Cell]>,
    /// In seconds since 1970; 0 is unknown.
    #[cfg(feature = "tls")]
    certificate_expires: AtomicI64,
}

/// What is counted of one route and method.
#[derive(Debug)]
struct Cell {
    outcomes: [AtomicU64; OUTCOMES.len()],
    times: Times,
}

impl Cell {
    fn new() -> Self {
        Self { outcomes: std::array::from_fn(|_| AtomicU64::new(0)), times: Times::default() }
    }
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

    /// Count a request that was answered.
    pub(super) fn answered(&self, route: Route, method: Method, outcome: Outcome, took: Duration) {
        let cell = self.cell(route, method);
        cell.outcomes[outcome.index()].fetch_add(1, Relaxed);
        cell.times.add(took);
    }

    fn cell(&self, route: Route, method: Method) -> &Cell {
        &self.0.cells[route as usize * Method::ALL.len() + method as usize]
    }
}

impl Default for Inner {
    fn default() -> Self {
        let cells = Route::ALL.len() * Method::ALL.len();
        Self {
            counts: Arc::default(),
            cells: (0..cells).map(|_| Cell::new()).collect(),
            #[cfg(feature = "tls")]
            certificate_expires: AtomicI64::default(),
        }
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("counts", &self.0.counts).finish_non_exhaustive()
    }
}
