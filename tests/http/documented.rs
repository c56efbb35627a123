//! `docs/http.md`: every command in it is run, in its order, against one server, and answers what is shown.

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
    for line in include_str!("../../docs/http.md").lines() {
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

/// What is served is on the page: every path of the description.
#[tokio::test]
async fn every_path_is_on_the_page() {
    let server = Server::start().await;
    let described = server.ask("GET", "/openapi.json", "").await.json();
    let page = include_str!("../../docs/http.md");
    for path in described["paths"].as_object().unwrap().keys() {
        let is_there = page.contains(&format!("{path}`"));
        assert!(is_there, "{path} is not in docs/http.md");
    }
}
