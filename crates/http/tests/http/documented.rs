//! `docs/http.md`: every command is run, in its order, against one server, and its output compared with the page.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use super::Server;

/// A command, and the lines that the page shows after it.
struct Example {
    command: &'static str,
    lines: Vec<&'static str>,
}

fn examples() -> Vec<Example> {
    let mut all: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in include_str!("../../../../docs/http.md").lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match line.strip_prefix("$ ") {
                Some(command) => all.push(Example { command, lines: Vec::new() }),
                None => all.last_mut().expect("the first line is a command").lines.push(line),
            },
        }
    }
    all
}

/// Replaces what differs between runs: times, and the id of the store.
fn normalized(line: &str) -> String {
    // The length depends on the time, whose trailing zeros are omitted.
    if line.starts_with("content-length: ") {
        return "LENGTH".to_owned();
    }
    if line.starts_with("x-request-id: ") {
        return "REQUEST".to_owned();
    }
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || ":.-".contains(letter);
    let mut out = String::new();
    for part in line.split_inclusive(|letter| !is_part(letter)) {
        let word = part.trim_end_matches(|letter| !is_part(letter));
        let id = word.split('-').next().unwrap_or_default();
        let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if word.parse::<jiff::Timestamp>().is_ok() {
            out.push_str("TIME");
        } else if is_id {
            out.push_str("ID");
            out.push_str(&word[16..]);
        } else {
            out.push_str(word);
        }
        out.push_str(&part[word.len()..]);
    }
    out
}

#[tokio::test]
async fn documented_commands_have_the_documented_output() {
    let curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    assert!(
        curl.is_ok_and(|status| status.success()),
        "this test needs curl (apt-get install curl)"
    );
    let server = Server::start().await;
    let commands = examples();
    assert!(commands.len() > 20, "{} commands", commands.len());
    for Example { command, lines } in commands {
        let here = command.replace("localhost:8080", &server.address.to_string());
        let shell = move || Command::new("sh").args(["-c", &here]).stdin(Stdio::null()).output();
        let output = tokio::task::spawn_blocking(shell).await.unwrap().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        // Without the date.
        let stdout = stdout.lines().map(str::trim_end).filter(|line| !line.starts_with("date: "));
        let stdout: Vec<String> = stdout.map(normalized).collect();
        let lines: Vec<String> = lines.into_iter().map(normalized).collect();
        assert_eq!(stdout, lines, "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The headers in the OpenAPI document are those that the server sends.
#[tokio::test]
async fn headers_are_those_of_the_openapi_document() {
    let server = Server::start().await;
    let described = server.send("GET", "/openapi.json", "").await.json();
    for (method, path, body, status) in [
        ("POST", "/api/v1/set", r#"{"key":"k","value":"x","ttl":"1h"}"#, 200),
        ("PUT", "/api/v1/{key}", r#"{"value":["a"]}"#, 200),
        ("GET", "/api/v1/{key}", "", 200),
        ("HEAD", "/api/v1/{key}", "", 200),
        ("PATCH", "/api/v1/{key}", r#"{"value":["a"]}"#, 200),
        ("POST", "/api/v1/{key}/ttl", r#"{"ttl":"1h"}"#, 200),
        ("PATCH", "/api/v1/{key}/ttl", r#"{"ttl":"1h"}"#, 200),
        ("POST", "/api/v1/{key}/push", r#"{"value":"b"}"#, 200),
        ("PATCH", "/api/v1/{key}/push", r#"{"value":"c"}"#, 200),
        ("GET", "/api/v1/{key}/range", "", 200),
        ("POST", "/api/v1/{key}/pop", "", 200),
        ("PATCH", "/api/v1/{key}/pop", "", 200),
        ("POST", "/entry/trim?key={key}&keep=1", "", 200),
        ("POST", "/batch", "[]", 200),
        ("GET", "/keys", "", 200),
        ("GET", "/stats", "", 200),
        ("POST", "/compact", "", 200),
        ("GET", "/backup", "", 200),
        ("GET", "/v1/{key}", "", 200),
        ("PUT", "/v1/{key}", "x", 201),
        ("DELETE", "/v1/{key}", "", 200),
        ("DELETE", "/api/v1/{key}", "", 404),
        ("DELETE", "/batch", "", 405),
        ("DELETE", "/flush", "", 200),
    ] {
        let response = server.send(method, &path.replace("{key}", "k"), body).await;
        assert_eq!(response.status, status, "{method} {path}: {response:?}");
        let operation = &described["paths"][path][method.to_ascii_lowercase()];
        let Some(operation) = operation.as_object() else { continue };
        let documented = operation["responses"][status.to_string()]["headers"].as_object().unwrap();
        let documented = documented.keys().map(|name| name.to_ascii_lowercase());
        let sent = response.headers.keys().map(|name| name.as_str().to_owned());
        // Headers of HTTP itself are not described; those for browsers are described in docs/http.md.
        let general = [
            "content-length",
            "content-security-policy",
            "content-type",
            "cross-origin-resource-policy",
            "date",
            "referrer-policy",
            "transfer-encoding",
            "vary",
            "x-content-type-options",
        ];
        let sent = sent.filter(|name| !general.contains(&&**name));
        let documented = documented.filter(|name| !general.contains(&&**name));
        assert_eq!(documented.collect::<BTreeSet<_>>(), sent.collect(), "{method} {path}");
    }
}

/// The page has every path of the OpenAPI document.
#[tokio::test]
async fn every_path_is_in_the_documentation() {
    let server = Server::start().await;
    let described = server.send("GET", "/openapi.json", "").await.json();
    let page = include_str!("../../../../docs/http.md");
    for path in described["paths"].as_object().unwrap().keys() {
        let is_documented = page.contains(&format!("{path}`"));
        assert!(is_documented, "{path} is not in docs/http.md");
    }
}
