//! Output on a terminal: tables, colors, and escaped control characters.

use std::process::{Command, Stdio};

use crate::server::Server;

/// Run a command on a terminal, and return its exit code and output.
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
    let output = output.expect("`script` is missing: install bsdutils or util-linux");
    let text = String::from_utf8(output.stdout).expect("UTF-8").replace("\r\n", "\n");
    (output.status.code().expect("not ended by a signal"), text)
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
fn table_is_aligned_and_has_times() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "short", "v", "--ttl", "1h"]);
    server.run_ok(&["set", "a much longer key", "a", "b"]);
    let (code, text) = shown(&server, &["scan"], &[]);
    assert_eq!(code, 0);
    assert!(text.contains('\x1b'), "with color: {text:?}");
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
fn table_is_not_wider_than_the_terminal() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", &"wide ".repeat(100)]);
    let (_, text) = shown(&server, &["scan"], &[]);
    let text = without_color(&text);
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(text.contains('…'), "{text}");
}

#[test]
fn color_depends_on_flag_and_no_color() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", "v"]);
    let has_color = |args: &[&str], environment: &[(&str, &str)]| {
        shown(&server, args, environment).1.contains('\x1b')
    };
    assert!(has_color(&["get", "k"], &[]));
    assert!(has_color(&["get", "k"], &[("NO_COLOR", "")]));
    assert!(!has_color(&["get", "k"], &[("NO_COLOR", "1")]));
    assert!(!has_color(&["scan"], &[("NO_COLOR", "1")]));
    assert!(!has_color(&["get", "k", "--color", "never"], &[]));
    assert!(has_color(&["get", "k", "--color", "always"], &[("NO_COLOR", "1")]));
    assert!(!has_color(&["get", "k", "--json"], &[]), "JSON has no color");
}

#[test]
fn control_characters_in_keys_and_values_are_escaped() {
    let server = Server::start(&[]);
    let evil = "\x1b]0;title\x07\x1b[2J\u{9b}31m\u{202e}";
    server.run_ok(&["set", evil, evil]);
    server.run_ok(&["push", "list", evil]);
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
fn clear_asks_for_confirmation_on_a_terminal() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", "v"]);
    // A terminal at the end of its input.
    let (code, text) = shown(&server, &["clear"], &[]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("Remove all keys of the store? [y/N]"), "{text}");
    assert_eq!(server.run_ok(&["get", "k"]), "v\n");
    let (code, text) = shown(&server, &["clear", "--yes"], &[]);
    assert_eq!((code, text.as_str()), (0, "removed 1 keys\n"));
}
