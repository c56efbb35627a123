//! A `HashMap` in a lock of the standard library.

use std::collections::HashMap;
use std::sync::{Mutex, RwLock};

use super::Map;
use crate::load::Text;

const POISONED: &str = "the lock is not poisoned";

#[derive(Debug)]
pub struct InMutex<T>(pub Mutex<HashMap<String, T>>);

impl<T: Text> Map<T> for InMutex<T> {
    fn get(&self, key: &str) -> T {
        self.0.lock().expect(POISONED).get(key).expect("the key exists").clone()
    }

    fn set(&self, key: &str, value: T) {
        // The old value is freed outside of the lock.
        let before = self.0.lock().expect(POISONED).insert(key.to_owned(), value);
        drop(before);
    }
}

#[derive(Debug)]
pub struct InRwLock<T>(pub RwLock<HashMap<String, T>>);

impl<T: Text> Map<T> for InRwLock<T> {
    fn get(&self, key: &str) -> T {
        self.0.read().expect(POISONED).get(key).expect("the key exists").clone()
    }

    fn set(&self, key: &str, value: T) {
        let before = self.0.write().expect(POISONED).insert(key.to_owned(), value);
        drop(before);
    }
}
