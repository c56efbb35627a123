//! What programs written for documents 002 and 003 meet: the requests that were observed, replayed in their order.
//!
//! What differs is in a table, with its reason; a difference that is not there fails, and so does an entry of the
//! table that does not differ.

use std::time::Duration;

use mainspring::Store;
use mainspring::wire::Json;
use mainspring_http::server;
use serde_json::Value;

use super::{Answer, Server};

/// Of SEMANTICS.md.
mod because {
    pub(super) const ABSENT: &str = "a write that needs a key says 404, not 500";
    pub(super) const KIND: &str = "an item is no list: 409, not 500";
    pub(super) const TEXT: &str = "an empty text is a text";
    pub(super) const NULL: &str = "null is no value";
    pub(super) const JSON: &str = "other JSON than texts is stored too";
    pub(super) const TTL: &str =
        "a time to live that is none is 400 invalid_ttl: a text, a unit of Go's, more than zero";
    pub(super) const TRAILING: &str = "text after the JSON value is 400";
    pub(super) const DECODED: &str = "keys are percent-decoded";
    pub(super) const METHOD: &str =
        "there are more methods: PUT of an entry, HEAD of everything that is read";
    pub(super) const JSON_ERRORS: &str = "errors that no handler gives are JSON too, with a code";
    pub(super) const BEFORE: &str = "follows from a difference before it";
    pub(super) const PLAIN: &str = "plain text, whatever it looks like, with nosniff";
    pub(super) const UTF_8: &str = "the body is UTF-8";
    pub(super) const FLUSH: &str = "a flush of nothing is a flush";
    pub(super) const HANGS: &str = "nothing hangs";
}

/// The number of the request (its line), the status and what the body contains now, and why.
type Difference = (usize, u16, &'static str, &'static str);

