//! Writes: an action on a key, a time to live, and a condition.

use std::time::Duration;

use crate::model::{End, Error, IntoElement, Key, Value};

/// The maximum time to live: 100 years.
pub(crate) const MAX_TTL: Duration = Duration::from_secs(100 * 36_525 * 864);

/// The condition under which a write is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Condition {
    /// No condition.
    #[default]
    Any,
    /// The key is absent.
    IfAbsent,
    /// The key is present.
    IfPresent,
    /// The key is present and its last change has this revision.
    IfRevision(u64),
}

/// The effect of a write on the deadline of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ttl {
    /// `set`, and a push that creates its list, use the store's default; the others keep the
    /// deadline.
    #[default]
    Unset,
    /// No deadline.
    Never,
    /// The key expires this long after the write is decided.
    After(Duration),
}

/// The action of a write on its key.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action<T> {
    /// Set the value, whether the key is present or absent.
    Set(Value<T>),
    /// Replace the value; the key must be present.
    Update(Value<T>),
    /// Remove the key; it must be present.
    Remove,
    /// Add an element to a list, which is created if the key is absent.
    Push {
        /// The end that the element is added to.
        end: End,
        /// The element.
        element: T,
    },
    /// Remove an element from a list, which must not be empty.
    Pop {
        /// The end that the element is removed from.
        end: End,
    },
    /// Remove elements from one end of a list until it has at most `keep`.
    Trim {
        /// The end at which elements are kept.
        end: End,
        /// The maximum number of elements that are kept.
        keep: usize,
    },
    /// Change the deadline; the key must be present.
    Touch,
}

impl<T> Action<T> {
    /// Returns the name of the operation, for logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Set(_) => "set",
            Self::Update(_) => "update",
            Self::Remove => "remove",
            Self::Push { end: End::Back, .. } => "push",
            Self::Push { end: End::Front, .. } => "push_front",
            Self::Pop { end: End::Back } => "pop",
            Self::Pop { end: End::Front } => "pop_front",
            Self::Trim { end: End::Back, .. } => "trim",
            Self::Trim { end: End::Front, .. } => "trim_front",
            Self::Touch => "touch",
        }
    }

    /// Whether the result of the write has the length of a list.
    #[doc(hidden)]
    pub fn is_of_list(&self) -> bool {
        matches!(self, Self::Push { .. } | Self::Pop { .. } | Self::Trim { .. })
    }
}

