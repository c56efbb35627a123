//! Access tokens whose signature was found to be good: no other part of a request needs as much arithmetic, so it
//! is done once.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use parking_lot::RwLock;

use super::identity::Identity;

/// How many are remembered: some 5 MB.
const REMEMBERED: usize = 8_192;

/// The tokens, with what they say. Only what we have signed gets in here.
#[derive(Debug)]
pub(super) struct Verified(RwLock<HashMap<Box<str>, Known, RandomState>>);

#[derive(Debug, Clone)]
struct Known {
    identity: Arc<Identity>,
    /// Of the keys that it was verified with.
    generation: u64,
}

impl Verified {
    pub(super) fn new() -> Self {
        Self(RwLock::default())
    }

    pub(super) fn get(&self, token: &str, generation: u64) -> Option<Arc<Identity>> {
        let known = self.0.read();
        known
            .get(token)
            .filter(|known| known.generation == generation)
            .map(|known| Arc::clone(&known.identity))
    }

    pub(super) fn insert(&self, token: &str, identity: &Arc<Identity>, generation: u64, now: u64) {
        let mut known = self.0.write();
        if known.len() >= REMEMBERED {
            known.retain(|_, known| known.generation == generation && known.identity.until > now);
        }
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(token.into(), Known { identity: Arc::clone(identity), generation });
    }
}
