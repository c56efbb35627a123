//! Requests to a store, as values: what a handle sends to its backend.

use crate::model::{Filter, Key, Start, Write};

/// A request to a store. Each has one kind of answer.
#[derive(Debug, Clone)]
pub enum Command<T> {
    /// Read one key.
    Read {
        /// The key.
        key: Key,
        /// What to answer about it.
        query: Query,
    },
    /// Read a page of keys or entries.
    Scan(Scan),
    /// Begin a subscription.
    Subscribe(Subscribe),
    /// One write.
    Write(Write<T>),
    /// Writes that are independent of each other.
    Many(Vec<Write<T>>),
    /// Writes that are done together or not at all.
    Batch(Vec<Write<T>>),
    /// Remove every key.
    Clear,
    /// Replace the journal's log by a snapshot.
    Compact,
}

/// What a read of one key answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Query {
    /// The entry.
    Entry,
    /// Whether the key is present.
    Contains,
    /// The length of a list.
    Length,
    /// The last element of a list.
    Last,
    /// Elements of a list from `offset` (negative: from the end), at most `limit`.
    Range {
        /// The first element.
        offset: isize,
        /// The most elements.
        limit: usize,
    },
    /// The same, with the length and the revision of the list.
    Slice {
        /// The first element.
        offset: isize,
        /// The most elements.
        limit: usize,
    },
}

/// A page of keys or entries in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Only keys that begin like this.
    pub prefix: Key,
    /// Only keys after this one.
    pub after: Option<Key>,
    /// The most items of the page.
    pub limit: usize,
    /// Whether the page has entries, or only keys.
    pub entries: bool,
}

/// The changes that a subscription delivers, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Which changes.
    pub filter: Filter,
    /// From where.
    pub start: Start,
}
