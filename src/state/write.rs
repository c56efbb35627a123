//! The write path: decides and applies changes, one key and one lock at a time.

use super::shard::Shard;
use super::slot::{DisplacedValue, NewEntry, Payload, Slot, Stamp, StoredValue};
use super::{Map, SlotId, State};
use crate::model::decide::{Effect, Facts, Rules, change_of, decide, effect_of_change};
use crate::model::{
    Action, Change, ChangeKind, Error, Key, PreparedWrite, ReplacedItem, Timestamp, Value, Written,
};
use crate::state::wheel::Wheel;

impl<T: Clone> State<T> {
    /// Decide a write and apply it under one lock: the turn of a store without a journal. The changes (a write to an
    /// overdue key makes two) are passed to `emit`, also if the write is rejected.
    pub(crate) fn commit(
        &mut self,
        prepared: PreparedWrite<T>,
        now: Timestamp,
        rules: &Rules,
        emit: &mut impl FnMut(Change<T>),
    ) -> Result<Written<T>, Error> {
        let hash = prepared.hash;
        let key = &prepared.write.key;
        let payload = Payload::of_write(&prepared.write.action);
        let shard = Map::<T>::shard_of(hash);
        // Declared after the payload, so that the lock is released before the payload is dropped, which may run the
        // `Drop` of `T`.
        let mut guard = self.map.write(shard);
        let mut index = guard.find(hash, key);
        let mut facts = index.and_then(|index| guard.slot(index)).map(Slot::facts);
        if let (Some(over), Some(at)) = (facts.filter(|facts| facts.is_expired(now)), index) {
            drop(guard);
            let (expired, removed) = self.expire_at((hash, shard, at), over, key, now);
            emit(expired);
            drop(removed);
            guard = self.map.write(shard);
            (facts, index) = (None, None);
        }
        let effect = decide(&prepared, facts, now, &self.ledger.totals, rules)?;
        let revision = self.ledger.totals.revision + 1;
        self.map.set_applied(revision);
        let (wheel, stamp) = (&mut self.ledger.wheel, Stamp { revision, at: now });
        let at = (hash, shard, index);
        let (displaced, id) = put(&mut guard, wheel, at, key, effect, stamp, payload);
        drop(guard);
        self.ledger.totals.revision = revision;
        let after = effect.after(facts, key, revision);
        self.ledger.record_change(&self.map, key, (facts, after), id);
        let (popped, replaced, _displaced) = match displaced {
            DisplacedValue::Element(element) => {
                self.free(hash, key, std::slice::from_ref(&element));
                (Some(element), ReplacedItem::NOTHING, DisplacedValue::Nothing)
            }
            DisplacedValue::Elements(elements) => {
                self.free(hash, key, &elements);
                (None, ReplacedItem::NOTHING, DisplacedValue::Elements(elements))
            }
            DisplacedValue::Value(StoredValue::Item(old)) => {
                (None, ReplacedItem::item(old), DisplacedValue::Nothing)
            }
            displaced => (None, ReplacedItem::NOTHING, displaced),
        };
        let counts = effect.counts(&prepared.write.action);
        emit(change_of(effect, prepared, revision, now));
        Ok(Written { popped, replaced, ..Written::new(revision, now, counts) })
    }

    /// Expire an overdue key, before a write to it.
    #[cold]
    fn expire_at(
        &mut self,
        (hash, shard, index): (u64, usize, u32),
        over: Facts,
        key: &Key,
        now: Timestamp,
    ) -> (Change<T>, DisplacedValue<T>) {
        let revision = self.ledger.totals.revision + 1;
        self.map.set_applied(revision);
        let removed = self.map.write(shard).remove(hash, index);
        self.ledger.record_removal(key, SlotId::new(shard, index), over);
        self.ledger.totals.revision = revision;
        self.ledger.expired += 1;
        (Change::new(revision, now, key.clone(), ChangeKind::Expired), removed)
    }

