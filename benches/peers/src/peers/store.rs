//! Mainspring with all features: revisions, limits, history, and a default time to live, so that all entries have a
//! deadline.

use std::time::Duration;

use mainspring::{Builder, Store, View};

use super::{Actor, Map};
use crate::load::Text;

/// The default time to live.
pub const HOUR: Duration = Duration::from_secs(3_600);

/// All features except deadlines.
pub fn without_deadlines<T: Text>() -> Builder<T> {
    Store::builder().max_entries(100_000_000).max_bytes(64 << 30)
}

pub fn builder<T: Text>() -> Builder<T> {
    without_deadlines().default_ttl(HOUR)
}

/// A store with all features.
pub fn store_with_all_features<T: Text>() -> Store<T> {
    builder().spawn()
}

impl<T: Text> Actor<T> for Store<T> {
    async fn get(&self, key: &str) -> T {
        let entry = (**self).get(key).await.expect("the store is open");
        entry.and_then(mainspring::Entry::into_item).expect("the key exists")
    }

    async fn set(&self, key: &str, value: T) {
        Store::set(self, key, value).await.expect("the store is open");
    }
}

fn read<T: Text>(view: &View<T>, key: &str) -> T {
    view.get(key).and_then(mainspring::Entry::into_item).expect("the key exists")
}

/// Reads through a view, writes through the owner.
#[derive(Clone, Debug)]
pub struct Beside<T> {
    pub store: Store<T>,
    pub view: View<T>,
}

impl<T: Text> Actor<T> for Beside<T> {
    async fn get(&self, key: &str) -> T {
        read(&self.view, key)
    }

    async fn set(&self, key: &str, value: T) {
        Actor::set(&self.store, key, value).await;
    }
}

/// Reads through a view only.
impl<T: Text> Map<T> for View<T> {
    fn get(&self, key: &str) -> T {
        read(self, key)
    }

    fn set(&self, _: &str, _: T) {
        unreachable!("a view cannot write");
    }
}
