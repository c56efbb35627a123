//! Exit codes and error messages.

use crate::command::{mainspring, run};
use crate::server::{Server, fake_server, free_port};

/// Check the exit code and a part of the message.
#[track_caller]
fn fails(server: &Server, args: &[&str], code: i32, message: &str) {
    let result = server.run(args);
    assert_eq!((result.code, result.out.as_str()), (code, ""), "{args:?}: {}", result.err);
    assert!(
        result.err.starts_with("error: ") && result.err.contains(message),
        "{args:?}: {}",
        result.err
    );
}

#[test]
fn absent_key_is_exit_code_5() {
    let server = Server::start(&[]);
    let no_key = "key \"k\" not found";
    for args in [
        &["get", "k"][..],
        &["range", "k"],
        &["update", "k", "v"],
        &["remove", "k"],
        &["pop", "k"],
        &["expire", "k", "1h"],
        &["persist", "k"],
        &["get", "k", "--json"],
    ] {
        fails(&server, args, 5, no_key);
    }
    server.run_ok(&["set", "k", "--list"]);
    fails(&server, &["pop", "k"], 5, "list \"k\" is empty");
}

#[test]
fn rejected_command_is_exit_code_7() {
    let server = Server::start(&["--max-entries", "1", "--max-entry-bytes", "100"]);
    server.run_ok(&["set", "k", "v"]);
    fails(&server, &["push", "k", "v"], 7, "key \"k\" holds an item; expected a list");
    fails(&server, &["range", "k"], 7, "key \"k\" holds an item; expected a list");
    fails(&server, &["set", "l", "v"], 7, "the store is full (entries limit 1)");
    fails(&server, &["set", "k", &"v".repeat(200)], 7, "the limit for one entry is 100");
    fails(&server, &["watch", "--from", "9"], 7, "revision 9 is ahead of the store");
    fails(&server, &["watch", "--from", "0123456789abcdef-1"], 7, "--from snapshot");
}

#[test]
fn invalid_command_line_is_exit_code_2() {
    let server = Server::start(&[]);
    for (args, message) in [
        (&["set", "k"][..], "missing VALUE"),
        (&["push", "k"], "missing VALUE"),
        (&["set", "k", "v", "--ttl", "1d"], "units are ns, us, ms, s, m, h"),
        (&["set", "k", "v", "--ttl", "0"], "above zero"),
        (&["set", "k", "--type", "json", "nul"], "invalid JSON"),
        (&["set", "k", "--type", "json", "[[]]"], "a list cannot contain a list"),
        (&["set", "", "v"], "a key is 1 to 1024 bytes"),
        (&["get", "k", "--url", "nonsense"], "--url nonsense: "),
        (&["watch", "k", "--prefix", "k"], "cannot be used with"),
        (&["watch", "--from", "yesterday"], "expected now, snapshot, a revision"),
        (&["bench", "--clients", "0"], "0 is not in 1.."),
        (&["get", "k", "--timeout", "0"], "above zero"),
        (&["--json", "serve"], "--json applies only to commands that connect to a server"),
        (&["jump"], "unrecognized subcommand 'jump'"),
    ] {
        fails(&server, args, 2, message);
    }
}

#[test]
fn unreachable_server_is_exit_code_8() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for args in
        [&["get", "k"][..], &["set", "k", "v"], &["watch"], &["export"], &["bench"], &["stats"]]
    {
        let result = run(mainspring(args).env("MAINSPRING_URL", &url));
        assert_eq!((result.code, result.out.as_str()), (8, ""), "{args:?}");
        let message = format!(
            "error: no server at {url}: start one with \"mainspring serve\", or set --url ("
        );
        assert!(result.err.starts_with(&message), "{args:?}: {}", result.err);
    }
}

#[test]
fn password_in_the_url_is_not_printed() {
    let port = free_port();
    let server = Server::start(&[]);
    let with = |url: &str| url.replace("http://", "http://ada:secret@");
    for (url, code) in [
        (with(&format!("http://127.0.0.1:{port}/store")), 8),
        (with(&server.url).replace("secret", "se/cret"), 2),
        ("ada:secret@localhost".into(), 2),
        ("http://ada:se@cret@nowhere:port".into(), 2),
    ] {
        for args in [&["get", "k"][..], &["set", "k", "v"], &["watch"], &["bench"]] {
            let result = run(mainspring(args).env("MAINSPRING_URL", &url));
            assert_eq!(result.code, code, "{url} {args:?}: {}", result.err);
            assert!(!result.err.contains("cret") && !result.err.contains("ada"), "{}", result.err);
        }
        let result = run(&mut mainspring(&["ready", "--url", &url]));
        assert_eq!(result.code, 1, "{}", result.err);
        assert!(!result.err.contains("cret") && !result.err.contains("ada"), "{}", result.err);
    }
    let url = format!("http://127.0.0.1:{port}/store");
    let result = run(mainspring(&["get", "k"]).env("MAINSPRING_URL", with(&url)));
    assert!(
        result.err.starts_with(&format!("error: no server at {url}: start one")),
        "{}",
        result.err
    );
}

/// A server that sends terminal control sequences.
#[test]
fn messages_of_a_server_are_escaped() {
    let message = "\\u001b]0;t\\u0007\u{9b}2J\u{202e}";
    let body = format!("{{\"code\":\"odd\",\"message\":\"{message}\",\"status\":\"{message}\"}}");
    let url = fake_server("400 Bad Request", &body);
    for args in [&["get", "k"][..], &["set", "k", "v"], &["watch"], &["ready"]] {
        let result = run(&mut mainspring(&[args, &["--url", &url]].concat()));
        assert!(result.err.contains("\\u{1b}"), "{args:?}: {}", result.err);
        let odd = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!result.err.contains(odd), "{args:?}: {:?}", result.err);
    }
}

#[test]
fn url_flag_overrides_the_variable() {
    let server = Server::start(&[]);
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    for args in
        [&["--url", &server.url, "set", "k", "v"][..], &["set", "k", "v", "--url", &server.url]]
    {
        let result = run(mainspring(args).env("MAINSPRING_URL", &nowhere));
        assert_eq!(result.code, 0, "the flag overrides the variable: {}", result.err);
    }
    let after = run(&mut mainspring(&["--url", &nowhere, "get", "k", "--url", &server.url]));
    assert_eq!(after.code, 0, "the last flag wins: {}", after.err);
}

/// A server that accepts connections and does not respond.
#[test]
fn request_times_out() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let read = run(&mut mainspring(&["get", "k", "--timeout", "50ms", "--url", &url]));
    assert_eq!(read.code, 8, "{}", read.err);
    let write = run(&mut mainspring(&["set", "k", "v", "--timeout", "50ms", "--url", &url]));
    assert_eq!(write.code, 9, "{}", write.err);
    assert!(write.err.contains("may or may not have happened"), "{}", write.err);
}

#[test]
fn help_lists_the_exit_codes() {
    for args in [&["--help"][..], &["get", "--help"], &["journal", "check", "--help"]] {
        let result = run(&mut mainspring(args));
        assert_eq!(result.code, 0);
        for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130] {
            assert!(
                result.out.lines().any(|line| line.starts_with(&format!("  {code:<5}"))),
                "{code}"
            );
        }
    }
}
