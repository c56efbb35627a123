//! Every read, piped.

use std::io::Read;

use crate::command::piped;
use crate::server::Server;

#[test]
fn a_value_is_printed_as_it_is() {
    let server = Server::start(&[]);
    server.said(&["set", "text", "a \"text\"\nof two lines\x1b[31m"]);
    assert_eq!(server.said(&["get", "text"]), "a \"text\"\nof two lines\x1b[31m\n");
    server.said(&["set", "json", "--type", "json", "{\"b\":1,  \"a\":2}"]);
    assert_eq!(server.said(&["get", "json"]), "{\"b\":1,  \"a\":2}\n");
    server.said(&["set", "list", "a", "b"]);
    assert_eq!(server.said(&["get", "list"]), "a\nb\n");
    server.said(&["set", "empty", "--list"]);
    assert_eq!(server.said(&["get", "empty"]), "");

    let row: serde_json::Value =
        serde_json::from_str(&server.said(&["get", "list", "--json"])).expect("JSON");
    assert_eq!(row["key"], "list");
    assert_eq!(row["kind"], "string_slice");
    assert_eq!(row["value"], serde_json::json!(["a", "b"]));
    assert_eq!(row["revision"], 3);
    assert_eq!(row["ttl"], serde_json::Value::Null);
}

#[test]
fn parts_of_lists() {
    let server = Server::start(&[]);
    server.said(&["set", "l", "a", "b", "c", "d"]);
    assert_eq!(server.said(&["range", "l"]), "a\nb\nc\nd\n");
    assert_eq!(server.said(&["range", "l", "1", "2"]), "b\nc\n");
    assert_eq!(server.said(&["range", "l", "-1"]), "d\n");
    assert_eq!(server.said(&["range", "l", "-3", "2", "--json"]), "[\"b\",\"c\"]\n");
    assert_eq!(server.said(&["range", "l", "9"]), "");
}

#[test]
fn lists_of_keys_go_on_from_page_to_page() {
    let server = Server::start(&[]);
    let keys: Vec<String> = (0..1_203).map(|n| format!("k/{n:05}")).collect();
    let sets: String = keys
        .iter()
        .map(|key| format!("{{\"command\":\"set\",\"key\":\"{key}\",\"value\":\"v\"}}\n"))
        .collect();
    assert_eq!(server.run_with(&["batch"], &sets).code, 0);
    server.said(&["set", "other", "v"]);

    let printed =
        |args: &[&str]| -> Vec<String> { server.said(args).lines().map(str::to_owned).collect() };
    assert_eq!(printed(&["keys", "k/"]), keys);
    assert_eq!(printed(&["keys"]).len(), 1_204);
    assert_eq!(printed(&["keys", "k/", "--limit", "700"]), keys[..700]);
    assert_eq!(printed(&["keys", "k/", "--after", "k/01200"]), keys[1_201..]);
    assert_eq!(printed(&["keys", "other", "--json"]), ["\"other\""]);
    assert_eq!(printed(&["keys", "none"]), [""; 0]);

    let rows = printed(&["scan", "k/"]);
    assert_eq!(rows.len(), 1_203);
    assert_eq!(rows[1_202], "k/01202\tv");
    let rows = printed(&["scan", "k/", "--limit", "501", "--json"]);
    assert_eq!(rows.len(), 501);
    assert!(rows[500].starts_with("{\"key\":\"k/00500\",\"kind\":\"string\",\"value\":\"v\","));
}

#[test]
fn numbers_of_the_store() {
    let server = Server::start(&[]);
    server.said(&["set", "k", "v"]);
    let lines = server.said(&["stats"]);
    assert!(lines.lines().any(|line| line == "entries\t1"), "{lines}");
    let json: serde_json::Value =
        serde_json::from_str(&server.said(&["stats", "--json"])).expect("JSON");
    assert_eq!((&json["entries"], &json["revision"]), (&1.into(), &1.into()));
    assert_eq!(json["id"].as_str().map(str::len), Some(16));
    assert_eq!(json["journal"]["appends"], 0);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let server = Server::start(&[]);
    let sets: String = (0..5_000)
        .map(|n| format!("{{\"command\":\"set\",\"key\":\"{n:050}\",\"value\":\"v\"}}\n"))
        .collect();
    assert_eq!(server.run_with(&["batch"], &sets).code, 0);
    for command in ["keys", "scan", "export"] {
        let mut child = piped(&mut server.command(&[command]));
        let mut first = [0];
        child.stdout.take().expect("a pipe").read_exact(&mut first).expect("a byte");
        let ended = crate::command::ended(child.wait_with_output().expect("it ends"));
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{command}");
    }
}