#[rustfmt::skip]
const DIFFERENCES_002: &[Difference] = &[
    (2, 404, "item_not_found", because::ABSENT),
    (3, 404, "item_not_found", because::ABSENT),
    (4, 404, "item_not_found", because::ABSENT),
    (5, 404, "item_not_found", because::ABSENT),
    (7, 409, "invalid_data_type", because::KIND),
    (8, 409, "invalid_data_type", because::KIND),
    (11, 200, r#""value":["a","b",""]"#, because::TEXT),
    (12, 200, r#""value":["a","b"]"#, because::BEFORE),
    (13, 200, r#""value":["a"]"#, because::BEFORE),
    (14, 200, r#""value":[]"#, because::BEFORE),
    (16, 400, "invalid_json", because::NULL),
    (17, 404, "item_not_found", because::BEFORE),
    (20, 400, "invalid_request", because::NULL),
    (24, 200, "ok", because::JSON),
    (25, 200, "ok", because::JSON),
    (27, 400, "invalid_json", because::NULL),
    (28, 200, r#""value":[]"#, because::BEFORE),
    (29, 400, "invalid_ttl", because::TTL),
    (30, 400, "invalid_ttl", because::TTL),
    (31, 400, "invalid_ttl", because::TTL),
    (32, 200, r#""value":[]"#, because::BEFORE),
    (33, 200, r#""value":[]"#, because::BEFORE),
    (34, 400, "invalid_ttl", because::TTL),
    (42, 400, "invalid_json", because::TRAILING),
    (45, 404, "not_found", because::JSON_ERRORS),
    (46, 200, r#""key":"a/b""#, because::DECODED),
    (49, 400, "invalid_json", because::METHOD),
    (50, 404, "not_found", because::JSON_ERRORS),
    (51, 404, "not_found", because::JSON_ERRORS),
    (52, 200, "", because::METHOD),
];

#[rustfmt::skip]
const DIFFERENCES_003: &[Difference] = &[
    (8, 200, "<html>x</html>", because::PLAIN),
    (9, 400, "UTF-8", because::UTF_8),
    (10, 404, "given key not found", because::BEFORE),
    (13, 405, "method_not_allowed", because::JSON_ERRORS),
    (14, 200, "", because::METHOD),
    (15, 404, "not_found", because::JSON_ERRORS),
    (16, 404, "not_found", because::JSON_ERRORS),
    (17, 404, "not_found", because::JSON_ERRORS),
    (18, 201, "", because::DECODED),
    (19, 200, "v", because::DECODED),
    (20, 405, "method_not_allowed", because::JSON_ERRORS),
    (21, 405, "method_not_allowed", because::JSON_ERRORS),
    (24, 200, "", because::FLUSH),
    (25, 404, "given key not found", because::HANGS),
];

/// A request that was observed, and the answer.
struct Observed {
    method: &'static str,
    path: &'static str,
    body: Vec<u8>,
    answer: Shape,
}

/// What is compared of an answer.
#[derive(Debug, PartialEq)]
struct Shape {
    status: u16,
    content_type: String,
    body: Value,
}

/// What 002 answered more or less of, everywhere: an `ok` now has a revision and a time, a row a revision, a pop the
/// element; times are not the same ones; and the words of an error are for people, its
/// code for programs, and there may be more besides.
fn comparable(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body).into_owned();
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else { return text.into() };
    members.remove("revision");
    members.remove("popped");
    if let Some(code) = members.remove("code") {
        return code;
    } else if members.contains_key("message") {
        members.remove("updated_at");
    }
    for member in members.values_mut() {
        if member.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_ok()) {
            *member = "a time".into();
        }
    }
    members.into()
}

fn observed_002(line: &'static str) -> Observed {
    let (asked, answered) = line.split_once(" -> ").unwrap();
    let (method, asked) = asked.split_once(' ').unwrap();
    let (path, body) = asked.trim().split_once(' ').unwrap_or((asked.trim(), ""));
    let (head, answered) = answered.split_once(" | ").unwrap_or((answered, ""));
    let (status, content_type) = head.split_once(' ').unwrap();
    let answer = Shape {
        status: status.parse().unwrap(),
        content_type: content_type.trim_matches([' ', '|']).to_owned(),
        body: comparable(answered.as_bytes()),
    };
    Observed { method, path, body: body.trim().as_bytes().to_vec(), answer }
}

fn observed_003(line: &'static str) -> Observed {
    let (asked, answered) = line.split_once(" -> ").unwrap();
    let (method, asked) = asked.split_once(' ').unwrap();
    let (path, body) = asked.split_once(' ').unwrap_or((asked, ""));
    // The status, the content type and the body, the last two in quotes.
    let parts: Vec<&str> = answered.split('"').collect();
    let part = |n: usize| parts.get(n).map_or(String::new(), |text| text.replace("\\n", "\n"));
    let answer = Shape {
        // "HANGS" is no status.
        status: part(0).trim().parse().unwrap_or_default(),
        content_type: part(1),
        body: part(3).into(),
    };
    Observed { method, path, body: unescaped(body), answer }
}

/// `\xff` is a byte.
fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut parts = text.split("\\x");
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

async fn replay(server: &Server, observed: impl Iterator<Item = Observed>, table: &[Difference]) {
    let mut wrong = Vec::new();
    let mut requests = 0;
    for (n, Observed { method, path, body, answer }) in (1..).zip(observed) {
        requests = n;
        let told: Answer = server.ask(method, path, body).await;
        let now = Shape {
            status: told.status.as_u16(),
            content_type: told.header("content-type").to_owned(),
            body: comparable(&told.body),
        };
        let difference = table.iter().find(|difference| difference.0 == n);
        match difference {
            None if now == answer => {}
            None => wrong.push(format!("{n}: {method} {path}: was {answer:?}, is {now:?}")),
            Some((.., why)) if now == answer => {
                wrong.push(format!("{n}: {method} {path}: {why:?}, and nothing differs"));
            }
            Some((_, status, part, _)) => {
                let is_so = now.status == *status && told.text().contains(part);
                if !is_so || (part.is_empty() && !told.body.is_empty()) {
                    wrong.push(format!(
                        "{n}: {method} {path}: should be {status} {part}, is {told:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.iter().all(|difference| difference.0 <= requests));
}

#[tokio::test]
async fn what_002_was_asked() {
    let default_ttl = Duration::from_secs(300);
    let store = Store::<Json>::builder().default_ttl(default_ttl).spawn();
    let server = Server::of(store, server::ServerOptions::default()).await;
    let lines = include_str!("../../../../tests/data/observed-002-http.txt").lines();
    replay(&server, lines.map(observed_002), DIFFERENCES_002).await;
}

#[tokio::test]
async fn what_003_was_asked() {
    let server = Server::start().await;
    let lines = include_str!("../../../../tests/data/observed-003-http.txt").lines();
    replay(&server, lines.map(observed_003), DIFFERENCES_003).await;
}
