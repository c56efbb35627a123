//! Concurrent maps. The hash function is a parameter: `RandomState` is the default, and foldhash is that of the
//! store.

use std::hash::BuildHasher;

use dashmap::DashMap;
use papaya::HashMap;

use super::Map;
use crate::load::Text;

/// A hash function.
pub trait Hash: BuildHasher + Clone + Default + Send + Sync + 'static {}

impl<S: BuildHasher + Clone + Default + Send + Sync + 'static> Hash for S {}

pub struct Dash<T, S>(pub DashMap<String, T, S>);

impl<T: Text, S: Hash> Map<T> for Dash<T, S> {
    fn get(&self, key: &str) -> T {
        self.0.get(key).expect("the key exists").clone()
    }

    fn set(&self, key: &str, value: T) {
        let before = self.0.insert(key.to_owned(), value);
        drop(before);
    }
}

pub struct Papaya<T, S>(pub HashMap<String, T, S>);

impl<T: Text, S: Hash> Map<T> for Papaya<T, S> {
    fn get(&self, key: &str) -> T {
        self.0.pin().get(key).expect("the key exists").clone()
    }

    fn set(&self, key: &str, value: T) {
        self.0.pin().insert(key.to_owned(), value);
    }
}

pub struct Scc<T, S: BuildHasher>(pub scc::HashMap<String, T, S>);

impl<T: Text, S: Hash> Map<T> for Scc<T, S> {
    fn get(&self, key: &str) -> T {
        self.0.read_sync(key, |_, value| value.clone()).expect("the key exists")
    }

    fn set(&self, key: &str, value: T) {
        let before = self.0.upsert_sync(key.to_owned(), value);
        drop(before);
    }
}
