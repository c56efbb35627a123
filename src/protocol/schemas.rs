//! Schemas of what is not encoded by a struct of this module: values, rows, changes, and events.
#![allow(dead_code, reason = "only their schemas are used")]

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::{Problem, answers};

pub(crate) type Popped = answers::Popped<Element>;
pub(crate) type Part = answers::Part<Element>;
type Written = answers::Written<Element>;

/// One element: a text, a number, a boolean or an object.
pub(crate) struct Element;

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

impl ToSchema for Element {}

/// A value: an element, or a list of elements. (utoipa takes every type called `Value` for any JSON.)
pub(crate) struct AnyValue;

impl PartialSchema for AnyValue {
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

impl ToSchema for AnyValue {
    fn name() -> Cow<'static, str> {
        "Value".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Element::name().into_owned(), Element::schema()));
    }
}

/// A time to live: numbers with units, one after another, such as `1h30m`, `90s` or `250ms`; more than zero, at most
/// 100 years. `none`: never expires. `null`, or nothing, where it may be: a set takes the default of the store, every
/// other command keeps the deadline. (Go's grammar: `+1h`, `.5h` and `µs` are understood too.)
#[derive(ToSchema)]
#[schema(
    as = Ttl,
    pattern = r"^(none|(([1-9][0-9]{0,4}(\.[0-9]{1,6})?|0\.[0-9]{0,2}[1-9])(us|ms|s|m|h)){1,4})$",
    example = "1h30m"
)]
pub(crate) struct TtlText(String);

/// The kind of a value: whether it is one element or a list, and whether it has anything but text in it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum Kind {
    String,
    StringSlice,
    Json,
    JsonSlice,
}

/// An entry.
#[derive(ToSchema)]
pub(crate) struct Row {
    key: String,
    kind: Kind,
    value: AnyValue,
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

/// The entry after the write; or, if it is gone already, that the write was done.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum RowOrDone {
    Row(Row),
    Done(answers::Done),
}

/// The entry after the pop, with the element that was popped.
#[derive(ToSchema)]
pub(crate) struct RowAndPopped {
    #[serde(flatten)]
    row: Row,
    popped: Element,
}

/// The entry after the pop, with the element that was popped; or, if it is gone already, the element.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum RowOrPopped {
    Row(RowAndPopped),
    Popped(Popped),
}

/// A sorted page of keys.
#[derive(ToSchema)]
pub(crate) struct Keys {
    keys: Vec<String>,
    /// The `after` of the next page; `null` on the last.
    next: Option<String>,
    /// The revision of the store.
    revision: u64,
}

/// A sorted page of entries.
#[derive(ToSchema)]
pub(crate) struct Entries {
    entries: Vec<Row>,
    /// The `after` of the next page; `null` on the last.
    next: Option<String>,
    /// The revision of the store.
    revision: u64,
}

/// A sorted page: of entries if the query has `entries`, of keys otherwise.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Page {
    Keys(Keys),
    Entries(Entries),
}

/// What one write of a batch did, or why it was not done.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Outcome {
    Written(Written),
    Problem(Problem),
}

/// What a change did.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum ChangeName {
    Set,
    Updated,
    Removed,
    Expired,
    Pushed,
    Popped,
    Touched,
    Cleared,
}

/// The data of the event `change`: the effect of one write. The members besides the first three depend on it.
#[derive(ToSchema)]
struct Change {
    revision: u64,
    #[schema(format = DateTime)]
    time: String,
    change: ChangeName,
    /// Of every change but `cleared`.
    #[schema(nullable = false)]
    key: Option<String>,
    /// Of `set` and `updated`.
    #[schema(nullable = false)]
    value: Option<AnyValue>,
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
    /// Of `pushed` and `popped`: the length of the list after the change.
    #[schema(nullable = false)]
    length: Option<u64>,
    /// Of `cleared`: how many keys were removed.
    #[schema(nullable = false)]
    count: Option<u64>,
}

/// The name of an event.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
enum EventName {
    Entry,
    SnapshotEnd,
    Change,
    Batch,
    Progress,
    End,
}

/// One event of a stream, by its fields. One without a name only says where the stream begins.
#[derive(ToSchema)]
pub(crate) struct ServerSentEvent {
    #[schema(nullable = false)]
    event: Option<EventName>,
    /// A position to resume from.
    #[schema(nullable = false, pattern = "^[0-9a-f]{16}-[0-9]+$")]
    id: Option<String>,
    /// JSON that depends on the event: a `Row`, a `Mark`, a `Change`, a `Batch` or a `Problem`.
    #[schema(nullable = false, content_media_type = "application/json")]
    data: Option<String>,
}

/// The data of the event `batch`: changes that happened together.
#[derive(ToSchema)]
pub(crate) struct Batch {
    /// Of the last change, also if it is hidden by the filter.
    revision: u64,
    changes: Vec<Change>,
}

/// The data of the events `snapshot_end` and `progress`: the revision up to which the stream is complete.
#[derive(ToSchema)]
pub(crate) struct Mark {
    revision: u64,
}
