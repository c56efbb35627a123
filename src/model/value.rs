//! Values: an item, or a list of items.

/// The value of a key: an item, or a list of items.
///
/// A `T` converts into an item and a `Vec<T>` into a list: `store.set("k", "x")` sets an item, and
/// `store.set("k", vec![..])` a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<T> {
    /// An item.
    Item(T),
    /// A list, front first.
    List(Vec<T>),
}

impl<T> Value<T> {
    /// Returns the item, or `None` if this is a list.
    pub fn item(&self) -> Option<&T> {
        match self {
            Self::Item(item) => Some(item),
            Self::List(_) => None,
        }
    }

    /// Converts into the item, or `None` if this is a list.
    pub fn into_item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::List(_) => None,
        }
    }

    /// Returns the elements of the list, front first, or `None` if this is an item.
    pub fn list(&self) -> Option<&[T]> {
        match self {
            Self::Item(_) => None,
            Self::List(list) => Some(list),
        }
    }

    /// Converts into the list, or `None` if this is an item.
    pub fn into_list(self) -> Option<Vec<T>> {
        match self {
            Self::Item(_) => None,
            Self::List(list) => Some(list),
        }
    }

    /// Returns all elements: one for an item, any number for a list.
    pub fn elements(&self) -> &[T] {
        match self {
            Self::Item(item) => std::slice::from_ref(item),
            Self::List(list) => list,
        }
    }
}

impl<T> From<T> for Value<T> {
    fn from(item: T) -> Self {
        Self::Item(item)
    }
}

impl<T> From<Vec<T>> for Value<T> {
    fn from(list: Vec<T>) -> Self {
        Self::List(list)
    }
}

impl From<&str> for Value<String> {
    fn from(item: &str) -> Self {
        Self::Item(item.into())
    }
}

impl From<&String> for Value<String> {
    fn from(item: &String) -> Self {
        Self::Item(item.clone())
    }
}

impl From<Vec<&str>> for Value<String> {
    fn from(list: Vec<&str>) -> Self {
        Self::List(list.into_iter().map(str::to_owned).collect())
    }
}

impl From<&str> for Value<Box<str>> {
    fn from(item: &str) -> Self {
        Self::Item(item.into())
    }
}

impl From<&str> for Value<std::sync::Arc<str>> {
    fn from(item: &str) -> Self {
        Self::Item(item.into())
    }
}

/// Conversion into an element of a list, for [`Store::push`](crate::Store::push): the element itself, or `&str` for
/// the string types.
///
/// Narrower than `Into<T>`, so that `store.push("list", 1)` needs no type suffix.
pub trait IntoElement<T> {
    /// Converts into the element.
    fn into_element(self) -> T;
}

impl<T> IntoElement<T> for T {
    fn into_element(self) -> T {
        self
    }
}

impl IntoElement<String> for &str {
    fn into_element(self) -> String {
        self.into()
    }
}

impl IntoElement<String> for &String {
    fn into_element(self) -> String {
        self.clone()
    }
}

impl IntoElement<Box<str>> for &str {
    fn into_element(self) -> Box<str> {
        self.into()
    }
}

impl IntoElement<std::sync::Arc<str>> for &str {
    fn into_element(self) -> std::sync::Arc<str> {
        self.into()
    }
}

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "wire", derive(serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum End {
    /// The end of `push_front` and `pop_front`.
    Front,
    /// The end of `push` and `pop`.
    Back,
}
