//! What people see: on a terminal there are tables, colour, and no orders to the terminal from keys and values.

use std::process::{Command, Stdio};

use crate::server::Server;

/// What a command prints to a terminal, and how it ends.
fn shown(server: &Server, args: &[&str], environment: &[(&str, &str)]) -> (i32, String) {
    let program = env!("CARGO_BIN_EXE_mainspring");
    let quoted: Vec<String> =
        args.iter().map(|arg| format!("'{}'", arg.replace('\'', r"'\''"))).collect();
    let command = format!("stty cols 100 rows 30; '{program}' {}", quoted.join(" "));
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &command, "/dev/null"]);
    script.env_clear().env("MAINSPRING_URL", &server.url).env("PATH", "/usr/bin:/bin");
    script.env("TERM", "xterm").envs(environment.iter().copied());
    let output = script.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output =
        output.expect("`script` is needed: apt-get install bsdutils (elsewhere util-linux)");
    let text = String::from_utf8(output.stdout).expect("text").replace("\r\n", "\n");
    (output.status.code().expect("it ended by itself"), text)
}

fn without_color(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain += before;
        rest = after.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
    }
    plain + rest
}

#[test]
fn tables_are_aligned_and_say_when() {
    let server = Server::start(&[]);
    server.said(&["set", "short", "v", "--ttl", "1h"]);
    server.said(&["set", "a much longer key", "a", "b"]);
    let (code, text) = shown(&server, &["scan"], &[]);
    assert_eq!(code, 0);
    assert!(text.contains('\x1b'), "in colour: {text:?}");
    let text = without_color(&text);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let columns: Vec<usize> = ["VALUE", "REVISION", "UPDATED", "EXPIRES"]
        .map(|name| lines[0].find(name).expect(name))
        .into();
    assert_eq!(lines[1].find("[\"a\",\"b\"]"), Some(columns[0]), "{text}");
    assert_eq!(lines[2].find("v "), Some(columns[0]), "{text}");
    assert_eq!(lines[2].find("in 59m"), Some(columns[3]), "{text}");
    assert_eq!(lines[1][columns[3]..].trim_end(), "-", "{text}");

    let (_, text) = shown(&server, &["get", "short"], &[]);
    let text = without_color(&text);
    assert!(text.starts_with("v\nrevision 1, updated "), "{text}");
    assert!(text.ends_with(", expires in 59m\n"), "{text}");
    let (_, text) = shown(&server, &["push", "a much longer key", "c"], &[]);
    assert_eq!(without_color(&text), "revision 3, list of 3\n");
    let (_, text) = shown(&server, &["stats"], &[]);
    assert!(without_color(&text).contains("entries"), "{text}");
}

#[test]
fn a_table_is_as_wide_as_the_terminal_at_most() {
    let server = Server::start(&[]);
    server.said(&["set", "k", &"wide ".repeat(100)]);
    let (_, text) = shown(&server, &["scan"], &[]);
    let text = without_color(&text);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains('…'), "{text}");
}

#[test]
fn colour_is_a_choice() {
    let server = Server::start(&[]);
    server.said(&["set", "k", "v"]);
    let is_coloured = |args: &[&str], environment: &[(&str, &str)]| {
        shown(&server, args, environment).1.contains('\x1b')
    };
    assert!(is_coloured(&["get", "k"], &[]));
    assert!(is_coloured(&["get", "k"], &[("NO_COLOR", "")]));
    assert!(!is_coloured(&["get", "k"], &[("NO_COLOR", "1")]));
    assert!(!is_coloured(&["scan"], &[("NO_COLOR", "1")]));
    assert!(!is_coloured(&["get", "k", "--color", "never"], &[]));
    assert!(is_coloured(&["get", "k", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!is_coloured(&["get", "k", "--json"], &[]), "programs read it");
}

#[test]
fn keys_and_values_give_no_orders() {
    let server = Server::start(&[]);
    let evil = "\x1b]0;title\x07\x1b[2J\u{9b}31m\u{202e}";
    server.said(&["set", evil, evil]);
    server.said(&["push", "list", evil]);
    let commands: [&[&str]; 13] = [
        &["keys"],
        &["scan"],
        &["get", evil],
        &["range", "list"],
        &["watch", "--from", "0", "-n", "2"],
        &["watch", "--from", "snapshot", "--until-revision", "1"],
        &["keys", "--json"],
        &["scan", "--json"],
        &["range", "list", "--json"],
        &["watch", "--from", "0", "-n", "2", "--json"],
        &["export"],
        &["pop", "list"],
        &["get", "not there: \x1b[2J"],
    ];
    for command in commands {
        let (_, text) = shown(&server, &[command, &["--color", "never"]].concat(), &[]);
        let odd = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!text.contains(odd), "{command:?}: {text:?}");
        let is_shown = text.contains("\\u{1b}") || text.contains("\\u001b");
        assert!(is_shown, "{command:?}: {text:?}");
    }
}

#[test]
fn a_clear_asks_whoever_is_there() {
    let server = Server::start(&[]);
    server.said(&["set", "k", "v"]);
    // A terminal whose keyboard has nothing more to say.
    let (code, text) = shown(&server, &["clear"], &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Remove every key of the store? [y/N]"), "{text}");
    assert_eq!(server.said(&["get", "k"]), "v\n");
    let (code, text) = shown(&server, &["clear", "--yes"], &[]);
    assert_eq!((code, text.as_str()), (0, "removed 1 keys\n"));
}
