//! Schemas of the bodies that are a [`Command`]: the members that each body may have.

use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::Command;
use super::schemas::Element;

/// The conditions. A write takes at most one, and none in the body if a header has one.
const CONDITIONS: [&str; 3] = ["if_absent", "if_present", "if_revision"];

/// Defines types with the schema of a command: its names (none if the path and method determine the command), the
/// members that it requires, and those that it may have besides a condition. `element` is a `value` that is not a list.
macro_rules! bodies {
    ($($(#[doc = $doc:literal])+
        $name:ident [$($command:literal),*] requires [$($required:literal),*] takes [$($optional:literal)?];)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                let doc = [$($doc.trim()),+].join("\n");
                body(doc, &[$($command),*], &[$($required),*], &[$($optional)?])
            }
        }

        impl ToSchema for $name {
            fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
                <Command<'_>>::schemas(schemas);
                schemas.push((Element::name().into_owned(), Element::schema()));
            }
        }
    )+};
}

bodies! {
    /// A value for the key of the path.
    NewValue [] requires ["value"] takes ["ttl"];
    /// A key and its value.
    NewEntry [] requires ["key", "value"] takes ["ttl"];
    /// An element for a list.
    NewElement [] requires ["element"] takes ["ttl"];
    /// The time to live of an entry; with `none` it never expires.
    NewTtl [] requires ["ttl"] takes [];
    /// Set or update a key.
    SetCommand ["set", "update"] requires ["key", "value"] takes ["ttl"];
    /// Push an element to the back or the front of a list.
    PushCommand ["push", "push_front"] requires ["key", "element"] takes ["ttl"];
    /// Remove a key, remove its deadline, or pop an element from the back or the front of a list.
    KeyCommand ["remove", "pop", "pop_front", "persist"] requires ["key"] takes [];
    /// Keep at most `keep` elements at the back or the front of a list.
    TrimCommand ["trim", "trim_front"] requires ["key", "keep"] takes [];
    /// Set the time to live of a key.
    ExpireCommand ["expire"] requires ["key", "ttl"] takes [];
}

/// A write of a batch.
#[derive(ToSchema)]
#[schema(as = Command)]
#[serde(untagged)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) enum BatchCommand {
    Set(SetCommand),
    Push(PushCommand),
    Key(KeyCommand),
    Trim(TrimCommand),
    Expire(ExpireCommand),
}

fn body(doc: String, commands: &[&str], required: &[&str], optional: &[&str]) -> RefOr<Schema> {
    let members = match <Command<'_>>::schema() {
        RefOr::T(Schema::Object(object)) => object.properties,
        _ => unreachable!("a struct is an object"),
    };
    let mut body = ObjectBuilder::new().description(Some(doc));
    if !commands.is_empty() {
        let names =
            ObjectBuilder::new().schema_type(Type::String).enum_values(Some(commands.to_vec()));
        body = body.property("command", names).required("command");
    }
    for name in required {
        body = match *name {
            "element" => body.property("value", Ref::from_schema_name("Element")).required("value"),
            "ttl" => body.property("ttl", Ref::from_schema_name("Ttl")).required("ttl"),
            name => body.property(name, members[name].clone()).required(name),
        };
    }
    for name in optional.iter().chain(&CONDITIONS) {
        body = body.property(*name, members[*name].clone());
    }
    body.into()
}
