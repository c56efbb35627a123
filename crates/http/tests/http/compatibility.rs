//! Compatibility with clients of the earlier Go server: recorded requests to it are replayed in their order.
//!
//! Intended differences are in a table, with the reason. Any other difference fails, and so does a difference of the table
//! that does not occur.

use std::time::Duration;

use mainspring::Store;
use mainspring::wire::Json;
use mainspring_http::server;
use serde_json::Value;

use super::{Response, Server};

/// Reasons for differences.
mod reason {
    pub(super) const ABSENT: &str = "a write to an absent key returns 404 instead of 500";
    pub(super) const KIND: &str = "a list operation on an item returns 409 instead of 500";
    pub(super) const TEXT: &str = "an empty text is a valid value";
    pub(super) const NULL: &str = "null is not a valid value";
    pub(super) const JSON: &str = "JSON other than text is stored too";
    pub(super) const TTL: &str = "an invalid time to live returns 400 invalid_ttl; it must be a text with the units of Go, more than zero";
    pub(super) const TRAILING: &str = "text after the JSON value returns 400";
    pub(super) const DECODED: &str = "keys are percent-decoded";
    pub(super) const METHOD: &str =
        "further methods are supported: PUT of an entry, HEAD of everything that can be read";
    pub(super) const JSON_ERRORS: &str = "errors without a handler are JSON with a code";
    pub(super) const BEFORE: &str = "consequence of an earlier difference";
    pub(super) const PLAIN: &str = "text is always text/plain, with nosniff";
    pub(super) const UTF_8: &str = "the body must be UTF-8";
    pub(super) const FLUSH: &str = "a flush of an empty store succeeds";
    pub(super) const HANGS: &str = "no request hangs";
}

/// The number of the request (its line), the expected status, a part of the expected body, and the reason.
type Difference = (usize, u16, &'static str, &'static str);

