//! Reading everything that a journal holds, as a start does. Changes nothing.

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

/// A store that nobody serves.
pub(super) struct Loaded {
    state: State<Raw>,
    /// The newest time that was recorded.
    last: Timestamp,
}

impl Loaded {
    pub(super) fn new() -> Self {
        let origin = Timestamp::from_nanos(0);
        Self { state: State::new(Weigher::custom(|_| 0), origin), last: origin }
    }

    /// All of it.
    pub(super) fn read(
        disk: &dyn Disk,
        manifest: &Manifest,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, FileError> {
        let mut loaded = Self::new();
        replay(disk, manifest, progress, &mut |recovered| {
            loaded.take(recovered);
            Ok(())
        })?;
        Ok(loaded)
    }

    /// As the owner does.
    pub(super) fn take(&mut self, recovered: Recovered<Raw>) {
        match recovered {
            Recovered::Entry(key, entry) => {
                self.last = self.last.max(entry.updated_at);
                self.state.restore(&key, entry);
            }
            Recovered::SnapshotEnd(revision) => self.state.resume_at(revision),
            Recovered::Patch(change) | Recovered::Change(change) => {
                self.last = self.last.max(change.at);
                self.state.apply(&change);
                // What a clear leaves behind.
                while self.state.has_background_work() {
                    self.state.do_background_work();
                }
            }
        }
    }

    /// Apply a change whose predecessors may be missing, unless it is older than what its key is by now, or does not
    /// fit it. Returns whether it was applied.
    pub(super) fn take_if_it_fits(&mut self, mut change: Change<Raw>) -> bool {
        let facts = self.facts(&change.key);
        let is_older = facts.as_ref().is_some_and(|facts| facts.revision > change.revision);
        if matches!(change.kind, ChangeKind::Cleared { .. }) {
            self.clear_before(&change);
            return true;
        }
        let fits = match (&change.kind, &facts) {
            // What it did is in what the key is by now.
            _ if is_older => return true,
            (ChangeKind::Set { .. } | ChangeKind::Cleared { .. }, _) => true,
            (ChangeKind::Updated { value, expires_at }, None) => {
                // When it was created is lost.
                change.kind = ChangeKind::Set { value: value.clone(), expires_at: *expires_at };
                true
            }
            (kind, Some(facts)) => {
                kind.length_before().is_none_or(|length| facts.length == Some(length))
            }
            (_, None) => false,
        };
        if fits {
            self.take(Recovered::Change(change));
        }
        fits
    }

    /// Remove what a clear removed: entries that a newer snapshot has are newer than it.
    fn clear_before(&mut self, clear: &Change<Raw>) {
        for key in self.keys(self.state.map()) {
            if self.revision_of(&key) < clear.revision {
                let kind = ChangeKind::Removed;
                let removed = Change::recorded(clear.revision, clear.at, key, kind, false);
                self.take(Recovered::Change(removed));
            }
        }
    }

    /// The revision of what is at a key; 0 if it is absent.
    pub(super) fn revision_of(&self, key: &Key) -> u64 {
        self.facts(key).map_or(0, |facts| facts.revision)
    }

    fn facts(&self, key: &Key) -> Option<Facts> {
        self.state.facts(self.state.map().hash(key), key)
    }

    pub(super) fn revision(&self) -> u64 {
        self.state.totals().revision
    }

    /// The newest time that was recorded.
    pub(super) fn last(&self) -> Timestamp {
        self.last
    }

    /// The time of the store: a clock that was put back revives nothing.
    pub(super) fn now(&self) -> Timestamp {
        self.last.max(SystemTime::now().into())
    }

    /// Every entry that was not over at a time, sorted by key.
    pub(super) fn each(
        &self,
        now: Timestamp,
        mut tell: impl FnMut(&Key, &Entry<Raw>) -> ControlFlow<()>,
    ) {
        let map = self.state.map();
        for key in self.keys(map) {
            let entry = map.get(map.hash(&key), &key, now);
            if entry.is_some_and(|entry| tell(&key, &entry).is_break()) {
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
