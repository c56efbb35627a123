//! The errors of operations, as responses with examples.

use std::collections::BTreeMap;
use std::time::Duration;

use mainspring::{Error, Refusal};
use serde_json::{Map, Value, json};

use super::headers;
use crate::auth::AuthError;
use crate::protocol::{Operation, Problem, Tag};
use crate::server::answer::Failure;

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

/// Of requests of an account.
const ACCOUNT: &[&str] = &["unauthorized", "not_allowed"];

/// Add the errors of an operation to its responses: `errors` are codes, or names of groups of them.
pub(super) fn add(
    responses: &mut Value,
    operation: Operation,
    errors: &'static [&'static str],
    needs_account: bool,
) {
    let mut by_status = BTreeMap::<u16, BTreeMap<&str, Problem>>::new();
    let own = errors.iter().flat_map(|name| match *name {
        "store" => STORE,
        "write" => WRITE,
        "body" => BODY,
        _ => std::slice::from_ref(name),
    });
    // Pages of other origins may send a GET.
    let origin: &[&str] = if operation.method() == "GET" { &[] } else { &["forbidden"] };
    let account = if needs_account { ACCOUNT } else { &[] };
    for code in own.chain(COMMON).chain(origin).chain(account) {
        let problem = example(code);
        by_status.entry(problem.status()).or_default().insert(code, problem);
    }
    let is_plain = operation.tag() == Tag::Plain;
    for (status, problems) in by_status {
        responses[status.to_string()] = response(status, &problems, is_plain);
    }
}

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

fn response(status: u16, problems: &BTreeMap<&str, Problem>, is_plain: bool) -> Value {
    let mut codes: Vec<&str> = problems.values().map(|problem| &*problem.code).collect();
    codes.dedup();
    let mut words = format!("`{}`", codes.join("`, `"));
    if status == 405 {
        words.push_str(": of another method at this path");
    }
    let header: &[&str] = match status {
        401 => &["WWW-Authenticate"],
        405 => &["Allow"],
        429 | 503 => &["Retry-After"],
        _ => &[],
    };
    let schema = json!({"allOf": [
        {"$ref": "#/components/schemas/Problem"},
        {"type": "object", "properties": {"code": {"type": "string", "enum": codes}}},
    ]});
    let mut content = json!({
        "application/json": {"schema": schema, "examples": examples(problems, |_, problem| json!(problem))},
    });
    // The limits of the server answer JSON to every request.
    if is_plain && status != 405 {
        let text = |code: &str, problem: &Problem| match code {
            "item_not_found" => json!("given key not found\n"),
            _ => json!(format!("{}\n", problem.message)),
        };
        content["text/plain"] =
            json!({"schema": {"type": "string"}, "examples": examples(problems, text)});
    }
    json!({"description": words, "headers": headers(header), "content": content})
}

fn examples(
    problems: &BTreeMap<&str, Problem>,
    value: impl Fn(&str, &Problem) -> Value,
) -> Map<String, Value> {
    let example = |(code, problem): (&&str, &Problem)| {
        ((*code).to_owned(), json!({"value": value(code, problem)}))
    };
    problems.iter().map(example).collect()
}