#[rustfmt::skip]
const JSON_DIFFERENCES: &[Difference] = &[
    (2, 404, "item_not_found", reason::ABSENT),
    (3, 404, "item_not_found", reason::ABSENT),
    (4, 404, "item_not_found", reason::ABSENT),
    (5, 404, "item_not_found", reason::ABSENT),
    (7, 409, "invalid_data_type", reason::KIND),
    (8, 409, "invalid_data_type", reason::KIND),
    (11, 200, r#""value":["a","b",""]"#, reason::TEXT),
    (12, 200, r#""value":["a","b"]"#, reason::BEFORE),
    (13, 200, r#""value":["a"]"#, reason::BEFORE),
    (14, 200, r#""value":[]"#, reason::BEFORE),
    (16, 400, "invalid_json", reason::NULL),
    (17, 404, "item_not_found", reason::BEFORE),
    (20, 400, "invalid_request", reason::NULL),
    (24, 200, "ok", reason::JSON),
    (25, 200, "ok", reason::JSON),
    (27, 400, "invalid_json", reason::NULL),
    (28, 200, r#""value":[]"#, reason::BEFORE),
    (29, 400, "invalid_ttl", reason::TTL),
    (30, 400, "invalid_ttl", reason::TTL),
    (31, 400, "invalid_ttl", reason::TTL),
    (32, 200, r#""value":[]"#, reason::BEFORE),
    (33, 200, r#""value":[]"#, reason::BEFORE),
    (34, 400, "invalid_ttl", reason::TTL),
    (42, 400, "invalid_json", reason::TRAILING),
    (45, 404, "not_found", reason::JSON_ERRORS),
    (46, 200, r#""key":"a/b""#, reason::DECODED),
    (49, 400, "invalid_json", reason::METHOD),
    (50, 404, "not_found", reason::JSON_ERRORS),
    (51, 404, "not_found", reason::JSON_ERRORS),
    (52, 200, "", reason::METHOD),
];

#[rustfmt::skip]
const TEXT_DIFFERENCES: &[Difference] = &[
    (8, 200, "<html>x</html>", reason::PLAIN),
    (9, 400, "UTF-8", reason::UTF_8),
    (10, 404, "given key not found", reason::BEFORE),
    (13, 405, "method_not_allowed", reason::JSON_ERRORS),
    (14, 200, "", reason::METHOD),
    (15, 404, "not_found", reason::JSON_ERRORS),
    (16, 404, "not_found", reason::JSON_ERRORS),
    (17, 404, "not_found", reason::JSON_ERRORS),
    (18, 201, "", reason::DECODED),
    (19, 200, "v", reason::DECODED),
    (20, 405, "method_not_allowed", reason::JSON_ERRORS),
    (21, 405, "method_not_allowed", reason::JSON_ERRORS),
    (24, 200, "", reason::FLUSH),
    (25, 404, "given key not found", reason::HANGS),
];

/// A recorded request and its response.
struct Recording {
    method: &'static str,
    path: &'static str,
    body: Vec<u8>,
    response: Shape,
}

/// The parts of a response that are compared.
#[derive(Debug, PartialEq)]
struct Shape {
    status: u16,
    content_type: String,
    body: Value,
}

/// Removes intended differences that occur everywhere: an `ok` has a revision and a time, an entry a revision, and a pop
/// the element; times differ; of an error only the code is compared, because its message is for people and further members
/// were added.
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

fn parse_json_recording(line: &'static str) -> Recording {
    let (request, response) = line.split_once(" -> ").unwrap();
    let (method, request) = request.split_once(' ').unwrap();
    let (path, body) = request.trim().split_once(' ').unwrap_or((request.trim(), ""));
    let (head, response) = response.split_once(" | ").unwrap_or((response, ""));
    let (status, content_type) = head.split_once(' ').unwrap();
    let response = Shape {
        status: status.parse().unwrap(),
        content_type: content_type.trim_matches([' ', '|']).to_owned(),
        body: comparable(response.as_bytes()),
    };
    Recording { method, path, body: body.trim().as_bytes().to_vec(), response }
}

fn parse_text_recording(line: &'static str) -> Recording {
    let (request, response) = line.split_once(" -> ").unwrap();
    let (method, request) = request.split_once(' ').unwrap();
    let (path, body) = request.split_once(' ').unwrap_or((request, ""));
    // The status, the content type and the body, the last two in quotes.
    let parts: Vec<&str> = response.split('"').collect();
    let part = |n: usize| parts.get(n).map_or(String::new(), |text| text.replace("\\n", "\n"));
    let response = Shape {
        // "HANGS" in place of a status becomes 0.
        status: part(0).trim().parse().unwrap_or_default(),
        content_type: part(1),
        body: part(3).into(),
    };
    Recording { method, path, body: unescaped(body), response }
}

/// Decodes `\xff` as a byte.
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

async fn replay(server: &Server, recorded: impl Iterator<Item = Recording>, table: &[Difference]) {
    let mut wrong = Vec::new();
    let mut requests = 0;
    for (n, Recording { method, path, body, response }) in (1..).zip(recorded) {
        requests = n;
        let current: Response = server.send(method, path, body).await;
        let shape = Shape {
            status: current.status.as_u16(),
            content_type: current.header("content-type").to_owned(),
            body: comparable(&current.body),
        };
        let difference = table.iter().find(|difference| difference.0 == n);
        match difference {
            None if shape == response => {}
            None => wrong.push(format!("{n}: {method} {path}: was {response:?}, is {shape:?}")),
            Some((.., why)) if shape == response => {
                wrong.push(format!("{n}: {method} {path}: {why:?}, but nothing differs"));
            }
            Some((_, status, part, _)) => {
                let is_expected = shape.status == *status && current.text().contains(part);
                if !is_expected || (part.is_empty() && !current.body.is_empty()) {
                    wrong.push(format!(
                        "{n}: {method} {path}: expected {status} {part}, found {current:?}"
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(table.iter().all(|difference| difference.0 <= requests));
}

#[tokio::test]
async fn json_requests_of_the_earlier_server_are_compatible() {
    let default_ttl = Duration::from_secs(300);
    let store = Store::<Json>::builder().default_ttl(default_ttl).spawn();
    let server = Server::with_options(store, server::ServerOptions::default()).await;
    let lines = include_str!("../../../../tests/data/observed-002-http.txt").lines();
    replay(&server, lines.map(parse_json_recording), JSON_DIFFERENCES).await;
}

#[tokio::test]
async fn text_requests_of_the_earlier_server_are_compatible() {
    let server = Server::start().await;
    let lines = include_str!("../../../../tests/data/observed-003-http.txt").lines();
    replay(&server, lines.map(parse_text_recording), TEXT_DIFFERENCES).await;
}
