//! What is asked for.

use utoipa::ToSchema;

use super::{Element, Held, Ttl};

/// The condition of a write: at most one of them, and none if the headers have one.
#[derive(ToSchema)]
pub(in crate::http) struct Condition {
    /// Only if the key is absent.
    #[schema(nullable = false)]
    if_absent: Option<bool>,
    /// Only if the key is present.
    #[schema(nullable = false)]
    if_present: Option<bool>,
    /// Only if the entry has this revision.
    #[schema(minimum = 0, maximum = 18_446_744_073_709_551_615usize)]
    if_revision: Option<usize>,
}

/// A value for a key.
#[derive(ToSchema)]
pub(in crate::http) struct NewValue {
    value: Held,
    ttl: Option<Ttl>,
    #[serde(flatten)]
    condition: Condition,
}

/// A value, and its key.
#[derive(ToSchema)]
pub(in crate::http) struct NewEntry {
    #[schema(min_length = 1, max_length = 1024, example = "car/speed")]
    key: String,
    value: Held,
    ttl: Option<Ttl>,
    #[serde(flatten)]
    condition: Condition,
}

/// An element for a list.
#[derive(ToSchema)]
pub(in crate::http) struct NewElement {
    value: Element,
    ttl: Option<Ttl>,
    #[serde(flatten)]
    condition: Condition,
}

/// When an entry expires; `none`: never.
#[derive(ToSchema)]
pub(in crate::http) struct NewTtl {
    ttl: Ttl,
    #[serde(flatten)]
    condition: Condition,
}

/// Set or update a key.
#[derive(ToSchema)]
pub(in crate::http) struct SetCommand {
    command: SetName,
    #[serde(flatten)]
    entry: NewEntry,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum SetName {
    Set,
    Update,
}

/// Push an element to the back or the front of a list.
#[derive(ToSchema)]
pub(in crate::http) struct PushCommand {
    command: PushName,
    #[schema(min_length = 1, max_length = 1024, example = "laps")]
    key: String,
    #[serde(flatten)]
    element: NewElement,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum PushName {
    Push,
    PushFront,
}

/// Remove a key, let it never expire, or pop an element from the back or the front of a list.
#[derive(ToSchema)]
pub(in crate::http) struct KeyCommand {
    command: KeyName,
    #[schema(min_length = 1, max_length = 1024, example = "laps")]
    key: String,
    #[serde(flatten)]
    condition: Condition,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum KeyName {
    Remove,
    Pop,
    PopFront,
    Persist,
}

/// Let a key expire.
#[derive(ToSchema)]
pub(in crate::http) struct ExpireCommand {
    command: ExpireName,
    #[schema(min_length = 1, max_length = 1024, example = "laps")]
    key: String,
    #[serde(flatten)]
    ttl: NewTtl,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum ExpireName {
    Expire,
}

/// A write of a batch.
#[derive(ToSchema)]
#[serde(untagged)]
pub(in crate::http) enum Command {
    Set(SetCommand),
    Push(PushCommand),
    Key(KeyCommand),
    Expire(ExpireCommand),
}
