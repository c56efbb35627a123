//! Every write, piped.

use crate::server::Server;

#[test]
fn writes_print_their_revision() {
    let server = Server::start(&[]);
    assert_eq!(server.said(&["set", "k", "v"]), "1\n");
    assert_eq!(server.said(&["update", "k", "w", "--ttl", "1h"]), "2\n");
    assert_eq!(server.said(&["persist", "k"]), "3\n");
    assert_eq!(server.said(&["expire", "k", "1h30m"]), "4\n");
    assert_eq!(server.said(&["expire", "k", "none"]), "5\n");
    assert_eq!(server.said(&["push", "l", "a"]), "6\n");
    assert_eq!(server.said(&["remove", "k"]), "7\n");
    assert_eq!(server.said(&["clear", "--yes"]), "1\n");
}

#[test]
fn json_says_all_of_it() {
    let server = Server::start(&[]);
    let said = |args: &[&str]| -> serde_json::Value {
        serde_json::from_str(&server.said(args)).expect("JSON")
    };
    let set = said(&["set", "k", "v", "--json"]);
    assert_eq!(set["revision"], 1);
    assert!(set["updated_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{set}");
    let push = said(&["--json", "push", "l", "a"]);
    assert_eq!((&push["revision"], &push["length"]), (&2.into(), &1.into()));
    let pop = said(&["pop", "l", "--json"]);
    assert_eq!((&pop["popped"], &pop["length"]), (&"a".into(), &0.into()));
    assert_eq!(said(&["clear", "--yes", "--json"]), serde_json::json!({"cleared": 2}));
}

#[test]
fn trim_prints_how_many_elements_were_removed() {
    let server = Server::start(&[]);
    server.said(&["push", "l", "a", "b", "c", "d"]);
    assert_eq!(server.said(&["trim", "l", "3"]), "1\n");
    assert_eq!(server.said(&["trim", "l", "2", "--front"]), "1\n");
    assert_eq!(server.said(&["range", "l"]), "b\nc\n");
    let trim: serde_json::Value =
        serde_json::from_str(&server.said(&["trim", "l", "0", "--json"])).expect("JSON");
    assert_eq!(
        (&trim["removed"], &trim["length"], &trim["revision"]),
        (&2.into(), &0.into(), &7.into())
    );
    assert!(trim.get("popped").is_none(), "{trim}");
}

#[test]
fn what_a_value_is() {
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
        server.said(&[&["set", "k"], args].concat());
        let row = server.said(&["get", "k", "--json"]);
        assert!(row.contains(&format!("\"value\":{stored},\"revision\"")), "{args:?}: {row}");
    }
}

#[test]
fn the_standard_input_is_taken_as_it_is() {
    let server = Server::start(&[]);
    let value = |args: &[&str], input: &str| {
        let ended = server.run_with(&[&["set", "k"], args].concat(), input);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        let row: serde_json::Value =
            serde_json::from_str(&server.said(&["get", "k", "--json"])).expect("JSON");
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
fn lists_have_two_ends() {
    let server = Server::start(&[]);
    server.said(&["push", "l", "b", "c"]);
    server.said(&["push", "l", "--front", "a"]);
    assert_eq!(server.said(&["get", "l"]), "a\nb\nc\n");
    assert_eq!(server.said(&["pop", "l"]), "c\n");
    assert_eq!(server.said(&["pop", "l", "--front"]), "a\n");
    let pushed = server.run_with(&["push", "l", "--lines"], "x\ny\n");
    assert_eq!(pushed.code, 0, "{}", pushed.err);
    assert_eq!(server.said(&["range", "l"]), "b\nx\ny\n");
}

#[test]
fn several_writes_are_done_together() {
    let server = Server::start(&[]);
    server.said(&["set", "a", "1"]);
    let ended = server.run(&["remove", "a", "b"]);
    assert_eq!(ended.code, 5);
    assert!(ended.err.contains("there is no key \"b\""), "{}", ended.err);
    assert_eq!(server.said(&["get", "a"]), "1\n", "nothing was removed");

    server.said(&["push", "l", "x", "y"]);
    let told = server.run(&["watch", "--from", "1", "-n", "1", "--json"]);
    assert!(told.out.starts_with("{\"event\":\"batch\",\"revision\":3,"), "{}", told.out);
}

#[test]
fn conditions() {
    let server = Server::start(&[]);
    server.said(&["set", "k", "v", "--if-absent"]);
    server.said(&["push", "l", "v", "--if-absent"]);
    for args in [
        &["set", "k", "w", "--if-absent"][..],
        &["set", "none", "w", "--if-present"],
        &["update", "k", "w", "--if-revision", "7"],
        &["remove", "k", "--if-revision", "7"],
        &["expire", "k", "1h", "--if-revision", "7"],
        &["push", "l", "x", "y", "--if-absent"],
        &["pop", "l", "--if-revision", "7"],
    ] {
        let ended = server.run(args);
        assert_eq!((ended.code, ended.out.as_str()), (6, ""), "{args:?}: {}", ended.err);
        assert!(ended.err.starts_with("error: the condition does not hold: "), "{}", ended.err);
    }
    server.said(&["update", "k", "w", "--if-revision", "1"]);
    server.said(&["set", "k", "x", "--if-present"]);
    let ended = server.run(&["set", "k", "x", "--if-present", "--if-absent"]);
    assert_eq!(ended.code, 2, "one condition: {}", ended.err);
}

#[test]
fn a_clear_is_confirmed() {
    let server = Server::start(&[]);
    server.said(&["set", "k", "v"]);
    let ended = server.run_with(&["clear"], "y\n");
    assert_eq!(ended.code, 2, "a pipe is nobody to ask");
    assert!(ended.err.contains("--yes"), "{}", ended.err);
    assert_eq!(server.said(&["get", "k"]), "v\n");
}
