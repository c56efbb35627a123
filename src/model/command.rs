//! Commands: the requests that a handle sends to its backend.

use crate::model::{Filter, Key, Start, Write};

/// A request to a store. Each variant has one variant of `Response`.
#[derive(Debug, Clone)]
pub enum Command<T> {
    /// Read one key.
    Read {
        /// The key.
        key: Key,
        /// What to read of it.
        query: Query,
    },
    /// Read a page of keys or entries.
    Scan(Scan),
    /// Start a subscription.
    Subscribe(Subscribe),
    /// One write.
    Write(Write<T>),
    /// Writes that are independent of each other.
    Many(Vec<Write<T>>),
    /// Writes that are applied atomically.
    Batch(Vec<Write<T>>),
    /// Remove every key.
    Clear,
    /// Replace the journal's log by a snapshot.
    Compact,
}

/// What to read of one key.
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
    /// Elements of a list from `offset` (negative: counted from the end), at most `limit`.
    Range {
        /// The position of the first element.
        offset: isize,
        /// The maximum number of elements.
        limit: usize,
    },
    /// As `Range`, with the length and the revision of the list.
    Slice {
        /// The position of the first element.
        offset: isize,
        /// The maximum number of elements.
        limit: usize,
    },
}

/// A request for a page of keys or entries in key order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Only keys with this prefix.
    pub prefix: Key,
    /// Only keys after this one.
    pub after: Option<Key>,
    /// The maximum length of the page.
    pub limit: usize,
    /// Whether to return entries instead of keys.
    pub entries: bool,
}

/// The filter and the start of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Which changes to deliver.
    pub filter: Filter,
    /// Where the subscription starts.
    pub start: Start,
}
