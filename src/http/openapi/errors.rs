//! What can go wrong, added to every operation in one place.
//!
//! A handler names the errors that are its own, by code or by group, in the extension `x-errors`; this takes the
//! extension away and describes them, and those that every operation has, as answers with examples.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use utoipa::Modify;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{OpenApi, Ref};

use super::operations;
use crate::auth::AuthError;
use crate::http::answer::Failure;
use crate::wire::Problem;
use crate::{Error, Refusal};

/// The name of the extension.
pub(super) const ERRORS: &str = "x-errors";

/// What any request may be answered.
const COMMON: &[&str] = &[
    "invalid_request",
    "method_not_allowed",
    "misdirected",
    "timeout",
    "too_large",
    "internal",
    "busy",
    "shutting_down",
    "failed",
];
/// Of requests that ask the store.
const STORE: &[&str] = &["recovering"];
/// Of writes.
const WRITE: &[&str] = &[
    "recovering",
    "refused",
    "revision_mismatch",
    "entry_too_large",
    "memory_limit",
    "storage_full",
    "journal_failed",
    "outcome_unknown",
];
/// Of requests with a body of JSON.
const BODY: &[&str] = &["invalid_json", "invalid_ttl"];

/// Adds the errors.
pub(super) struct Errors;

impl Modify for Errors {
    fn modify(&self, openapi: &mut OpenApi) {
        for item in openapi.paths.paths.values_mut() {
            for (method, operation) in operations(item) {
                add(operation, method != "get");
            }
        }
    }
}

fn add(operation: &mut Operation, is_write: bool) {
    let is_plain = operation.tags.iter().flatten().any(|tag| tag == "plain");
    let mut by_status = BTreeMap::<u16, BTreeMap<&str, Problem>>::new();
    // Pages of other origins may send a GET.
    for code in codes(operation).into_iter().chain(is_write.then_some("forbidden")) {
        let problem = example(code);
        by_status.entry(problem.status()).or_default().insert(code, problem);
    }
    for (status, problems) in by_status {
        operation
            .responses
            .responses
            .insert(status.to_string(), answer(status, &problems, is_plain).into());
    }
}

fn codes(operation: &mut Operation) -> Vec<&'static str> {
    let mut extensions = operation.extensions.take().unwrap_or_default();
    let own = extensions.remove(ERRORS).unwrap_or_default();
    operation.extensions = Some(extensions).filter(|left| !left.is_empty());
    let mut codes = COMMON.to_vec();
    for name in own.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str) {
        match name {
            "store" => codes.extend(STORE),
            "write" => codes.extend(WRITE),
            "body" => codes.extend(BODY),
            code => codes.extend(KNOWN.iter().find(|known| **known == code)),
        }
    }
    codes
}

/// What only some operations have.
const KNOWN: &[&str] = &[
    "account_exists",
    "account_not_found",
    "compacted",
    "compaction_failed",
    "invalid_data_type",
    "invalid_json",
    "invalid_ttl",
    "item_not_found",
    "journal_failed",
    "list_empty",
    "not_allowed",
    "not_found",
    "outcome_unknown",
    "storage_full",
    "too_many_attempts",
    "unauthorized",
    "wrong_store",
];

