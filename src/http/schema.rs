//! What bodies look like, for the description alone: nothing is read or written through these types.
#![allow(dead_code, reason = "they are described, and never made")]

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// One element: a text, a number, a boolean or an object.
pub(super) struct Element;

impl PartialSchema for Element {
    fn schema() -> RefOr<Schema> {
        let types = [Type::String, Type::Number, Type::Boolean, Type::Object];
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter(types))
            .description(Some(
                "One element: a text, a number, a boolean or an object. Never `null`, and never a list. A \
                 store of another type than JSON takes what its type takes.",
            ))
            .examples([serde_json::json!("fast"), serde_json::json!(42.5)])
            .into()
    }
}

impl ToSchema for Element {
    fn name() -> Cow<'static, str> {
        "Element".into()
    }
}

/// What a key holds: an element, or a list of elements. (utoipa takes every type called `Value` for any JSON.)
pub(super) struct Held;

impl PartialSchema for Held {
    fn schema() -> RefOr<Schema> {
        let element = || Ref::from_schema_name("Element");
        AnyOfBuilder::new()
            .description(Some("What a key holds: an element, or a list of elements."))
            .item(element())
            .item(ArrayBuilder::new().items(element()))
            .examples([serde_json::json!("fast"), serde_json::json!(["a", "b"])])
            .into()
    }
}

impl ToSchema for Held {
    fn name() -> Cow<'static, str> {
        "Value".into()
    }
}

/// A time to live: numbers with units, one after another, such as `1h30m`, `90s` or `250ms`; more than zero, at most
/// 100 years. `none`: never expires. `null`, or nothing, where it may be: a set takes the store's default, everything
/// else keeps the deadline. (Go's grammar: `+1h`, `.5h` and `µs` are understood too.)
#[derive(ToSchema)]
#[schema(
    pattern = r"^(none|(([1-9][0-9]{0,4}(\.[0-9]{1,6})?|0\.[0-9]{0,2}[1-9])(us|ms|s|m|h)){1,4})$",
    example = "1h30m"
)]
pub(super) struct Ttl(String);

/// What the kind of a value says: whether it is one element or a list, and whether there is anything but text in it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum Kind {
    String,
    StringSlice,
    Json,
    JsonSlice,
}

