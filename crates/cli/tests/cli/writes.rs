//! All writes, in a pipe.

use crate::server::Server;

#[test]
fn writes_print_their_revision() {
    let server = Server::start(&[]);
    assert_eq!(server.run_ok(&["set", "k", "v"]), "1\n");
    assert_eq!(server.run_ok(&["update", "k", "w", "--ttl", "1h"]), "2\n");
    assert_eq!(server.run_ok(&["persist", "k"]), "3\n");
    assert_eq!(server.run_ok(&["expire", "k", "1h30m"]), "4\n");
    assert_eq!(server.run_ok(&["expire", "k", "none"]), "5\n");
    assert_eq!(server.run_ok(&["push", "l", "a"]), "6\n");
    assert_eq!(server.run_ok(&["remove", "k"]), "7\n");
    assert_eq!(server.run_ok(&["clear", "--yes"]), "1\n");
}

#[test]
fn json_output_has_all_members() {
    let server = Server::start(&[]);
    let json = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&server.run_ok(args)).expect("valid JSON")
    };
    let set = json(&["set", "k", "v", "--json"]);
    assert_eq!(set["revision"], 1);
    assert!(set["updated_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{set}");
    let push = json(&["--json", "push", "l", "a"]);
    assert_eq!((&push["revision"], &push["length"]), (&2.into(), &1.into()));
    let pop = json(&["pop", "l", "--json"]);
    assert_eq!((&pop["popped"], &pop["length"]), (&"a".into(), &0.into()));
    assert_eq!(json(&["clear", "--yes", "--json"]), serde_json::json!({"cleared": 2}));
}

#[test]
fn trim_prints_how_many_elements_were_removed() {
    let server = Server::start(&[]);
    server.run_ok(&["push", "l", "a", "b", "c", "d"]);
    assert_eq!(server.run_ok(&["trim", "l", "3"]), "1\n");
    assert_eq!(server.run_ok(&["trim", "l", "2", "--front"]), "1\n");
    assert_eq!(server.run_ok(&["range", "l"]), "b\nc\n");
    let trim: serde_json::Value =
        serde_json::from_str(&server.run_ok(&["trim", "l", "0", "--json"])).expect("valid JSON");
    assert_eq!(
        (&trim["removed"], &trim["length"], &trim["revision"]),
        (&2.into(), &0.into(), &7.into())
    );
    assert!(trim.get("popped").is_none(), "{trim}");
}

#[test]
fn value_is_text_json_or_list() {
    let server = Server::start(&[]);
    for (args, stored) in [
        (&["42"][..], "\"42\""),
        (&["-5"], "\"-5\""),
        (&["--type", "json", "42"], "42"),
        (&["--type", "json", "-4.50"], "-4.50"),
        (&["--type", "json", "{\"a\": [1]}"], "{\"a\": [1]}"),
        (&["--type", "json", "[1,\"b\"]"], "[1,\"b\"]"),
        (&["--type", "json", "1", "\"b\""], "[1,\"b\"]"),
        (&["a", "b"], "[\"a\",\"b\"]"),
        (&["a", "--list"], "[\"a\"]"),
        (&["--list"], "[]"),
        (&["--", "--list"], "\"--list\""),
    ] {
        server.run_ok(&[&["set", "k"], args].concat());
        let row = server.run_ok(&["get", "k", "--json"]);
        assert!(row.contains(&format!("\"value\":{stored},\"revision\"")), "{args:?}: {row}");
    }
}

#[test]
fn standard_input_is_stored_unchanged() {
    let server = Server::start(&[]);
    let value = |args: &[&str], input: &str| {
        let result = server.run_with(&[&["set", "k"], args].concat(), input);
        assert_eq!((result.code, result.err.as_str()), (0, ""));
        let row: serde_json::Value =
            serde_json::from_str(&server.run_ok(&["get", "k", "--json"])).expect("valid JSON");
        row["value"].clone()
    };
    assert_eq!(value(&["-"], "two\nlines\n"), "two\nlines\n");
    assert_eq!(value(&["-"], ""), "");
    assert_eq!(value(&["-", "--type", "json"], "{\"a\":\n1}\n"), serde_json::json!({"a": 1}));
    assert_eq!(value(&["--lines"], "a\nb\n"), serde_json::json!(["a", "b"]));
    assert_eq!(value(&["x", "-"], "y"), serde_json::json!(["x", "y"]));

    let twice = server.run_with(&["set", "k", "-", "-"], "a");
    assert_eq!(twice.code, 2, "{}", twice.err);
}

#[test]
fn push_and_pop_work_at_both_ends() {
    let server = Server::start(&[]);
    server.run_ok(&["push", "l", "b", "c"]);
    server.run_ok(&["push", "l", "--front", "a"]);
    assert_eq!(server.run_ok(&["get", "l"]), "a\nb\nc\n");
    assert_eq!(server.run_ok(&["pop", "l"]), "c\n");
    assert_eq!(server.run_ok(&["pop", "l", "--front"]), "a\n");
    let pushed = server.run_with(&["push", "l", "--lines"], "x\ny\n");
    assert_eq!(pushed.code, 0, "{}", pushed.err);
    assert_eq!(server.run_ok(&["range", "l"]), "b\nx\ny\n");
}

#[test]
fn several_keys_are_written_atomically() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "a", "1"]);
    let result = server.run(&["remove", "a", "b"]);
    assert_eq!(result.code, 5);
    assert!(result.err.contains("key \"b\" not found"), "{}", result.err);
    assert_eq!(server.run_ok(&["get", "a"]), "1\n", "nothing was removed");

    server.run_ok(&["push", "l", "x", "y"]);
    let event = server.run(&["watch", "--from", "1", "-n", "1", "--json"]);
    assert!(event.out.starts_with("{\"event\":\"batch\",\"revision\":3,"), "{}", event.out);
}

#[test]
fn failed_condition_is_exit_code_6() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", "v", "--if-absent"]);
    server.run_ok(&["push", "l", "v", "--if-absent"]);
    for args in [
        &["set", "k", "w", "--if-absent"][..],
        &["set", "none", "w", "--if-present"],
        &["update", "k", "w", "--if-revision", "7"],
        &["remove", "k", "--if-revision", "7"],
        &["expire", "k", "1h", "--if-revision", "7"],
        &["push", "l", "x", "y", "--if-absent"],
        &["pop", "l", "--if-revision", "7"],
    ] {
        let result = server.run(args);
        assert_eq!((result.code, result.out.as_str()), (6, ""), "{args:?}: {}", result.err);
        assert!(result.err.starts_with("error: condition failed: "), "{}", result.err);
    }
    server.run_ok(&["update", "k", "w", "--if-revision", "1"]);
    server.run_ok(&["set", "k", "x", "--if-present"]);
    let result = server.run(&["set", "k", "x", "--if-present", "--if-absent"]);
    assert_eq!(result.code, 2, "only one condition is allowed: {}", result.err);
}

#[test]
fn clear_without_a_terminal_needs_a_flag() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", "v"]);
    let result = server.run_with(&["clear"], "y\n");
    assert_eq!(result.code, 2, "a pipe cannot confirm");
    assert!(result.err.contains("--yes"), "{}", result.err);
    assert_eq!(server.run_ok(&["get", "k"]), "v\n");
}
