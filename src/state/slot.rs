//! Cells and slots: the representation of an entry in the map.
//!
//! A cell has 72 bytes with a 16-byte `T`, 80 with a `String`. What few entries need is allocated separately, in
//! [`WideEntry`]: lists, items that were changed since they were created, and weights that do not fit in 32 bits.

use std::collections::VecDeque;

use crate::model::decide::{Effect, Facts};
use crate::model::{End, Entry, Key, Timestamp, Value};
use crate::state::wheel::TokenTick;

/// A cell of the slab. The token in the timing wheel belongs to the cell and not to the entry, so that
/// a later entry in the same cell reuses the token of the one before it.
#[derive(Debug)]
pub(super) struct Cell<T> {
    body: Option<Body<T>>,
    /// The weight of the entry, unless it is wide; the index of the next vacant cell, if there is no entry.
    weight: u32,
    pub(super) token_tick: TokenTick,
}

/// An entry without its weight.
#[derive(Debug)]
pub(crate) struct Body<T> {
    key: Key,
    stored: StoredValue<T>,
    revision: u64,
    updated_at: Timestamp,
    expires_at: Option<Timestamp>,
}

/// The representation of a value in the map.
#[derive(Debug)]
pub(crate) enum StoredValue<T> {
    /// An item that was not changed since it was created, so that `created_at` is `updated_at`.
    Item(T),
    Wide(Box<WideEntry<T>>),
}

/// The parts of an entry that do not fit in its cell.
#[derive(Debug)]
pub(crate) struct WideEntry<T> {
    created_at: Timestamp,
    weight: u64,
    value: WideValue<T>,
}

#[derive(Debug)]
enum WideValue<T> {
    Item(T),
    /// A list, which is changed in place at both ends.
    List(VecDeque<T>),
}

impl<T> WideEntry<T> {
    /// Without the time and the weight, which are filled in when it is stored in a cell.
    fn of(value: WideValue<T>) -> Box<Self> {
        Box::new(Self { created_at: Timestamp::from_nanos(0), weight: 0, value })
    }
}

impl<T> StoredValue<T> {
    pub(super) fn list_of_one(element: T) -> Self {
        Self::Wide(WideEntry::of(WideValue::List([element].into())))
    }

    fn list_mut(&mut self) -> Option<&mut VecDeque<T>> {
        match self {
            Self::Wide(wide) => match &mut wide.value {
                WideValue::List(list) => Some(list),
                WideValue::Item(_) => None,
            },
            Self::Item(_) => None,
        }
    }

    /// The value without the parts of its entry.
    fn into_bare(self) -> Self {
        match self {
            Self::Wide(wide) if matches!(wide.value, WideValue::Item(_)) => match wide.value {
                WideValue::Item(item) => Self::Item(item),
                WideValue::List(list) => Self::Wide(WideEntry::of(WideValue::List(list))),
            },
            other => other,
        }
    }

    /// As `mem::replace`. A new item reuses the allocation of a wide one.
    fn replace(&mut self, new: Self) -> Self {
        match (self, new) {
            (Self::Wide(wide), Self::Item(new)) if matches!(wide.value, WideValue::Item(_)) => {
                match std::mem::replace(&mut wide.value, WideValue::Item(new)) {
                    WideValue::Item(item) => Self::Item(item),
                    WideValue::List(list) => Self::Wide(WideEntry::of(WideValue::List(list))),
                }
            }
            (old, new) => std::mem::replace(old, new).into_bare(),
        }
    }

    /// Choose the representation for these parts of the entry: in the cell if they fit, otherwise wide. Returns the
    /// value, and the weight to store in the cell.
    fn fit(self, created_at: Timestamp, updated_at: Timestamp, weight: u64) -> (Self, u32) {
        match self {
            Self::Item(item) => match u32::try_from(weight) {
                Ok(weight) if created_at == updated_at => (Self::Item(item), weight),
                _ => {
                    let wide = WideEntry { created_at, weight, value: WideValue::Item(item) };
                    (Self::Wide(Box::new(wide)), 0)
                }
            },
            Self::Wide(mut wide) => {
                (wide.created_at, wide.weight) = (created_at, weight);
                (Self::Wide(wide), 0)
            }
        }
    }
}