/// An entry.
#[derive(ToSchema)]
pub(super) struct Row {
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
pub(super) struct Done {
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
pub(super) struct Popped {
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
pub(super) enum RowOrDone {
    Row(Row),
    Done(Done),
}

/// The entry after the pop, with what was popped.
#[derive(ToSchema)]
pub(super) struct RowAndPopped {
    #[serde(flatten)]
    row: Row,
    popped: Element,
}

/// The entry after the pop, with what was popped; or, if it is gone already, what was popped.
#[derive(ToSchema)]
#[serde(untagged)]
pub(super) enum RowOrPopped {
    Row(RowAndPopped),
    Popped(Popped),
}

/// That something was done that has no revision.
#[derive(ToSchema)]
pub(super) struct Ok {
    #[schema(pattern = "^ok$", example = "ok")]
    message: String,
}

/// A part of a list.
#[derive(ToSchema)]
pub(super) struct Part {
    elements: Vec<Element>,
    /// How many elements the whole list has.
    length: u64,
    /// The revision of the list.
    #[schema(minimum = 1)]
    revision: u64,
}

/// A sorted page of keys.
#[derive(ToSchema)]
pub(super) struct Keys {
    keys: Vec<String>,
    /// What to give as `after` for the next page; `null` on the last.
    next: Option<String>,
    /// The revision of the store.
    revision: u64,
}

/// A sorted page of entries.
#[derive(ToSchema)]
pub(super) struct Entries {
    entries: Vec<Row>,
    /// What to give as `after` for the next page; `null` on the last.
    next: Option<String>,
    /// The revision of the store.
    revision: u64,
}

/// A sorted page: of entries if they were asked for, of keys otherwise.
#[derive(ToSchema)]
#[serde(untagged)]
pub(super) enum Page {
    Keys(Keys),
    Entries(Entries),
}

/// The condition of a write: at most one of them, and none if the headers have one.
#[derive(ToSchema)]
pub(super) struct Condition {
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
pub(super) struct NewValue {
    value: Held,
    ttl: Option<Ttl>,
    #[serde(flatten)]
    condition: Condition,
}

/// A value, and its key.
#[derive(ToSchema)]
pub(super) struct NewEntry {
    #[schema(min_length = 1, max_length = 1024, example = "car/speed")]
    key: String,
    value: Held,
    ttl: Option<Ttl>,
    #[serde(flatten)]
    condition: Condition,
}

/// An element for a list.
#[derive(ToSchema)]
pub(super) struct NewElement {
    value: Element,
    ttl: Option<Ttl>,
    #[serde(flatten)]
    condition: Condition,
}

/// When an entry expires; `none`: never.
#[derive(ToSchema)]
pub(super) struct NewTtl {
    ttl: Ttl,
    #[serde(flatten)]
    condition: Condition,
}

/// Set or update a key.
#[derive(ToSchema)]
pub(super) struct SetCommand {
    command: SetName,
    #[serde(flatten)]
    entry: NewEntry,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum SetName {
    Set,
    Update,
}

/// Push an element to the back or the front of a list.
#[derive(ToSchema)]
pub(super) struct PushCommand {
    command: PushName,
    #[schema(min_length = 1, max_length = 1024, example = "laps")]
    key: String,
    #[serde(flatten)]
    element: NewElement,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum PushName {
    Push,
    PushFront,
}

/// Remove a key, let it never expire, or pop an element from the back or the front of a list.
#[derive(ToSchema)]
pub(super) struct KeyCommand {
    command: KeyName,
    #[schema(min_length = 1, max_length = 1024, example = "laps")]
    key: String,
    #[serde(flatten)]
    condition: Condition,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum KeyName {
    Remove,
    Pop,
    PopFront,
    Persist,
}

/// Let a key expire.
#[derive(ToSchema)]
pub(super) struct ExpireCommand {
    command: ExpireName,
    #[schema(min_length = 1, max_length = 1024, example = "laps")]
    key: String,
    #[serde(flatten)]
    ttl: NewTtl,
}

#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum ExpireName {
    Expire,
}

/// A write of a batch.
#[derive(ToSchema)]
#[serde(untagged)]
pub(super) enum Command {
    Set(SetCommand),
    Push(PushCommand),
    Key(KeyCommand),
    Expire(ExpireCommand),
}

/// What one write of a batch did.
#[derive(ToSchema)]
pub(super) struct Written {
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
pub(super) enum Outcome {
    Written(Written),
    Problem(Problem),
}

/// Why a request was not done. Which members there are besides the first two depends on the code.
#[derive(ToSchema)]
pub(super) struct Problem {
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

/// What a change did.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum ChangeName {
    Set,
    Updated,
    Removed,
    Expired,
    Pushed,
    Popped,
    Touched,
    Cleared,
}

/// The data of the event `change`: what one write did. Which members there are besides the first three depends on it.
#[derive(ToSchema)]
pub(super) struct Change {
    revision: u64,
    #[schema(format = DateTime)]
    time: String,
    change: ChangeName,
    /// Of every change but `cleared`.
    #[schema(nullable = false)]
    key: Option<String>,
    /// Of `set` and `updated`.
    #[schema(nullable = false)]
    value: Option<Held>,
    /// Of `set` and `updated`.
    #[schema(nullable = false)]
    kind: Option<Kind>,
    /// Of `set`, `updated`, `pushed` and `touched`: the deadline, or `null`.
    #[schema(format = DateTime)]
    ttl: Option<String>,
    /// Of `pushed`.
    #[schema(nullable = false)]
    element: Option<Element>,
    /// Of `pushed` and `popped`.
    #[schema(nullable = false, pattern = "^(front|back)$")]
    end: Option<String>,
    /// Of `pushed` and `popped`: how many elements the list has then.
    #[schema(nullable = false)]
    length: Option<u64>,
    /// Of `cleared`: how many keys went.
    #[schema(nullable = false)]
    count: Option<u64>,
}

/// The name of an event.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum EventName {
    Entry,
    SnapshotEnd,
    Change,
    Batch,
    Progress,
    End,
}

/// One event of a stream, by its fields. One without a name only says where the stream began.
#[derive(ToSchema)]
pub(super) struct ServerSentEvent {
    #[schema(nullable = false)]
    event: Option<EventName>,
    /// A place to resume.
    #[schema(nullable = false, pattern = "^[0-9a-f]{16}-[0-9]+$")]
    id: Option<String>,
    /// JSON, and which depends on the event: a `Row`, a `Mark`, a `Change`, a `Batch` or a `Problem`.
    #[schema(nullable = false, content_media_type = "application/json")]
    data: Option<String>,
}

/// The data of the event `batch`: changes that happened together.
#[derive(ToSchema)]
pub(super) struct Batch {
    /// Of the last change, also if it is hidden by the filter.
    revision: u64,
    changes: Vec<Change>,
}

/// The data of the events `snapshot_end` and `progress`: up to where everything has been told.
#[derive(ToSchema)]
pub(super) struct Mark {
    revision: u64,
}
