//! `docs/http.md`: every command in it is run, in its order, against one server, and answers what is shown.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use super::Server;

/// A command, and the lines that are shown after it.
struct Shown {
    command: &'static str,
    lines: Vec<&'static str>,
}

fn shown() -> Vec<Shown> {
    let mut all: Vec<Shown> = Vec::new();
    let mut inside = false;
    for line in include_str!("../../../../docs/http.md").lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match line.strip_prefix("$ ") {
                Some(command) => all.push(Shown { command, lines: Vec::new() }),
                None => all.last_mut().expect("a command first").lines.push(line),
            },
        }
    }
    all
}

/// Without what is different in every run: times, and the id of the store.
fn alike(line: &str) -> String {
    // The last zeros of a time are not written.
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
async fn every_command_of_the_page_answers_what_is_shown() {
    let curl = Command::new("curl").arg("--version").stdout(Stdio::null()).status();
    assert!(curl.is_ok_and(|status| status.success()), "curl is needed: apt-get install curl");
    let server = Server::start().await;
    let commands = shown();
    assert!(commands.len() > 20, "{} commands", commands.len());
    for Shown { command, lines } in commands {
        let here = command.replace("localhost:8080", &server.address.to_string());
        let shell = move || Command::new("sh").args(["-c", &here]).stdin(Stdio::null()).output();
        let output = tokio::task::spawn_blocking(shell).await.unwrap().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        // The date is of no interest.
        let said = said.lines().map(str::trim_end).filter(|line| !line.starts_with("date: "));
        let said: Vec<String> = said.map(alike).collect();
        let lines: Vec<String> = lines.into_iter().map(alike).collect();
        assert_eq!(said, lines, "{command}\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// What the description says of headers is what is sent.
#[tokio::test]
async fn headers_are_as_they_are_described() {
    let server = Server::start().await;
    let described = server.ask("GET", "/openapi.json", "").await.json();
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
        let told = server.ask(method, &path.replace("{key}", "k"), body).await;
        assert_eq!(told.status, status, "{method} {path}: {told:?}");
        let operation = &described["paths"][path][method.to_ascii_lowercase()];
        let Some(operation) = operation.as_object() else { continue };
        let said = operation["responses"][status.to_string()]["headers"].as_object().unwrap();
        let said = said.keys().map(|name| name.to_ascii_lowercase());
        let sent = told.headers.keys().map(|name| name.as_str().to_owned());
        // What HTTP itself says needs no description, and what all answers tell browsers has one on the page.
        let known = [
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
        let sent = sent.filter(|name| !known.contains(&&**name));
        let said = said.filter(|name| !known.contains(&&**name));
        assert_eq!(said.collect::<BTreeSet<_>>(), sent.collect(), "{method} {path}");
    }
}

/// What is served is on the page: every path of the description.
#[tokio::test]
async fn every_path_is_on_the_page() {
    let server = Server::start().await;
    let described = server.ask("GET", "/openapi.json", "").await.json();
    let page = include_str!("../../../../docs/http.md");
    for path in described["paths"].as_object().unwrap().keys() {
        let is_there = page.contains(&format!("{path}`"));
        assert!(is_there, "{path} is not in docs/http.md");
    }
}
