//! A `HashMap` in a lock: `parking_lot`'s, which are the faster ones when many wait.

use std::collections::HashMap;

use parking_lot::{Mutex, RwLock};

use super::Map;
use crate::load::Text;

#[derive(Debug)]
pub struct InMutex<T>(pub Mutex<HashMap<String, T>>);

impl<T: Text> Map<T> for InMutex<T> {
    fn get(&self, key: &str) -> T {
        self.0.lock().get(key).expect("the key is there").clone()
    }

    fn set(&self, key: &str, value: T) {
        // What was there is freed outside the lock.
        let before = self.0.lock().insert(key.to_owned(), value);
        drop(before);
    }
}

#[derive(Debug)]
pub struct InRwLock<T>(pub RwLock<HashMap<String, T>>);

impl<T: Text> Map<T> for InRwLock<T> {
    fn get(&self, key: &str) -> T {
        self.0.read().get(key).expect("the key is there").clone()
    }

    fn set(&self, key: &str, value: T) {
        let before = self.0.write().insert(key.to_owned(), value);
        drop(before);
    }
}
