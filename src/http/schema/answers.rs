//! What is answered.

use utoipa::ToSchema;

use super::{Element, Held, Kind};

/// An entry.
#[derive(ToSchema)]
pub(in crate::http) struct Row {
    key: String,
    kind: Kind,
    value: Held,
    /// The revision of its last change.
    #[schema(minimum = 1, example = 7)]
    revision: u64,
    /// The deadline, or `null` if it never expires.
    #[schema(format = DateTime)]
    ttl: Option<String>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// That a write was done.
#[derive(ToSchema)]
pub(in crate::http) struct Done {
    #[schema(pattern = "^ok$", example = "ok")]
    message: String,
    /// The revision of the change.
    #[schema(minimum = 1, example = 7)]
    revision: u64,
    #[schema(format = DateTime)]
    updated_at: String,
    /// How many elements the list has now: of a push.
    #[schema(nullable = false)]
    length: Option<u64>,
}

/// That an element was popped.
#[derive(ToSchema)]
pub(in crate::http) struct Popped {
    popped: Element,
    /// The revision of the change.
    #[schema(minimum = 1, example = 7)]
    revision: u64,
    #[schema(format = DateTime)]
    updated_at: String,
    /// How many elements the list has now.
    length: u64,
}

/// The entry after the write; or, if it is gone already, that the write was done.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum RowOrDone {
    Row(Row),
    Done(Done),
}

/// The entry after the pop, with what was popped.
#[derive(ToSchema)]
pub(in crate::http) struct RowAndPopped {
    #[serde(flatten)]
    row: Row,
    popped: Element,
}

/// The entry after the pop, with what was popped; or, if it is gone already, what was popped.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum RowOrPopped {
    Row(RowAndPopped),
    Popped(Popped),
}

/// That something was done that has no revision.
#[derive(ToSchema)]
pub(in crate::http) struct Ok {
    #[schema(pattern = "^ok$", example = "ok")]
    message: String,
}

/// A part of a list.
#[derive(ToSchema)]
pub(in crate::http) struct Part {
    elements: Vec<Element>,
    /// How many elements the whole list has.
    length: u64,
    /// The revision of the list.
    #[schema(minimum = 1)]
    revision: u64,
}

/// A sorted page of keys.
#[derive(ToSchema)]
pub(in crate::http) struct Keys {
    keys: Vec<String>,
    /// What to give as `after` for the next page; `null` on the last.
    next: Option<String>,
    /// The revision of the store.
    revision: u64,
}

/// A sorted page of entries.
#[derive(ToSchema)]
pub(in crate::http) struct Entries {
    entries: Vec<Row>,
    /// What to give as `after` for the next page; `null` on the last.
    next: Option<String>,
    /// The revision of the store.
    revision: u64,
}

/// A sorted page: of entries if they were asked for, of keys otherwise.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum Page {
    Keys(Keys),
    Entries(Entries),
}

/// What one write of a batch did.
#[derive(ToSchema)]
pub(in crate::http) struct Written {
    /// The revision of the change.
    #[schema(minimum = 1)]
    revision: u64,
    #[schema(format = DateTime)]
    updated_at: String,
    /// How many elements the list has now: of pushes and pops.
    #[schema(nullable = false)]
    length: Option<u64>,
    /// What a pop has taken.
    #[schema(nullable = false)]
    popped: Option<Element>,
}

/// What one write of a batch did, or why it was not done.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum Outcome {
    Written(Written),
    Problem(Problem),
}

/// Why a request was not done. Which members there are besides the first two depends on the code.
#[derive(ToSchema)]
pub(in crate::http) struct Problem {
    /// For programs.
    #[schema(pattern = "^[a-z_]+$")]
    code: String,
    /// For people: what to do about it.
    message: String,
    /// Of a batch: which of its commands failed, from 0.
    #[schema(nullable = false)]
    index: Option<u64>,
    /// Of `revision_mismatch`: the revision that the key has, or `null` if it is absent.
    current: Option<u64>,
    /// Of `compacted`: the oldest revision after which every change can be told.
    #[schema(nullable = false)]
    oldest: Option<u64>,
    /// Of a place to resume that is none: the revision that was asked for.
    #[schema(nullable = false)]
    asked: Option<u64>,
    /// Of a revision that has not been reached: the newest of the store.
    #[schema(nullable = false)]
    head: Option<u64>,
    /// Of a revision inside a batch: the last place to resume before it.
    #[schema(nullable = false)]
    before: Option<u64>,
    /// Of a key of a wrong length: its length in bytes.
    #[schema(nullable = false)]
    length: Option<u64>,
    /// Of `memory_limit`: which limit, `entries` or `bytes`.
    #[schema(nullable = false)]
    what: Option<String>,
    /// Of a limit: how much it allows.
    #[schema(nullable = false)]
    limit: Option<u64>,
    /// Of `too_large`: what the entry would weigh, in bytes.
    #[schema(nullable = false)]
    weight: Option<u64>,
    /// Why a gate, a journal or the store itself said no.
    #[schema(nullable = false)]
    reason: Option<String>,
    /// Of `internal`: the revision of a write that was done, and whose answer cannot be written.
    #[schema(nullable = false)]
    revision: Option<u64>,
}
