//! A value with what the store knows about it, and the answers made of it.

use crate::model::{Change, ChangeKind, End, Key, Timestamp, Value};

/// A value with its revision and its times, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// What the key holds.
    pub value: Value<T>,
    /// The revision of the last change to this key.
    pub revision: u64,
    /// When the key was created or last `set`.
    pub created_at: Timestamp,
    /// When the key was last changed.
    pub updated_at: Timestamp,
    /// When it expires, if it does.
    pub expires_at: Option<Timestamp>,
}

impl<T> Entry<T> {
    /// The item, unless the key holds a list.
    pub fn item(&self) -> Option<&T> {
        self.value.item()
    }

    /// The item itself, unless the key holds a list.
    pub fn into_item(self) -> Option<T> {
        self.value.into_item()
    }

    /// The elements of the list, front first, unless the key holds an item.
    pub fn list(&self) -> Option<&[T]> {
        self.value.list()
    }

    /// The list itself, unless the key holds an item.
    pub fn into_list(self) -> Option<Vec<T>> {
        self.value.into_list()
    }
}

/// A sorted page of keys or entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<I> {
    /// What was found, in the order of the keys.
    pub items: Vec<I>,
    /// Where the next page starts: give it to `after`. `None` when there is no more.
    pub next: Option<Key>,
    /// The revision of the store when the page was read.
    pub revision: u64,
}

/// A part of a list, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice<T> {
    /// The elements, front first.
    pub elements: Vec<T>,
    /// The length of the whole list.
    pub length: usize,
    /// The revision of the last change to it.
    pub revision: u64,
}

impl<T: Clone> Entry<T> {
    /// What a change of its key makes of an entry: `before` is the entry that the key had, and the
    /// answer the one that it has then, if any.
    ///
    /// This is about one key. A [`Cleared`](ChangeKind::Cleared) is about all of them, and its key is
    /// empty; [`Event::apply_to`](crate::Event::apply_to) keeps a copy of a store and knows that.
    pub fn replay(change: &Change<T>, before: Option<Self>) -> Option<Self> {
        let stamp =
            |entry: Self| Self { revision: change.revision, updated_at: change.at, ..entry };
        match &change.kind {
            ChangeKind::Set { value, expires_at } => Some(Self {
                value: value.clone(),
                revision: change.revision,
                created_at: change.at,
                updated_at: change.at,
                expires_at: *expires_at,
            }),
            ChangeKind::Updated { value, expires_at } => before.map(|before| {
                stamp(Self { value: value.clone(), expires_at: *expires_at, ..before })
            }),
            ChangeKind::Pushed { end, element, expires_at, .. } => before.map(|mut before| {
                if let Value::List(list) = &mut before.value {
                    let at = if *end == End::Front { 0 } else { list.len() };
                    list.insert(at, element.clone());
                }
                stamp(Self { expires_at: *expires_at, ..before })
            }),
            ChangeKind::Popped { end, .. } => before.map(|mut before| {
                if let Value::List(list) = &mut before.value
                    && !list.is_empty()
                {
                    list.remove(if *end == End::Front { 0 } else { list.len() - 1 });
                }
                stamp(before)
            }),
            ChangeKind::Trimmed { end, length, .. } => before.map(|mut before| {
                if let Value::List(list) = &mut before.value {
                    match end {
                        End::Front => list.truncate(*length),
                        End::Back => drop(list.drain(..list.len().saturating_sub(*length))),
                    }
                }
                stamp(before)
            }),
            ChangeKind::Touched { expires_at } => {
                before.map(|before| stamp(Self { expires_at: *expires_at, ..before }))
            }
            ChangeKind::Removed | ChangeKind::Expired | ChangeKind::Cleared { .. } => None,
        }
    }
}
