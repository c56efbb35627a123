//! Descriptions of parameters that are not fields of a struct: the key, and headers.

use serde_json::{Value, json};
use utoipa::IntoParams;

pub(super) fn key() -> Vec<Value> {
    vec![json!({
        "name": "key", "in": "path", "required": true, "example": "car/speed",
        "description": "The key: one segment of the path, percent-encoded. 1 to 1,024 bytes of UTF-8; `.` and `..` cannot be in a path.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 1024},
    })]
}

/// The condition of a write.
pub(super) fn conditions() -> Vec<Value> {
    let if_match = json!({
        "name": "If-Match", "in": "header", "required": false, "example": "*",
        "description": "Write only if the entry has this `ETag` (or this revision, in quotes); `*`: only if the key is present.",
        // Two schemas, because schemathesis 4.32 does not handle them as one pattern.
        "schema": {"anyOf": [
            {"type": "string", "enum": ["*"]},
            {"type": "string", "pattern": r#"^"([0-9a-f]{16}-)?[0-9]{1,19}"$"#},
        ]},
    });
    let if_none_match = json!({
        "name": "If-None-Match", "in": "header", "required": false, "example": "*",
        "description": "Write only if the key is absent. Not together with `If-Match`.",
        "schema": {"type": "string", "enum": ["*"]},
    });
    vec![if_match, if_none_match]
}

/// The entity tags of a conditional read.
pub(super) fn etags() -> Vec<Value> {
    vec![json!({
        "name": "If-None-Match", "in": "header", "required": false, "example": "\"5f0c9a1b2c3d4e5f-7\"",
        "description": "The `ETag`s that the client has, or `*`. If the entry has one of them, the response is 304.",
        "schema": {"type": "string", "pattern": r"^[\t -~]*$"},
    })]
}

pub(super) fn last_event_id() -> Vec<Value> {
    vec![json!({
        "name": "Last-Event-ID", "in": "header", "required": false, "example": "5f0c9a1b2c3d4e5f-7",
        "description": "The `id` of the last event that the client has read. Takes precedence over `from`.",
        "schema": {"type": "string", "pattern": "^([0-9a-f]{16}-[0-9]{1,19})?$"},
    })]
}

/// Describes the parameters that are the fields of a struct.
pub(super) fn fields<P: IntoParams>() -> Vec<Value> {
    P::into_params(|| None).iter().map(|parameter| json!(parameter)).collect()
}
