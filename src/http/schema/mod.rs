//! What bodies look like, for the description alone: nothing is read or written through these types.
#![allow(dead_code, reason = "they are described, and never made")]

mod answers;
mod events;
mod requests;

use std::borrow::Cow;

use utoipa::openapi::schema::{
    AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

pub(super) use self::answers::*;
pub(super) use self::events::*;
pub(super) use self::requests::*;

/// One element: a text, a number, a boolean or an object.
pub(in crate::http) struct Element;

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
pub(in crate::http) struct Held;

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
pub(in crate::http) struct Ttl(String);

/// What the kind of a value says: whether it is one element or a list, and whether there is anything but text in it.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum Kind {
    String,
    StringSlice,
    Json,
    JsonSlice,
}