impl<T> From<Value<T>> for StoredValue<T> {
    fn from(value: Value<T>) -> Self {
        match value {
            Value::Item(item) => Self::Item(item),
            Value::List(list) => Self::Wide(WideEntry::of(WideValue::List(list.into()))),
        }
    }
}

/// The values that a change adds to a slot, cloned before a lock is taken.
#[derive(Debug)]
pub(crate) enum Payload<T> {
    Nothing,
    Value(StoredValue<T>),
    Element(T),
}

/// The values that a change removed from a slot, to be dropped after the lock is released.
#[derive(Debug)]
pub(crate) enum DisplacedValue<T> {
    Nothing,
    Value(StoredValue<T>),
    Element(T),
    Elements(Vec<T>),
    Slot(Body<T>),
}

/// The revision and the time of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) revision: u64,
    pub(crate) at: Timestamp,
}

/// An entry to be stored in a vacant cell.
#[derive(Debug)]
pub(super) struct NewEntry<T> {
    pub(super) key: Key,
    pub(super) stored: StoredValue<T>,
    pub(super) revision: u64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
    /// In bytes by the weigher, the key included.
    pub(super) weight: u64,
}

impl<T> NewEntry<T> {
    pub(super) fn new(key: Key, stored: StoredValue<T>, stamp: Stamp, effect: &Effect) -> Self {
        let facts = effect.after(None, &key, stamp.revision);
        Self {
            stored,
            revision: stamp.revision,
            created_at: stamp.at,
            updated_at: stamp.at,
            expires_at: facts.and_then(|facts| facts.expires_at),
            weight: facts.map_or(0, |facts| facts.weight),
            key,
        }
    }
}

impl<T> Cell<T> {
    pub(super) fn vacant(next: u32) -> Self {
        Self { body: None, weight: next, token_tick: TokenTick::NONE }
    }

    pub(super) fn next_vacant(&self) -> u32 {
        self.weight
    }

    pub(super) fn set_next_vacant(&mut self, next: u32) {
        self.weight = next;
    }

    pub(super) fn slot(&self) -> Option<Slot<'_, T>> {
        self.body.as_ref().map(|body| Slot { body, weight: self.weight })
    }

    pub(super) fn fill(&mut self, new_entry: NewEntry<T>) {
        let NewEntry { key, stored, revision, created_at, updated_at, expires_at, weight } =
            new_entry;
        let (stored, weight) = stored.fit(created_at, updated_at, weight);
        self.weight = weight;
        self.body = Some(Body { key, stored, revision, updated_at, expires_at });
    }

    pub(super) fn empty(&mut self) -> DisplacedValue<T> {
        self.body.take().map_or(DisplacedValue::Nothing, DisplacedValue::Slot)
    }

    /// Change the entry in place. Values are only moved: nothing here can panic or take long.
    pub(super) fn update(
        &mut self,
        effect: Effect,
        stamp: Stamp,
        payload: Payload<T>,
    ) -> DisplacedValue<T> {
        let Some(slot) = self.slot() else { return DisplacedValue::Nothing };
        let (mut created_at, mut weight) = (slot.created_at(), slot.weight());
        let Some(mut body) = self.body.take() else { return DisplacedValue::Nothing };
        let replaced = |weight| (body.key.len() as u64).saturating_add(weight);
        let displaced = match (effect, payload) {
            (Effect::Set { expires_at, weight: new_weight, .. }, Payload::Value(new)) => {
                (created_at, weight) = (stamp.at, replaced(new_weight));
                body.expires_at = expires_at;
                DisplacedValue::Value(std::mem::replace(&mut body.stored, new).into_bare())
            }
            (Effect::Update { expires_at, weight: new_weight, .. }, Payload::Value(new)) => {
                weight = replaced(new_weight);
                body.expires_at = expires_at;
                DisplacedValue::Value(body.stored.replace(new))
            }
            (Effect::Push { end, expires_at, weight: more, .. }, Payload::Element(element)) => {
                weight = weight.saturating_add(more);
                body.expires_at = expires_at;
                match (body.stored.list_mut(), end) {
                    (Some(list), End::Front) => list.push_front(element),
                    (Some(list), End::Back) => list.push_back(element),
                    (None, _) => {}
                }
                DisplacedValue::Nothing
            }
            (Effect::Pop { end, .. }, _) => {
                let popped = body.stored.list_mut().and_then(|list| match end {
                    End::Front => list.pop_front(),
                    End::Back => list.pop_back(),
                });
                popped.map_or(DisplacedValue::Nothing, DisplacedValue::Element)
            }
            (Effect::Trim { end, length, .. }, _) => {
                let trimmed = body.stored.list_mut().map(|list| match end {
                    End::Front => list.drain(length.min(list.len())..).collect(),
                    End::Back => list.drain(..list.len().saturating_sub(length)).collect(),
                });
                trimmed.map_or(DisplacedValue::Nothing, DisplacedValue::Elements)
            }
            (Effect::Touch { expires_at }, _) => {
                body.expires_at = expires_at;
                DisplacedValue::Nothing
            }
            (effect, _) => unreachable!("{effect:?} does not change a slot in place"),
        };
        body.revision = stamp.revision;
        body.updated_at = stamp.at;
        (body.stored, self.weight) = body.stored.fit(created_at, stamp.at, weight);
        self.body = Some(body);
        displaced
    }

    /// Reduce the weight of an entry, at most to that of its key. Returns the difference.
    pub(super) fn free(&mut self, weight: u64) -> u64 {
        let Some(slot) = self.slot() else { return 0 };
        let freed = weight.min(slot.weight() - slot.key().len() as u64);
        match &mut self.body {
            Some(Body { stored: StoredValue::Wide(wide), .. }) => wide.weight -= freed,
            _ => self.weight -= freed as u32,
        }
        freed
    }
}

