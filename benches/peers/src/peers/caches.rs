//! Caches with sufficient capacity: no eviction and no expiry.

use super::Map;
use crate::load::{KEYS, Text};

pub struct Moka<T>(moka::sync::Cache<String, T>);

impl<T: Text> Default for Moka<T> {
    fn default() -> Self {
        Self(moka::sync::Cache::new(4 * KEYS as u64))
    }
}

impl<T: Text> Map<T> for Moka<T> {
    fn get(&self, key: &str) -> T {
        self.0.get(key).expect("the key exists")
    }

    fn set(&self, key: &str, value: T) {
        self.0.insert(key.to_owned(), value);
    }
}

pub struct QuickCache<T>(quick_cache::sync::Cache<String, T>);

impl<T: Text> Default for QuickCache<T> {
    fn default() -> Self {
        Self(quick_cache::sync::Cache::new(4 * KEYS))
    }
}

impl<T: Text> Map<T> for QuickCache<T> {
    fn get(&self, key: &str) -> T {
        self.0.get(key).expect("the key exists")
    }

    fn set(&self, key: &str, value: T) {
        self.0.insert(key.to_owned(), value);
    }
}
