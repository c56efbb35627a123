//! Entries, and pages of keys and entries.

use crate::model::{Change, ChangeKind, End, Key, Timestamp, Value};

/// A value with its revision and its timestamps, as of the time of the read.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = mainspring::Store::<u64>::builder().spawn();
/// store.set("hits", 1).await?;
/// store.update("hits", 2).await?;
///
/// let entry = store.get("hits").await?.unwrap();
/// assert_eq!((entry.item(), entry.revision), (Some(&2), 2));
/// assert!(entry.created_at <= entry.updated_at);
/// assert_eq!(entry.expires_at, None);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// The value of the key.
    pub value: Value<T>,
    /// The revision of the last change to this key.
    pub revision: u64,
    /// When the key was created or last `set`.
    pub created_at: Timestamp,
    /// When the key was last changed.
    pub updated_at: Timestamp,
    /// The deadline, or `None` if the key does not expire.
    pub expires_at: Option<Timestamp>,
}

impl<T> Entry<T> {
    /// Returns the item, or `None` if the value is a list.
    pub fn item(&self) -> Option<&T> {
        self.value.item()
    }

    /// Converts into the item, or `None` if the value is a list.
    pub fn into_item(self) -> Option<T> {
        self.value.into_item()
    }

    /// Returns the elements of the list, front first, or `None` if the value is an item.
    pub fn list(&self) -> Option<&[T]> {
        self.value.list()
    }

    /// Converts into the list, or `None` if the value is an item.
    pub fn into_list(self) -> Option<Vec<T>> {
        self.value.into_list()
    }
}

/// A sorted page of keys or entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<I> {
    /// The keys or entries, in key order.
    pub items: Vec<I>,
    /// The key to pass to `after` for the next page; `None` if this is the last page.
    pub next: Option<Key>,
    /// The revision of the store when the page was read.
    pub revision: u64,
}

/// A range of a list, as of the time of the read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice<T> {
    /// The elements, front first.
    pub elements: Vec<T>,
    /// The length of the whole list.
    pub length: usize,
    /// The revision of the last change to the list.
    pub revision: u64,
}

impl<T: Clone> Entry<T> {
    /// Applies a change to an entry: `before` is the entry of the key before the change. Returns the entry after
    /// it, or `None` if the key is absent then.
    ///
    /// This applies to one key. A [`Cleared`](ChangeKind::Cleared) affects all keys, and its key is empty;
    /// [`Event::apply_to`](crate::Event::apply_to), which maintains a copy of a store, handles that case.
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