/// The entry of an occupied cell.
#[derive(Debug)]
pub(crate) struct Slot<'a, T> {
    body: &'a Body<T>,
    weight: u32,
}

impl<T> Clone for Slot<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Slot<'_, T> {}

impl<'a, T> Slot<'a, T> {
    pub(crate) fn key(self) -> &'a Key {
        &self.body.key
    }

    pub(crate) fn revision(self) -> u64 {
        self.body.revision
    }

    pub(crate) fn expires_at(self) -> Option<Timestamp> {
        self.body.expires_at
    }

    fn created_at(self) -> Timestamp {
        match &self.body.stored {
            StoredValue::Item(_) => self.body.updated_at,
            StoredValue::Wide(wide) => wide.created_at,
        }
    }

    /// In bytes by the weigher, the key included.
    pub(super) fn weight(self) -> u64 {
        match &self.body.stored {
            StoredValue::Item(_) => self.weight.into(),
            StoredValue::Wide(wide) => wide.weight,
        }
    }

    pub(crate) fn facts(self) -> Facts {
        Facts {
            length: self.list().map(VecDeque::len),
            revision: self.body.revision,
            expires_at: self.body.expires_at,
            weight: self.weight(),
        }
    }

    pub(crate) fn list(self) -> Option<&'a VecDeque<T>> {
        match &self.body.stored {
            StoredValue::Wide(wide) => match &wide.value {
                WideValue::List(list) => Some(list),
                WideValue::Item(_) => None,
            },
            StoredValue::Item(_) => None,
        }
    }

    pub(crate) fn is_expired(self, now: Timestamp) -> bool {
        self.body.expires_at.is_some_and(|deadline| deadline <= now)
    }
}

