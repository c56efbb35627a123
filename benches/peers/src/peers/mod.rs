//! The implementations that are compared: all of them map keys to values.

mod actix;
mod caches;
mod concurrent;
mod kameo;
mod locked;
mod plain;
mod ractor;
mod store;

use std::sync::Arc;

pub use self::actix::Actix;
pub use self::caches::{Moka, QuickCache};
pub use self::concurrent::{Dash, Papaya, Scc};
pub use self::kameo::Kameo;
pub use self::locked::{InMutex, InRwLock};
pub use self::plain::Plain;
pub use self::ractor::Ractor;
pub use self::store::{Beside, HOUR, builder, store_with_all_features, without_deadlines};
use crate::load::Text;

/// A map with an async interface.
pub trait Actor<T>: Clone + Send + Sync + 'static {
    /// Whether an operation waits for another task.
    const WAITS: bool = true;

    /// Returns the value of an existing key.
    fn get(&self, key: &str) -> impl Future<Output = T> + Send;

    fn set(&self, key: &str, value: T) -> impl Future<Output = ()> + Send;
}

/// A map with a synchronous interface.
pub trait Map<T>: Send + Sync + 'static {
    /// Returns the value of an existing key.
    fn get(&self, key: &str) -> T;

    fn set(&self, key: &str, value: T);
}

/// An adapter from a synchronous map to the async interface. Its futures complete at the first poll.
#[derive(Debug)]
pub struct Direct<M>(Arc<M>);

impl<M> Direct<M> {
    pub fn new(map: M) -> Self {
        Self(Arc::new(map))
    }
}

impl<M> Clone for Direct<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Text, M: Map<T>> Actor<T> for Direct<M> {
    const WAITS: bool = false;

    async fn get(&self, key: &str) -> T {
        self.0.get(key)
    }

    async fn set(&self, key: &str, value: T) {
        self.0.set(key, value);
    }
}