/// A write: a key, an action on it, a time to live, and a condition.
///
/// A [`batch`](crate::Store::batch) consists of writes, and a [`Gate`](crate::Gate) admits or rejects them. Each
/// writing method of [`Store`](crate::Store) creates one write and sends it.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use mainspring::{Store, Write};
///
/// let store = Store::<String>::builder().spawn();
/// store
///     .batch([
///         Write::set("user/1", "ada").if_absent(),
///         Write::push("users", "1"),
///     ])
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write<T> {
    pub(crate) key: Key,
    pub(crate) action: Action<T>,
    /// Boxed, because most writes have none, and a small command is cheaper to move through the queue.
    options: Option<Box<WriteOptions>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct WriteOptions {
    condition: Condition,
    ttl: Ttl,
    /// For a push: the list must be present.
    not_new: bool,
}

impl<T> Write<T> {
    fn new(key: impl Into<Key>, action: Action<T>) -> Self {
        Self { key: key.into(), action, options: None }
    }

    /// Set the key to a value.
    pub fn set(key: impl Into<Key>, value: impl Into<Value<T>>) -> Self {
        Self::new(key, Action::Set(value.into()))
    }

    /// Replace the value of a key that is present.
    pub fn update(key: impl Into<Key>, value: impl Into<Value<T>>) -> Self {
        Self::new(key, Action::Update(value.into()))
    }

    /// Remove a key that is present.
    pub fn remove(key: impl Into<Key>) -> Self {
        Self::new(key, Action::Remove)
    }

    /// Add an element to the back of a list.
    pub fn push(key: impl Into<Key>, element: impl IntoElement<T>) -> Self {
        Self::new(key, Action::Push { end: End::Back, element: element.into_element() })
    }

    /// Add an element to the front of a list.
    pub fn push_front(key: impl Into<Key>, element: impl IntoElement<T>) -> Self {
        Self::new(key, Action::Push { end: End::Front, element: element.into_element() })
    }

    /// Remove and return the last element of a list.
    pub fn pop(key: impl Into<Key>) -> Self {
        Self::new(key, Action::Pop { end: End::Back })
    }

    /// Remove and return the first element of a list.
    pub fn pop_front(key: impl Into<Key>) -> Self {
        Self::new(key, Action::Pop { end: End::Front })
    }

    /// Keep at most the last `keep` elements of a list.
    pub fn trim(key: impl Into<Key>, keep: usize) -> Self {
        Self::new(key, Action::Trim { end: End::Back, keep })
    }

    /// Keep at most the first `keep` elements of a list.
    pub fn trim_front(key: impl Into<Key>, keep: usize) -> Self {
        Self::new(key, Action::Trim { end: End::Front, keep })
    }

    /// Let a key that is present expire after `ttl`.
    pub fn expire(key: impl Into<Key>, ttl: Duration) -> Self {
        Self::new(key, Action::Touch).ttl(ttl)
    }

    /// Take the deadline from a key that is present.
    pub fn persist(key: impl Into<Key>) -> Self {
        Self::new(key, Action::Touch).no_ttl()
    }

    /// Expire the key this long after the write: more than zero, at most 100 years.
    /// A pop, a trim and a remove ignore it.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.set_ttl(Ttl::After(ttl));
        self
    }

    /// Set no deadline, even if the store has a default time to live.
    #[must_use]
    pub fn no_ttl(mut self) -> Self {
        self.set_ttl(Ttl::Never);
        self
    }

    /// Only if the key is absent.
    #[must_use]
    pub fn if_absent(self) -> Self {
        self.on(Condition::IfAbsent)
    }

    /// Only if the key is present.
    #[must_use]
    pub fn if_present(self) -> Self {
        self.on(Condition::IfPresent)
    }

    /// Only if the last change to the key has this revision.
    #[must_use]
    pub fn if_revision(self, revision: u64) -> Self {
        self.on(Condition::IfRevision(revision))
    }

    /// For a push: fail with [`Error::NotFound`] instead of creating the list.
    #[doc(hidden)]
    pub fn not_new(mut self) -> Self {
        self.options().not_new = true;
        self
    }

    /// Whether a push must not create its list.
    pub(crate) fn is_not_new(&self) -> bool {
        self.options.as_ref().is_some_and(|options| options.not_new)
    }

    fn on(mut self, condition: Condition) -> Self {
        self.set_condition(condition);
        self
    }

    pub(crate) fn set_condition(&mut self, condition: Condition) {
        self.options().condition = condition;
    }

    pub(crate) fn set_ttl(&mut self, ttl: Ttl) {
        self.options().ttl = ttl;
    }

    fn options(&mut self) -> &mut WriteOptions {
        self.options.get_or_insert_default()
    }

    /// Returns the key of the write.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Returns the action of the write.
    pub fn action(&self) -> &Action<T> {
        &self.action
    }

    /// Returns the condition of the write.
    pub fn condition(&self) -> Condition {
        self.options.as_ref().map_or(Condition::Any, |options| options.condition)
    }

    /// Returns the effect of the write on the deadline.
    pub fn time_to_live(&self) -> Ttl {
        self.options.as_ref().map_or(Ttl::Unset, |options| options.ttl)
    }

    /// The elements that the write adds.
    pub(crate) fn elements(&self) -> &[T] {
        match &self.action {
            Action::Set(value) | Action::Update(value) => value.elements(),
            Action::Push { element, .. } => std::slice::from_ref(element),
            Action::Remove | Action::Pop { .. } | Action::Trim { .. } | Action::Touch => &[],
        }
    }

    /// Check what does not depend on the state of the store: the key and the time to live.
    #[doc(hidden)]
    pub fn validate(&self) -> Result<(), Error> {
        self.key.validate()?;
        match self.time_to_live() {
            Ttl::After(ttl) => validate_ttl(ttl),
            Ttl::Unset | Ttl::Never => Ok(()),
        }
    }
}

/// Check that a duration is a valid time to live.
pub fn validate_ttl(ttl: Duration) -> Result<(), Error> {
    if ttl.is_zero() || ttl > MAX_TTL { Err(Error::InvalidTtl) } else { Ok(()) }
}

/// A write that the caller has validated, hashed and weighed, so that the owner does not have to.
#[derive(Debug, Clone)]
pub(crate) struct PreparedWrite<T> {
    pub(crate) write: Write<T>,
    pub(crate) hash: u64,
    /// The weight of the elements in bytes, without the key.
    pub(crate) weight: u64,
}

impl<T> PreparedWrite<T> {
    /// The maximum number of bytes that the write adds to the store.
    pub(crate) fn bytes(&self) -> u64 {
        self.weight.saturating_add(self.write.key.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ttl_is_more_than_zero_and_at_most_100_years() {
        let write = |ttl| Write::<String>::set("k", "v").ttl(ttl).validate();
        assert_eq!(write(Duration::ZERO), Err(Error::InvalidTtl));
        assert_eq!(write(Duration::from_nanos(1)), Ok(()));
        assert_eq!(write(MAX_TTL), Ok(()));
        assert_eq!(write(MAX_TTL + Duration::from_nanos(1)), Err(Error::InvalidTtl));
        assert_eq!(MAX_TTL.as_secs(), 365 * 86_400 * 100 + 25 * 86_400);
    }

    #[test]
    fn prepared_write_is_at_most_88_bytes() {
        assert!(size_of::<PreparedWrite<String>>() <= 88, "{}", size_of::<PreparedWrite<String>>());
    }
}
