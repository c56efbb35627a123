//! What is shown: put together when it is asked for, and never kept.

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

/// Everything about a store, its server and its process.
pub(in crate::server) fn registry<T>(store: Reader<T>, metrics: Metrics) -> Registry
where
    T: Send + Sync + 'static,
{
    let mut registry = Registry::default();
    let ours = registry.sub_registry_with_prefix("mainspring");
    ours.register_collector(Box::new(Store(store)));
    ours.register_collector(Box::new(Http(metrics)));
    registry.register_collector(Box::new(Process::new()));
    registry
}
