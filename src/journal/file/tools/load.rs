//! [`Loaded`]: the content of a journal in memory, read without changing the journal.

use std::ops::ControlFlow;
use std::time::SystemTime;

use super::Raw;
use crate::journal::Recovered;
use crate::journal::file::disk::Disk;
use crate::journal::file::error::FileError;
use crate::journal::file::manifest::Manifest;
use crate::journal::file::replay::{Progress, replay};
use crate::model::decide::Facts;
use crate::model::{Change, ChangeKind, Entry, Key, Timestamp, Weigher};
use crate::state::{Map, SHARDS, State};

/// The state of a store, without an owner.
pub(super) struct Loaded {
    state: State<Raw>,
    /// The newest recorded time.
    last: Timestamp,
}

impl Loaded {
    pub(super) fn new() -> Self {
        let origin = Timestamp::from_nanos(0);
        Self { state: State::new(Weigher::custom(|_| 0), origin), last: origin }
    }

    /// Reads the whole journal.
    pub(super) fn read(
        disk: &dyn Disk,
        manifest: &Manifest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, FileError> {
        let mut loaded = Self::new();
        replay(disk, manifest, progress, &mut |recovered| {
            loaded.apply(recovered);
            Ok(())
        })?;
        Ok(loaded)
    }

    /// Applies a recovered part, as the owner does at a start.
    pub(super) fn apply(&mut self, recovered: Recovered<Raw>) {
        match recovered {
            Recovered::Entry(key, entry) => {
                self.last = self.last.max(entry.updated_at);
                self.state.restore(&key, entry);
            }
            Recovered::SnapshotEnd(revision) => self.state.resume_at(revision),
            Recovered::Patch(change) | Recovered::Change(change) => {
                self.last = self.last.max(change.at);
                self.state.apply(&change);
                // Free what a clear has left.
                while self.state.has_background_work() {
                    self.state.do_background_work();
                }
            }
        }
    }

    /// Applies a change whose predecessors may be missing. Returns `false` if it does not fit the state of its key. A
    /// change that is older than its key is ignored, because its effect is already included.
    pub(super) fn apply_if_it_fits(&mut self, mut change: Change<Raw>) -> bool {
        let facts = self.facts(&change.key);
        let is_older = facts.as_ref().is_some_and(|facts| facts.revision > change.revision);
        if matches!(change.kind, ChangeKind::Cleared { .. }) {
            self.clear_before(&change);
            return true;
        }
        let fits = match (&change.kind, &facts) {
            // Its effect is already included.
            _ if is_older => return true,
            (ChangeKind::Set { .. } | ChangeKind::Cleared { .. }, _) => true,
            (ChangeKind::Updated { value, expires_at }, None) => {
                // The creation is lost, so the update becomes a set.
                change.kind = ChangeKind::Set { value: value.clone(), expires_at: *expires_at };
                true
            }
            (kind, Some(facts)) => {
                kind.length_before().is_none_or(|length| facts.length == Some(length))
            }
            (_, None) => false,
        };
        if fits {
            self.apply(Recovered::Change(change));
        }
        fits
    }

    /// Applies a clear, except to entries of a newer snapshot, which are newer than the clear.
    fn clear_before(&mut self, clear: &Change<Raw>) {
        for key in self.keys(self.state.map()) {
            if self.revision_of(&key) < clear.revision {
                let kind = ChangeKind::Removed;
                let removed = Change::recorded(clear.revision, clear.at, key, kind, false);
                self.apply(Recovered::Change(removed));
            }
        }
    }

    /// Returns the revision of a key; 0 if it is absent.
    pub(super) fn revision_of(&self, key: &Key) -> u64 {
        self.facts(key).map_or(0, |facts| facts.revision)
    }

    fn facts(&self, key: &Key) -> Option<Facts> {
        self.state.facts(self.state.map().hash(key), key)
    }

    pub(super) fn revision(&self) -> u64 {
        self.state.totals().revision
    }

    /// The newest recorded time.
    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    /// The current time of the store, which is never before the newest recorded time. So a clock that was set back
    /// does not make expired entries reappear.
    pub(super) fn now(&self) -> Timestamp {
        self.last.max(SystemTime::now().into())
    }

    /// Passes every entry that has not expired at a time to `visit`, sorted by key.
    pub(super) fn each(
        &self,
        now: Timestamp,
        mut visit: impl FnMut(&Key, &Entry<Raw>) -> ControlFlow<()>,
    ) {
        let map = self.state.map();
        for key in self.keys(map) {
            let entry = map.get(map.hash(&key), &key, now);
            if entry.is_some_and(|entry| visit(&key, &entry).is_break()) {
                return;
            }
        }
    }

    pub(super) fn count(&self) -> u64 {
        self.keys(self.state.map()).len() as u64
    }

    fn keys(&self, map: &Map<Raw>) -> Vec<Key> {
        let mut keys = Vec::new();
        for shard in 0..SHARDS {
            let shard = map.read(shard);
            let (slots, _) = shard.walk(0, u32::MAX);
            keys.extend(slots.map(|(_, slot)| slot.key().clone()));
        }
        keys.sort_unstable();
        keys
    }
}
