//! What the handles of a store share.

use std::fmt;
use std::sync::Arc;

use crate::inbox;
use crate::message::Envelope;
use crate::shared::Shared;

/// The way from handles to the owner. When the last one is dropped, the owner ends.
pub struct Link<T> {
    pub(crate) shared: Arc<Shared<T>>,
    pub(crate) inbox: inbox::Sender<Envelope<T>>,
    /// The longest prefix first.
    pub(crate) gates: Vec<GateLink<T>>,
}

/// The way through a gate.
pub(crate) struct GateLink<T> {
    pub(crate) prefix: Box<str>,
    pub(crate) inbox: inbox::Sender<Envelope<T>>,
}

impl<T> Link<T> {
    pub(crate) fn gate_of(&self, key: &str) -> Option<&GateLink<T>> {
        self.gates.iter().find(|gate| key.starts_with(&*gate.prefix))
    }
}

impl<T> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("id", &self.shared.id())
            .field("revision", &self.shared.history.head())
            .finish_non_exhaustive()
    }
}
