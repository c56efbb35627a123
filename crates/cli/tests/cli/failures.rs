//! Exit codes, and what is said of failures.

use crate::command::{mainspring, run};
use crate::server::{Server, free_port, liar};

/// Which code, and a part of what is said.
#[track_caller]
fn fails(server: &Server, args: &[&str], code: i32, says: &str) {
    let ended = server.run(args);
    assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{args:?}: {}", ended.err);
    assert!(
        ended.err.starts_with("error: ") && ended.err.contains(says),
        "{args:?}: {}",
        ended.err
    );
}

#[test]
fn what_is_not_there() {
    let server = Server::start(&[]);
    let no_key = "there is no key \"k\"";
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
    server.said(&["set", "k", "--list"]);
    fails(&server, &["pop", "k"], 5, "the list \"k\" is empty");
}

#[test]
fn what_the_store_refuses() {
    let server = Server::start(&["--max-entries", "1", "--max-entry-bytes", "100"]);
    server.said(&["set", "k", "v"]);
    fails(&server, &["push", "k", "v"], 7, "\"k\" holds an item, not a list");
    fails(&server, &["range", "k"], 7, "\"k\" holds an item, not a list");
    fails(&server, &["set", "l", "v"], 7, "the store is full (entries limit 1)");
    fails(&server, &["set", "k", &"v".repeat(200)], 7, "the limit for one entry is 100");
    fails(&server, &["watch", "--from", "9"], 7, "revision 9 is ahead of the store");
    fails(&server, &["watch", "--from", "0123456789abcdef-1"], 7, "--from snapshot");
}

#[test]
fn what_makes_no_sense() {
    let server = Server::start(&[]);
    for (args, says) in [
        (&["set", "k"][..], "give a VALUE"),
        (&["push", "k"], "give a VALUE"),
        (&["set", "k", "v", "--ttl", "1d"], "units are ns, us, ms, s, m, h"),
        (&["set", "k", "v", "--ttl", "0"], "more than zero"),
        (&["set", "k", "--type", "json", "nul"], "no JSON"),
        (&["set", "k", "--type", "json", "[[]]"], "a list cannot contain a list"),
        (&["set", "", "v"], "a key is 1 to 1024 bytes"),
        (&["get", "k", "--url", "nonsense"], "--url nonsense: "),
        (&["watch", "k", "--prefix", "k"], "cannot be used with"),
        (&["watch", "--from", "yesterday"], "it is now, snapshot, a revision"),
        (&["bench", "--clients", "0"], "0 is not in 1.."),
        (&["get", "k", "--timeout", "0"], "more than zero"),
        (&["--json", "serve"], "--json is for the commands that talk to a server"),
        (&["jump"], "unrecognized subcommand 'jump'"),
    ] {
        fails(&server, args, 2, says);
    }
}

#[test]
fn no_server() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for args in
        [&["get", "k"][..], &["set", "k", "v"], &["watch"], &["export"], &["bench"], &["stats"]]
    {
        let ended = run(mainspring(args).env("MAINSPRING_URL", &url));
        assert_eq!((ended.code, ended.out.as_str()), (8, ""), "{args:?}");
        let says = format!(
            "error: no server at {url}: start one with \"mainspring serve\", or name it with --url ("
        );
        assert!(ended.err.starts_with(&says), "{args:?}: {}", ended.err);
    }
}

#[test]
fn a_password_is_not_told() {
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
            let ended = run(mainspring(args).env("MAINSPRING_URL", &url));
            assert_eq!(ended.code, code, "{url} {args:?}: {}", ended.err);
            assert!(!ended.err.contains("cret") && !ended.err.contains("ada"), "{}", ended.err);
        }
        let ended = run(&mut mainspring(&["ready", "--url", &url]));
        assert_eq!(ended.code, 1, "{}", ended.err);
        assert!(!ended.err.contains("cret") && !ended.err.contains("ada"), "{}", ended.err);
    }
    let url = format!("http://127.0.0.1:{port}/store");
    let ended = run(mainspring(&["get", "k"]).env("MAINSPRING_URL", with(&url)));
    assert!(
        ended.err.starts_with(&format!("error: no server at {url}: start one")),
        "{}",
        ended.err
    );
}

/// A server of another kind, that has something to say to a terminal.
#[test]
fn what_a_server_says_gives_no_orders() {
    let said = "\\u001b]0;t\\u0007\u{9b}2J\u{202e}";
    let body = format!("{{\"code\":\"odd\",\"message\":\"{said}\",\"status\":\"{said}\"}}");
    let url = liar("400 Bad Request", &body);
    for args in [&["get", "k"][..], &["set", "k", "v"], &["watch"], &["ready"]] {
        let ended = run(&mut mainspring(&[args, &["--url", &url]].concat()));
        assert!(ended.err.contains("\\u{1b}"), "{args:?}: {}", ended.err);
        let odd = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!ended.err.contains(odd), "{args:?}: {:?}", ended.err);
    }
}

#[test]
fn the_server_is_named_by_a_flag_or_a_variable() {
    let server = Server::start(&[]);
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    for args in
        [&["--url", &server.url, "set", "k", "v"][..], &["set", "k", "v", "--url", &server.url]]
    {
        let ended = run(mainspring(args).env("MAINSPRING_URL", &nowhere));
        assert_eq!(ended.code, 0, "a flag counts more: {}", ended.err);
    }
    let after = run(&mut mainspring(&["--url", &nowhere, "get", "k", "--url", &server.url]));
    assert_eq!(after.code, 0, "and the last most: {}", after.err);
}

/// A server that takes the connection and says nothing.
#[test]
fn an_answer_is_not_waited_for_for_ever() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", silent.local_addr().expect("an address"));
    let read = run(&mut mainspring(&["get", "k", "--timeout", "50ms", "--url", &url]));
    assert_eq!(read.code, 8, "{}", read.err);
    let write = run(&mut mainspring(&["set", "k", "v", "--timeout", "50ms", "--url", &url]));
    assert_eq!(write.code, 9, "{}", write.err);
    assert!(write.err.contains("may or may not have happened"), "{}", write.err);
}

#[test]
fn the_codes_are_in_the_help() {
    for args in [&["--help"][..], &["get", "--help"], &["journal", "check", "--help"]] {
        let ended = run(&mut mainspring(args));
        assert_eq!(ended.code, 0);
        for code in [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130] {
            assert!(
                ended.out.lines().any(|line| line.starts_with(&format!("  {code:<5}"))),
                "{code}"
            );
        }
    }
}