impl<T: Clone> Slot<'_, T> {
    pub(crate) fn entry(self) -> Entry<T> {
        let value = match &self.body.stored {
            StoredValue::Item(item) => Value::Item(item.clone()),
            StoredValue::Wide(wide) => match &wide.value {
                WideValue::Item(item) => Value::Item(item.clone()),
                WideValue::List(list) => Value::List(list.iter().cloned().collect()),
            },
        };
        Entry {
            value,
            revision: self.body.revision,
            created_at: self.created_at(),
            updated_at: self.body.updated_at,
            expires_at: self.body.expires_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SET: Effect = Effect::Set { list: None, expires_at: None, weight: 8 };
    const UPDATE: Effect = Effect::Update { list: None, expires_at: None, weight: 8 };
    const TOUCH: Effect = Effect::Touch { expires_at: None };

    fn stamp(at: u64) -> Stamp {
        Stamp { revision: at, at: Timestamp::from_nanos(at) }
    }

    fn cell(value: u64) -> Cell<u64> {
        let mut cell = Cell::vacant(0);
        cell.fill(NewEntry::new("key".into(), StoredValue::Item(value), stamp(1), &SET));
        cell
    }

    fn item(value: u64) -> Payload<u64> {
        Payload::Value(StoredValue::Item(value))
    }

    /// The value, the times of creation and change, and the weight.
    fn parts(cell: &Cell<u64>) -> (Option<u64>, u64, u64, u64) {
        let slot = cell.slot().unwrap();
        let entry = slot.entry();
        let (created, updated) = (entry.created_at.as_nanos(), entry.updated_at.as_nanos());
        (entry.item().copied(), created, updated, slot.weight())
    }

    fn is_wide(cell: &Cell<u64>) -> bool {
        matches!(cell.body.as_ref().unwrap().stored, StoredValue::Wide(_))
    }

    #[test]
    fn cell_is_72_to_80_bytes() {
        assert_eq!(size_of::<Cell<Arc<str>>>(), 72);
        assert_eq!(size_of::<Cell<Box<str>>>(), 72);
        assert_eq!(size_of::<Cell<u64>>(), 72);
        assert_eq!(size_of::<Cell<String>>(), 80);
    }

    #[test]
    fn changed_item_keeps_its_time_of_creation() {
        let mut cell = cell(7);
        assert_eq!((parts(&cell), is_wide(&cell)), ((Some(7), 1, 1, 11), false));
        cell.update(TOUCH, stamp(2), Payload::Nothing);
        assert_eq!((parts(&cell), is_wide(&cell)), ((Some(7), 1, 2, 11), true));
        let old = cell.update(UPDATE, stamp(3), item(8));
        assert!(matches!(old, DisplacedValue::Value(StoredValue::Item(7))));
        assert_eq!(parts(&cell), (Some(8), 1, 3, 11));
        let old = cell.update(SET, stamp(4), item(9));
        assert!(matches!(old, DisplacedValue::Value(StoredValue::Item(8))));
        assert_eq!((parts(&cell), is_wide(&cell)), ((Some(9), 4, 4, 11), false));
        let old = cell.update(UPDATE, stamp(5), item(10));
        assert!(matches!(old, DisplacedValue::Value(StoredValue::Item(9))));
        assert_eq!(parts(&cell), (Some(10), 4, 5, 11));
    }

    #[test]
    fn item_becomes_a_list_and_an_item_again() {
        let mut cell = cell(1);
        let list = |n| Payload::Value(Value::List(vec![n, n]).into());
        cell.update(UPDATE, stamp(2), list(5));
        let slot = cell.slot().unwrap();
        assert_eq!((slot.facts().length, slot.created_at().as_nanos()), (Some(2), 1));
        let push = Effect::Push { end: End::Back, length: 3, expires_at: None, weight: 4 };
        cell.update(push, stamp(3), Payload::Element(6));
        assert_eq!(cell.slot().unwrap().entry().list(), Some(&[5, 5, 6][..]));
        assert_eq!(cell.slot().unwrap().weight(), 3 + 8 + 4);
        let pop = Effect::Pop { end: End::Front, length: 2 };
        assert!(matches!(cell.update(pop, stamp(4), Payload::Nothing), DisplacedValue::Element(5)));
        let old = cell.update(UPDATE, stamp(5), item(7));
        assert!(matches!(old, DisplacedValue::Value(StoredValue::Wide(_))));
        assert_eq!(parts(&cell), (Some(7), 1, 5, 11));
        cell.update(SET, stamp(6), list(8));
        assert_eq!(cell.slot().unwrap().created_at().as_nanos(), 6);
    }

    #[test]
    fn weight_over_32_bits_is_kept() {
        let mut cell = cell(1);
        let heavy = Effect::Set { list: None, expires_at: None, weight: 1 << 40 };
        cell.update(heavy, stamp(2), item(2));
        assert_eq!(parts(&cell), (Some(2), 2, 2, (1 << 40) + 3));
        cell.update(SET, stamp(3), item(3));
        assert_eq!((parts(&cell), is_wide(&cell)), ((Some(3), 3, 3, 11), false));
    }

    #[test]
    fn freed_weight_excludes_the_key() {
        let mut cell = cell(1);
        assert_eq!((cell.free(5), cell.free(5), cell.free(5)), (5, 3, 0));
        assert_eq!(cell.slot().unwrap().weight(), 3);
        cell.update(TOUCH, stamp(2), Payload::Nothing);
        assert_eq!((cell.free(5), cell.slot().unwrap().weight()), (0, 3));
    }
}
