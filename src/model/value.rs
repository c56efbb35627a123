//! What a key holds: one element, or a list of them.

/// What a key holds: one item, or a list of them.
///
/// A `T` turns into an item and a `Vec<T>` into a list, so that `store.set("k", "x")` and
/// `store.set("k", vec![..])` both do what they say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<T> {
    /// A single element.
    Item(T),
    /// A list, front first.
    List(Vec<T>),
}

impl<T> Value<T> {
    /// The item, unless this is a list.
    pub fn item(&self) -> Option<&T> {
        match self {
            Self::Item(item) => Some(item),
            Self::List(_) => None,
        }
    }

    /// The item itself, unless this is a list.
    pub fn into_item(self) -> Option<T> {
        match self {
            Self::Item(item) => Some(item),
            Self::List(_) => None,
        }
    }

    /// The elements of the list, front first, unless this is an item.
    pub fn list(&self) -> Option<&[T]> {
        match self {
            Self::Item(_) => None,
            Self::List(list) => Some(list),
        }
    }

    /// The list itself, unless this is an item.
    pub fn into_list(self) -> Option<Vec<T>> {
        match self {
            Self::Item(_) => None,
            Self::List(list) => Some(list),
        }
    }

    /// All elements: one for an item, any number for a list.
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

/// What a push takes: an element, or text for the kinds of text.
///
/// Narrower than `Into<T>`, so that `store.push("list", 1)` needs no type suffix.
pub trait IntoElement<T> {
    /// The element.
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
    /// Where `push_front` and `pop_front` work.
    Front,
    /// Where `push` and `pop` work.
    Back,
}
