//! One entry as the map holds it.

use std::collections::VecDeque;

use crate::command::End;
use crate::decide::{Effect, Facts};
use crate::{Entry, Key, Timestamp, Value};

/// A value as the map holds it: lists are changed in place, at both ends.
#[derive(Debug)]
pub(crate) enum Stored<T> {
    Item(T),
    #[expect(clippy::box_collection, reason = "keeps the slots of items small")]
    List(Box<VecDeque<T>>),
}

impl<T> From<Value<T>> for Stored<T> {
    fn from(value: Value<T>) -> Self {
        match value {
            Value::Item(item) => Self::Item(item),
            Value::List(list) => Self::List(Box::new(list.into())),
        }
    }
}

impl<T: Clone> Stored<T> {
    fn to_value(&self) -> Value<T> {
        match self {
            Self::Item(item) => Value::Item(item.clone()),
            Self::List(list) => Value::List(list.iter().cloned().collect()),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Slot<T> {
    pub(crate) key: Key,
    pub(crate) stored: Stored<T>,
    pub(crate) revision: u64,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    /// In bytes by the weigher, the key included.
    pub(crate) weight: u64,
}

/// What a change brings to a slot, cloned before any lock was taken.
#[derive(Debug)]
pub(crate) enum Payload<T> {
    Nothing,
    Whole(Stored<T>),
    Element(T),
}

/// What a change took out of a slot, to be dropped after the lock is released.
#[derive(Debug)]
pub(crate) enum Displaced<T> {
    Nothing,
    Whole(Stored<T>),
    Element(T),
    Slot(Slot<T>),
}

/// The number and the moment of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    pub(crate) revision: u64,
    pub(crate) at: Timestamp,
}

impl<T> Slot<T> {
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            length: self.list().map(VecDeque::len),
            revision: self.revision,
            expires_at: self.expires_at,
            weight: self.weight,
        }
    }

    pub(crate) fn list(&self) -> Option<&VecDeque<T>> {
        match &self.stored {
            Stored::Item(_) => None,
            Stored::List(list) => Some(list),
        }
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|deadline| deadline <= now)
    }

    /// Change the slot in place. Moves only: nothing here can panic or take long.
    pub(crate) fn place(
        &mut self,
        effect: Effect,
        stamp: Stamp,
        payload: Payload<T>,
    ) -> Displaced<T> {
        self.revision = stamp.revision;
        self.updated_at = stamp.at;
        match (effect, payload) {
            (Effect::Set { expires_at, weight, .. }, Payload::Whole(new)) => {
                self.created_at = stamp.at;
                self.replace(new, expires_at, weight)
            }
            (Effect::Update { expires_at, weight, .. }, Payload::Whole(new)) => {
                self.replace(new, expires_at, weight)
            }
            (Effect::Push { end, expires_at, weight, .. }, Payload::Element(element)) => {
                self.expires_at = expires_at;
                self.weight = self.weight.saturating_add(weight);
                if let Stored::List(list) = &mut self.stored {
                    match end {
                        End::Front => list.push_front(element),
                        End::Back => list.push_back(element),
                    }
                }
                Displaced::Nothing
            }
            (Effect::Pop { end, .. }, _) => match &mut self.stored {
                Stored::List(list) => match end {
                    End::Front => list.pop_front(),
                    End::Back => list.pop_back(),
                }
                .map_or(Displaced::Nothing, Displaced::Element),
                Stored::Item(_) => Displaced::Nothing,
            },
            (Effect::Touch { expires_at }, _) => {
                self.expires_at = expires_at;
                Displaced::Nothing
            }
            (effect, _) => unreachable!("{effect:?} does not change a slot in place"),
        }
    }

    fn replace(
        &mut self,
        new: Stored<T>,
        expires_at: Option<Timestamp>,
        weight: u64,
    ) -> Displaced<T> {
        self.expires_at = expires_at;
        self.weight = (self.key.len() as u64).saturating_add(weight);
        Displaced::Whole(std::mem::replace(&mut self.stored, new))
    }
}

impl<T: Clone> Slot<T> {
    pub(crate) fn entry(&self) -> Entry<T> {
        Entry {
            value: self.stored.to_value(),
            revision: self.revision,
            created_at: self.created_at,
            updated_at: self.updated_at,
            expires_at: self.expires_at,
        }
    }
}
