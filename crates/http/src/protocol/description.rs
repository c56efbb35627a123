//! The parts of the OpenAPI document that belong to one operation.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::ToSchema;

/// Media types of bodies.
pub(super) mod media {
    pub(in crate::protocol) const JSON: &str = "application/json";
    pub(in crate::protocol) const LINES: &str = "application/jsonl";
    pub(in crate::protocol) const YAML: &str = "application/yaml";
    pub(in crate::protocol) const EVENTS: &str = "text/event-stream";
    pub(in crate::protocol) const TEXT: &str = "text/plain";
    pub(in crate::protocol) const HTML: &str = "text/html";
    pub(in crate::protocol) const CSS: &str = "text/css";
    pub(in crate::protocol) const SCRIPT: &str = "text/javascript";
    pub(in crate::protocol) const PNG: &str = "image/png";
}

/// The description of an operation in the OpenAPI document.
pub(crate) struct Description {
    /// A summary, an empty line, and details.
    pub(super) doc: &'static [&'static str],
    pub(crate) parameters: Vec<Value>,
    pub(crate) body: Option<Content>,
    pub(crate) response: SuccessResponse,
    /// Error codes, or names of groups of error codes.
    pub(crate) errors: &'static [&'static str],
}

/// The response to a successful request.
pub(crate) struct SuccessResponse {
    pub(crate) status: u16,
    pub(crate) description: &'static str,
    pub(crate) headers: &'static [&'static str],
    pub(crate) content: Vec<Content>,
}

/// A body of one media type.
pub(crate) struct Content {
    pub(crate) media: &'static str,
    pub(crate) schema: fn(&mut Schemas) -> Value,
    pub(crate) example: Value,
}

impl Description {
    pub(crate) fn summary(&self) -> &'static str {
        self.doc.first().map_or("", |line| line.trim())
    }

    pub(crate) fn details(&self) -> String {
        let lines: Vec<_> = self.doc.iter().skip(1).map(|line| line.trim()).collect();
        lines.join("\n").trim().to_owned()
    }
}

/// The schemas of the OpenAPI document, by name.
#[derive(Debug, Default)]
pub(crate) struct Schemas(pub(crate) BTreeMap<String, Value>);

impl Schemas {
    /// Adds the schema of a type, and those that it refers to. Returns a reference to it.
    pub(crate) fn add<T: ToSchema>(&mut self) -> Value {
        let mut all = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut all);
        for (name, schema) in all {
            self.0.entry(name).or_insert_with(|| json!(schema));
        }
        json!({"$ref": format!("#/components/schemas/{}", T::name())})
    }
}

/// The schema of a body: of a type, of a list (`[Type]`), or of an arbitrary text or object.
macro_rules! schema {
    (String) => {
        |_| serde_json::json!({"type": "string"})
    };
    (Object) => {
        |_| serde_json::json!({"type": "object"})
    };
    ([$type:ident]) => {
        |schemas| serde_json::json!({"type": "array", "items": schemas.add::<$type>()})
    };
    ($type:ident) => {
        |schemas| schemas.add::<$type>()
    };
}
pub(super) use schema;
