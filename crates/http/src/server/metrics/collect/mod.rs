//! The metrics that are exported. They are collected when they are read.

mod http;
mod process;
mod store;
mod writer;

use mainspring::Reader;
use prometheus_client::registry::Registry;

use self::http::Http;
use self::process::Process;
use self::store::Store;
pub(super) use self::writer::Writer;
use super::Metrics;

/// Returns the metrics of a store, its server and its process.
pub(in crate::server) fn registry<T>(store: Reader<T>, metrics: Metrics) -> Registry
where
    T: Send + Sync + 'static,
{
    let mut registry = Registry::default();
    let prefixed = registry.sub_registry_with_prefix("mainspring");
    prefixed.register_collector(Box::new(Store(store)));
    prefixed.register_collector(Box::new(Http(metrics)));
    registry.register_collector(Box::new(Process::new()));
    registry
}