    /// Apply a recorded change. Cannot fail: a change that does not fit the state, which only an incorrect journal
    /// can contain, is ignored.
    pub(crate) fn apply(&mut self, change: &Change<T>) -> Option<T> {
        let Some(effect) = effect_of_change(change) else {
            self.clear(change.revision);
            return None;
        };
        let payload = Payload::of_change(&change.kind);
        let key = &change.key;
        let hash = self.map.hash(key);
        let shard = Map::<T>::shard_of(hash);
        let stamp = Stamp { revision: change.revision, at: change.at };
        self.map.set_applied(change.revision);
        let mut guard = self.map.write(shard);
        let index = guard.find(hash, key);
        let facts = index.and_then(|index| guard.slot(index)).map(Slot::facts);
        self.ledger.totals.revision = change.revision;
        if facts.is_none() && !matches!(effect, Effect::Set { .. }) {
            drop(guard);
            tracing::error!(key = %key, ?effect, "the journal has a change of an absent key");
            return None;
        }
        let (wheel, at) = (&mut self.ledger.wheel, (hash, shard, index));
        let (displaced, id) = put(&mut guard, wheel, at, key, effect, stamp, payload);
        drop(guard);

        self.ledger.expired += u64::from(effect == Effect::Expire);
        let after = effect.after(facts, key, change.revision);
        self.ledger.record_change(&self.map, key, (facts, after), id);
        match displaced {
            DisplacedValue::Element(element) => {
                self.free(hash, key, std::slice::from_ref(&element));
                Some(element)
            }
            DisplacedValue::Elements(elements) => {
                self.free(hash, key, &elements);
                None
            }
            _ => None,
        }
    }

    /// Free the bytes of elements that were removed from a list. Only now is it known which.
    fn free(&mut self, hash: u64, key: &str, elements: &[T]) {
        // The weigher has weighed these elements before. If it panics now, the bytes of that element are not freed.
        let weigh = |element| self.weigher.weigh(std::slice::from_ref(element)).unwrap_or(0);
        let weight = elements.iter().map(weigh).fold(0, u64::saturating_add);
        let mut guard = self.map.write(Map::<T>::shard_of(hash));
        let freed = guard.find(hash, key).map_or(0, |index| guard.free(index, weight));
        drop(guard);
        self.ledger.totals.bytes -= freed;
    }
}

/// Change, create or remove one entry under the lock. Returns what to drop after it, and the id of its slot.
fn put<T>(
    shard: &mut Shard<T>,
    wheel: &mut Wheel,
    (hash, number, index): (u64, usize, Option<u32>),
    key: &Key,
    effect: Effect,
    stamp: Stamp,
    payload: Payload<T>,
) -> (DisplacedValue<T>, Option<SlotId>) {
    let id = |index| Some(SlotId::new(number, index));
    let (index, displaced) = match (index, effect, payload) {
        (Some(index), Effect::Remove | Effect::Expire, _) => {
            return (shard.remove(hash, index), id(index));
        }
        // A push creates a list of one element; a set has a value, whether the key is present or absent.
        (index, Effect::Set { .. }, payload) => {
            let stored = match payload {
                Payload::Value(stored) => stored,
                Payload::Element(element) => StoredValue::list_of_one(element),
                Payload::Nothing => return (DisplacedValue::Nothing, None),
            };
            match index {
                Some(index) => (index, shard.update(index, effect, stamp, Payload::Value(stored))),
                None => {
                    let new_entry = NewEntry::new(key.clone(), stored, stamp, &effect);
                    (shard.insert(hash, new_entry), DisplacedValue::Nothing)
                }
            }
        }
        (Some(index), effect, payload) => (index, shard.update(index, effect, stamp, payload)),
        (None, ..) => return (DisplacedValue::Nothing, None),
    };
    arm(shard, wheel, number, index);
    (displaced, id(index))
}

/// Ensure that a token fires by the deadline of the entry.
pub(super) fn arm<T>(shard: &mut Shard<T>, wheel: &mut Wheel, number: usize, index: u32) {
    if let Some(deadline) = shard.slot(index).and_then(Slot::expires_at) {
        let token_tick = shard.token_tick(index);
        let id = SlotId::new(number, index).number();
        shard.set_token_tick(index, wheel.arm(token_tick, deadline, id));
    }
}

impl<T: Clone> Payload<T> {
    fn of_write(action: &Action<T>) -> Self {
        match action {
            Action::Set(value) | Action::Update(value) => Self::value(value),
            Action::Push { element, .. } => Self::Element(element.clone()),
            Action::Remove | Action::Pop { .. } | Action::Trim { .. } | Action::Touch => {
                Self::Nothing
            }
        }
    }

    fn of_change(kind: &ChangeKind<T>) -> Self {
        match kind {
            ChangeKind::Set { value, .. } | ChangeKind::Updated { value, .. } => Self::value(value),
            ChangeKind::Pushed { element, .. } => Self::Element(element.clone()),
            _ => Self::Nothing,
        }
    }

    fn value(value: &Value<T>) -> Self {
        Self::Value(value.clone().into())
    }
}
