//! All reads, in a pipe.

use std::io::Read;

use crate::command::piped;
use crate::server::Server;

#[test]
fn value_is_printed_unchanged() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "text", "a \"text\"\nof two lines\x1b[31m"]);
    assert_eq!(server.run_ok(&["get", "text"]), "a \"text\"\nof two lines\x1b[31m\n");
    server.run_ok(&["set", "json", "--type", "json", "{\"b\":1,  \"a\":2}"]);
    assert_eq!(server.run_ok(&["get", "json"]), "{\"b\":1,  \"a\":2}\n");
    server.run_ok(&["set", "list", "a", "b"]);
    assert_eq!(server.run_ok(&["get", "list"]), "a\nb\n");
    server.run_ok(&["set", "empty", "--list"]);
    assert_eq!(server.run_ok(&["get", "empty"]), "");

    let row: serde_json::Value =
        serde_json::from_str(&server.run_ok(&["get", "list", "--json"])).expect("valid JSON");
    assert_eq!(row["key"], "list");
    assert_eq!(row["kind"], "string_slice");
    assert_eq!(row["value"], serde_json::json!(["a", "b"]));
    assert_eq!(row["revision"], 3);
    assert_eq!(row["ttl"], serde_json::Value::Null);
}

#[test]
fn range_prints_a_part_of_a_list() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "l", "a", "b", "c", "d"]);
    assert_eq!(server.run_ok(&["range", "l"]), "a\nb\nc\nd\n");
    assert_eq!(server.run_ok(&["range", "l", "1", "2"]), "b\nc\n");
    assert_eq!(server.run_ok(&["range", "l", "-1"]), "d\n");
    assert_eq!(server.run_ok(&["range", "l", "-3", "2", "--json"]), "[\"b\",\"c\"]\n");
    assert_eq!(server.run_ok(&["range", "l", "9"]), "");
}

#[test]
fn keys_and_scan_print_all_pages() {
    let server = Server::start(&[]);
    let keys: Vec<String> = (0..1_203).map(|n| format!("k/{n:05}")).collect();
    let sets: String = keys
        .iter()
        .map(|key| format!("{{\"command\":\"set\",\"key\":\"{key}\",\"value\":\"v\"}}\n"))
        .collect();
    assert_eq!(server.run_with(&["batch"], &sets).code, 0);
    server.run_ok(&["set", "other", "v"]);

    let printed =
        |args: &[&str]| -> Vec<String> { server.run_ok(args).lines().map(str::to_owned).collect() };
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
fn stats_are_printed_as_lines_and_json() {
    let server = Server::start(&[]);
    server.run_ok(&["set", "k", "v"]);
    let lines = server.run_ok(&["stats"]);
    assert!(lines.lines().any(|line| line == "entries\t1"), "{lines}");
    let json: serde_json::Value =
        serde_json::from_str(&server.run_ok(&["stats", "--json"])).expect("valid JSON");
    assert_eq!((&json["entries"], &json["revision"]), (&1.into(), &1.into()));
    assert_eq!(json["id"].as_str().map(str::len), Some(16));
    assert_eq!(json["journal"]["appends"], 0);
}

#[test]
fn closed_pipe_is_not_a_failure() {
    let server = Server::start(&[]);
    let sets: String = (0..5_000)
        .map(|n| format!("{{\"command\":\"set\",\"key\":\"{n:050}\",\"value\":\"v\"}}\n"))
        .collect();
    assert_eq!(server.run_with(&["batch"], &sets).code, 0);
    for command in ["keys", "scan", "export"] {
        let mut child = piped(&mut server.command(&[command]));
        let mut first = [0];
        child.stdout.take().expect("stdio is piped").read_exact(&mut first).expect("a byte");
        let result =
            crate::command::run_output(child.wait_with_output().expect("the process ends"));
        assert_eq!((result.code, result.err.as_str()), (0, ""), "{command}");
    }
}