/// An error of each code, as it is answered.
fn example(code: &'static str) -> Problem {
    let of = |error: Error| Problem::from(&error);
    let account = |error: AuthError| Failure::from(error).0;
    match code {
        "unauthorized" => of(Error::Unauthorized),
        "not_allowed" => of(Error::Forbidden),
        "account_exists" => account(AuthError::Exists),
        "account_not_found" => account(AuthError::NotFound),
        "too_many_attempts" => account(AuthError::TooManyAttempts { wait: Duration::from_secs(8) }),
        "item_not_found" => of(Error::NotFound),
        "invalid_data_type" => of(Error::WrongKind),
        "list_empty" => of(Error::ListEmpty),
        "revision_mismatch" => of(Error::ConditionFailed { current: Some(7) }),
        "invalid_ttl" => of(Error::InvalidTtl),
        "entry_too_large" => of(Error::TooLarge { weight: 2_000, limit: 1_024 }),
        "memory_limit" => of(Error::OverLimit { what: "entries", limit: 1_000 }),
        "refused" => of(Refusal::new("the brake is on").into()),
        "busy" => of(Error::Busy),
        "shutting_down" => of(Error::Closed),
        "failed" => of(Error::Failed("a panic".into())),
        "outcome_unknown" => of(Error::Unknown),
        "storage_full" => of(Error::JournalFull(
            "data/log-7.jsonl: cannot write to it: No space left on device (os error 28)".into(),
        )),
        "compaction_failed" => of(Error::CompactionFailed(
            "data/snapshot.tmp: cannot write to it: No space left on device (os error 28)".into(),
        )),
        "recovering" => of(Error::Recovering),
        "journal_failed" => of(Error::JournalFailed("the disk is gone".into())),
        "compacted" => of(Error::Compacted { oldest: 12 }),
        "wrong_store" => of(Error::WrongStore),
        "invalid_request" => of(Error::InvalidKey { length: 1_025 }),
        "invalid_json" => {
            Problem::new(code, "the body is not what it should be: EOF while parsing")
        }
        "too_large" => of(Error::RequestTooLarge { limit: Some(1_048_576) }),
        "timeout" => Problem::new(code, "the body did not arrive in time"),
        "method_not_allowed" => {
            Problem::new(code, "this path does not take this method: see /docs")
        }
        "misdirected" => {
            Problem::new(code, "\"db.example\" is no name of this server: ask for localhost")
        }
        "forbidden" => Problem::new(
            code,
            "a page of another origin may not write: let the server allow its origin",
        ),
        "not_found" => Problem::new(code, "there is nothing at this path: see /docs"),
        _ => Problem::new(code, "the server failed on this request; its log says why"),
    }
}

fn answer(status: u16, problems: &BTreeMap<&str, Problem>, is_plain: bool) -> Response {
    let mut codes: Vec<&str> = problems.values().map(|problem| &*problem.code).collect();
    codes.dedup();
    let mut described = format!("`{}`", codes.join("`, `"));
    if status == 405 {
        described.push_str(": of another method at this path");
    }
    let mut response = ResponseBuilder::new().description(described);
    // The limits of the server answer in JSON, whoever asks.
    if is_plain && status != 405 {
        response = response.content("text/plain", plain(problems));
    }
    response = response.content("application/json", content(&codes, problems));
    if let Some((name, told, example)) = match status {
        401 => Some(("WWW-Authenticate", "How to say who one is.", "Bearer")),
        405 => Some(("Allow", "The methods that the path takes.", "GET,HEAD")),
        429 | 503 => Some(("Retry-After", "After how many seconds to try again.", "1")),
        _ => None,
    } {
        let text = ObjectBuilder::new().schema_type(Type::String);
        let header = HeaderBuilder::new().schema(Some(text)).description(Some(told));
        response = response.header(name, header.example(Some(json!(example))).build());
    }
    response.build()
}

fn content(codes: &[&str], problems: &BTreeMap<&str, Problem>) -> Content {
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.to_vec()));
    let only = ObjectBuilder::new().property("code", code);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(only);
    let examples = problems.iter().map(|(name, problem)| {
        let value = serde_json::to_value(problem).unwrap_or_default();
        (*name, ExampleBuilder::new().value(Some(value)).build())
    });
    ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples).build()
}

fn plain(problems: &BTreeMap<&str, Problem>) -> Content {
    let text = ObjectBuilder::new().schema_type(Type::String);
    let examples = problems.iter().map(|(name, problem)| {
        let words = match *name {
            "item_not_found" => "given key not found",
            _ => &problem.message,
        };
        (*name, ExampleBuilder::new().value(Some(json!(format!("{words}\n")))).build())
    });
    ContentBuilder::new().schema(Some(text)).examples_from_iter(examples).build()
}
