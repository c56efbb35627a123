//! The error responses of operations, with examples.

use std::collections::BTreeMap;
use std::time::Duration;

use mainspring::{Error, Refusal};
use serde_json::{Map, Value, json};

use super::headers;
use crate::auth::AuthError;
use crate::protocol::{Operation, Problem, Tag};
use crate::server::response::Failure;

/// Errors of every request.
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
/// Errors of requests that send a command to the store.
const STORE: &[&str] = &["recovering"];
/// Errors of writes.
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
/// Errors of requests with a body of JSON.
const BODY: &[&str] = &["invalid_json", "invalid_ttl"];

/// Errors of requests that require an account.
const ACCOUNT: &[&str] = &["unauthorized", "not_allowed"];

/// Adds the errors of an operation to its responses. `errors` are codes, or names of groups of codes.
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
    // A GET from a page of another origin is allowed.
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

/// An example of the error with this code.
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
            Problem::new(code, "invalid body: EOF while parsing a value at line 1 column 0")
        }
        "too_large" => of(Error::RequestTooLarge { limit: Some(1_048_576) }),
        "timeout" => Problem::new(code, "the body did not arrive in time"),
        "method_not_allowed" => {
            Problem::new(code, "this path does not support this method; see /docs")
        }
        "misdirected" => {
            Problem::new(code, "\"db.example\" is not a name of this server; use localhost")
        }
        "forbidden" => Problem::new(
            code,
            "writes from pages of other origins are forbidden; allow the origin in the server",
        ),
        "not_found" => Problem::new(code, "unknown path; see /docs for the routes"),
        _ => Problem::new(code, "the request failed in the server; its log has the cause"),
    }
}

fn response(status: u16, problems: &BTreeMap<&str, Problem>, is_plain: bool) -> Value {
    let mut codes: Vec<&str> = problems.values().map(|problem| &*problem.code).collect();
    codes.dedup();
    let mut words = format!("`{}`", codes.join("`, `"));
    if status == 405 {
        words.push_str(": this path supports other methods");
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
    // A 405 is JSON on every path.
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
