//! What requests carry besides their bodies and queries, for the description alone.
#![allow(dead_code, reason = "they are described, and never made")]

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AnyOfBuilder, ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct KeyParam {
    /// The key: one segment of the path, percent-encoded. 1 to 1,024 bytes of UTF-8; `.` and `..` cannot be in a path.
    #[param(min_length = 1, max_length = 1024, example = "car/speed")]
    key: String,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct Conditions {
    /// Only if the entry is the one of this `ETag` (or of this revision, in quotes); `*`: only if it is there.
    #[param(rename = "If-Match", required = false, value_type = IfMatch, inline, example = "*")]
    if_match: Option<String>,
    /// Only if the key is absent. Not together with `If-Match`.
    #[param(rename = "If-None-Match", required = false, value_type = Any, inline, example = "*")]
    if_none_match: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct KnownParam {
    /// What is known already: `ETag`s, or `*`. If the entry is one of them, the answer is 304.
    #[param(
        rename = "If-None-Match", required = false, value_type = String, pattern = r"^[\t -~]*$",
        example = "\"5f0c9a1b2c3d4e5f-7\"",
    )]
    if_none_match: Option<String>,
}

#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct Resumes {
    /// The `id` of the last event that was read. Wins over `from`.
    #[param(
        rename = "Last-Event-ID", required = false, value_type = String, pattern = "^([0-9a-f]{16}-[0-9]{1,19})?$",
        example = "5f0c9a1b2c3d4e5f-7",
    )]
    last_event_id: Option<String>,
}

/// An end of a list.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(super) enum EndName {
    Front,
    Back,
}

/// Any entry.
#[derive(ToSchema)]
pub(super) enum Any {
    #[schema(rename = "*")]
    Any,
}

/// Any entry, or one. (As one pattern, schemathesis 4.32 does not understand it.)
pub(super) struct IfMatch;

impl PartialSchema for IfMatch {
    fn schema() -> RefOr<Schema> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        AnyOfBuilder::new()
            .item(text().enum_values(Some(["*"])))
            .item(text().pattern(Some(r#"^"([0-9a-f]{16}-)?[0-9]{1,19}"$"#)))
            .into()
    }
}

impl ToSchema for IfMatch {
    fn name() -> Cow<'static, str> {
        "IfMatch".into()
    }
}
