//! Schemas that are defined as JSON, and the schemas of values.

use serde_json::{Value, json};

/// Returns a reference to the schema of this name.
pub(super) fn to(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// Defines types with only a name and a schema, which may refer to the schemas of other types.
macro_rules! schemas {
    ($($(#[doc = $doc:literal])+ $type:ident $name:literal refers to [$($other:ident),*] = $schema:tt;)+) => {$(
        $(#[doc = $doc])+
        #[derive(Debug)]
        pub(crate) struct $type;

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let mut schema = serde_json::json!($schema);
                schema["description"] = [$($doc.trim()),+].join("\n").into();
                serde_json::from_value(schema).unwrap_or_default()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn schemas(all: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>) {
                let _ = &all;
                $(all.push((<$other as utoipa::ToSchema>::name().into_owned(), <$other as utoipa::PartialSchema>::schema()));
                <$other as utoipa::ToSchema>::schemas(all);)*
            }
        }
    )+};
}
pub(super) use schemas;

schemas! {
    /// One element: a text, a number, a boolean or an object; never `null`, and never a list. If the
    /// element type of a store is not JSON, the store accepts the JSON values that this type can decode.
    Element "Element" refers to [] = {"type": ["string", "number", "boolean", "object"], "examples": ["fast", 42.5]};
    /// The value of a key: an element, or a list of elements.
    AnyValue "Value" refers to [Element] = {
        "anyOf": [to("Element"), {"type": "array", "items": to("Element")}], "examples": ["fast", ["a", "b"]],
    };
    /// A time to live: numbers with units, one after another, such as `1h30m`, `90s` or `250ms`; more than zero, at most
    /// 100 years. `none`: never expires. `null` or an absent `ttl`, where allowed: a set applies the default of the store,
    /// every other command keeps the deadline. (The grammar is that of Go: `+1h`, `.5h` and `µs` are accepted too.)
    TtlText "Ttl" refers to [] = {
        "type": "string", "example": "1h30m",
        "pattern": r"^(none|(([1-9][0-9]{0,4}(\.[0-9]{1,6})?|0\.[0-9]{0,2}[1-9])(us|ms|s|m|h)){1,4})$",
    };
    /// The kind of a value: one element or a list, of text only or of any JSON.
    Kind "Kind" refers to [] = {"type": "string", "enum": ["string", "string_slice", "json", "json_slice"]};
}
