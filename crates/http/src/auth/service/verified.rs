//! A cache of access tokens with a verified signature. Verifying is the most expensive part of a request, so it is done
//! once per token.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;

use super::identity::Identity;

/// The maximum number of cached tokens, about 5 MB.
const REMEMBERED: usize = 8_192;

/// The cached tokens with their identities. Only tokens that this server has signed get into the cache.
#[derive(Debug)]
pub(super) struct Verified(RwLock<HashMap<Box<str>, CachedIdentity, RandomState>>);

#[derive(Debug, Clone)]
struct CachedIdentity {
    identity: Arc<Identity>,
    /// The generation of the keys that verified the token.
    generation: u64,
}

impl Verified {
    pub(super) fn new() -> Self {
        Self(RwLock::default())
    }

    pub(super) fn get(&self, token: &str, generation: u64) -> Option<Arc<Identity>> {
        let cache = self.0.read();
        cache
            .get(token)
            .filter(|cached| cached.generation == generation)
            .map(|cached| Arc::clone(&cached.identity))
    }

    pub(super) fn insert(&self, token: &str, identity: &Arc<Identity>, generation: u64, now: u64) {
        let mut cache = self.0.write();
        if cache.len() >= REMEMBERED {
            cache
                .retain(|_, cached| cached.generation == generation && cached.identity.until > now);
        }
        if cache.len() >= REMEMBERED {
            cache.clear();
        }
        cache.insert(token.into(), CachedIdentity { identity: Arc::clone(identity), generation });
    }
}
